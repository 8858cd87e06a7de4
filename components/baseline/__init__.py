"""The baseline: the model that serves, as an artifact that candidates are compared with."""
