"""Runs under an output folder: read from the metadata store, listed, and shown in a report."""
