"""Why the open-source backend (2.5 to 2.17) would refuse a compiled pipeline or fail to run it, in sentences."""
