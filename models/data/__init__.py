"""What the network reads: images and pairs of a split, their features and canonical pixels, and the batches made of them."""
