"""The structure of image files: what bounds the work of decoding one before it is done, one module for each format."""
