"""The graph on one machine: a run from the command line's arguments to its exit code, and training on several hosts."""
