"""The ``siamese`` command: one module a command."""
