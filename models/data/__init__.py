"""What the network reads: images and pairs of a split, their features, canonical pixels and batches."""
