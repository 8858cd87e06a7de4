"""What a run finds around it: where it reads and writes, the serving folder, libraries, pretrained weights."""
