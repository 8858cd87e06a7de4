import re

import pytest


@pytest.fixture
def refused(command_line):
    """The message and the code of the one line that a user error is."""

    def called(*arguments) -> tuple[str, str]:
        status, out, err = command_line(*arguments)
        assert (status, out) == (2, "")
        line = re.fullmatch(r"error: ([^\n]+) \[([a-z-]+)\]\n", err)
        assert line, err
        return line[1], line[2]

    return called
