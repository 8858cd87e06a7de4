"""The environment of a run: the output folder, the variables of native libraries, pretrained weights."""
