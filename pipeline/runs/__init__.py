"""Runs under an output folder: their records, metadata, lineage and listing."""
