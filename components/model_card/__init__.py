"""The model card: what a model is for, what it was measured to do, and for what it fails."""
