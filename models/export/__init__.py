"""What a training leaves behind: the SavedModel with its signatures and manifest, and the code that asks it."""
