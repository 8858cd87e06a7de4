"""The network: the encoder (one tower), distances, losses and augmentation."""
