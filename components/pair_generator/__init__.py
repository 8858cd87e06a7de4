"""Makes balanced genuine and impostor pairs out of each split of the images."""
