"""A model server that speaks TensorFlow Serving's REST: on one machine, without Docker."""
