"""Checks of a compiled pipeline: what the open-source backend (2.5 to 2.17) would refuse or fail to run."""
