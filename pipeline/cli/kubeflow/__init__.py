"""``siamese kubeflow``: compile, check, submit, follow, schedule."""
