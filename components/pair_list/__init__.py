"""Lists of pairs that a user made: a verification protocol of their own or of a benchmark."""
