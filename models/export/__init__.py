"""The exported model: SavedModel, signatures and manifest, and inference with it."""
