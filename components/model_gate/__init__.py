"""Judges a candidate on its scored test pairs: sanity, slices, and the change against the model that serves."""
