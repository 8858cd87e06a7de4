"""Runs on the cluster: watched, reported, their artifacts fetched."""
