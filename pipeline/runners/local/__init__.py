"""The graph on one machine: LocalDagRunner, sqlite metadata, Beam's in-process runner."""
