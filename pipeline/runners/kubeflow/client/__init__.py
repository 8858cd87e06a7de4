"""The client of a Kubeflow Pipelines server: a separate process, in a separate environment (``.venv-kubeflow``).

The SDK needs protobuf 6, TFX 1.16 protobuf 3.20. So these modules import the SDK and the standard library, nothing else
of this project; ``pipeline.runners.kubeflow.runs.server`` starts them.
"""
