"""The run report: one HTML page with the outcome, the metrics, the misclassified pairs and the data of a run."""
