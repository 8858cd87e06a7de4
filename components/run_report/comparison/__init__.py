"""The comparison of two runs on one page."""
