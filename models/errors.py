"""The errors that the command line tells apart.

Not beside the code that raises them: TFX reloads the modules whose functions it calls, and with them their classes.
"""


class UserError(Exception):
    """The input, the data or the configuration is wrong: one clear line, exit code 2.

    The message says which file or key, what is wrong with it and what would be right.
    """


class TrainingFailed(RuntimeError):
    """The training diverged or collapsed; there is no model worth judging: exit code 1."""
