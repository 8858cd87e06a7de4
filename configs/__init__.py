"""One YAML a use of the pipeline; ``importlib.resources.files("configs")`` finds them."""
