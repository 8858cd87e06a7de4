"""Run records under an output folder: metadata store, lineage, list of runs, serving history, report."""
