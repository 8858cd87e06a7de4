"""Lets a run go on to training only where enough images are new to the model that serves."""
