"""Compiles a configuration into the file that the open-source backend runs."""
