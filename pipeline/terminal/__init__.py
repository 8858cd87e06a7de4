"""What a person sees of a run: progress, errors, the summary card."""
