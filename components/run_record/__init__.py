"""Reads a run back from its artifacts: files, metrics, lineage."""
