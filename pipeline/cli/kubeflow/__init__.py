"""``siamese kubeflow``: the same pipeline on Kubeflow Pipelines; one module a command, as in ``pipeline.cli``."""
