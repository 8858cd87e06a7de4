"""What a run left behind, read back: where its artifacts lie, their figures, where its model comes from."""
