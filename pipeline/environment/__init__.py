"""The environment of a run: the output folder, what the graph takes, pretrained weights."""
