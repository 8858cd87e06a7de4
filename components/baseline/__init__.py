"""The model that now serves, as an artifact to compare a candidate with."""
