"""What libraries in C++ read from the environment as they load: set before TensorFlow is imported."""

import os

# oneDNN halves the time of a training step also on CPUs where it is off by default.
_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "2", "GRPC_VERBOSITY": "ERROR", "TF_ENABLE_ONEDNN_OPTS": "1"}


def prepare_native_libraries() -> None:
    """Errors alone are printed, and training is quick; what the user has set stays."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
