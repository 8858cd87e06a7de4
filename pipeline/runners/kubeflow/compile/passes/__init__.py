"""Passes over the compiled specification: each adapts one thing of it to the open-source backend."""
