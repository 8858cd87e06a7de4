"""The one error that is the user's to mend."""


class UserError(Exception):
    """The input, the data or the configuration is wrong: one clear line, exit code 2.

    The message says which file or key, what is wrong with it and what would be right.
    """
