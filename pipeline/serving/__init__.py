"""Pushed models in use: the REST server and its client, and embeddings and scores of image files."""
