"""From distances to verdicts: metrics of a verifier, operating points, the calibrated score."""
