"""Terminal output of a run: stages, progress, summary."""
