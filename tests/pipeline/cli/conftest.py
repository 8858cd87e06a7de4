import re
import sys

import pytest

from pipeline.cli import main


@pytest.fixture
def command_line(monkeypatch, capfd):
    """The command as a user runs it: exit code, standard output, standard error."""

    def called(*arguments):
        monkeypatch.setattr(sys, "argv", ["siamese", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main.main()
        capture = capfd.readouterr()
        return ended.value.code, capture.out, capture.err

    return called


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
