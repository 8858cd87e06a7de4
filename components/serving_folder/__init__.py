"""The folder that a model server watches: versions appear whole or not at all, and can be rolled back."""
