"""A model server with TensorFlow Serving's REST API, and the transformer in front of TensorFlow Serving."""
