"""The component that makes balanced genuine and impostor pairs of each split of the images."""
