"""The environment of a run: the output and serving folders, native libraries, pretrained weights."""
