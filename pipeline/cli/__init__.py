"""The ``siamese`` command line: one module a command, which registers itself; ``main`` finds and runs them."""
