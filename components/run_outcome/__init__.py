"""The last node: what a run came to, written down, told to those who want to hear of it."""
