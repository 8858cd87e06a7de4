"""Ends a run before training if too few images are new to the model that serves."""
