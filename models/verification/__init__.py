"""Verification: metrics, operating points, and the calibration from distance to score."""
