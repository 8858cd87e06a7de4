"""The run report: one page that says what came of a run, why, and what its model gets wrong."""
