"""The outcome of a run: the verdict, its artifacts and the summary that every view reads, and alerts."""
