"""The search for a better recipe, before the training."""
