"""The same graph on Kubeflow Pipelines: compiled, checked, run step by step, submitted and scheduled."""
