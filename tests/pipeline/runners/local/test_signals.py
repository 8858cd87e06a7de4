import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from models.errors import Terminated
from pipeline.runners.local.signals import ending_in_order


def received(number):
    os.kill(os.getpid(), number)
    time.sleep(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1])
def test_a_signal_raises_once_and_a_second_one_does_not_disturb_the_end(number):
    before = signal.getsignal(number)
    with ending_in_order() as ending:
        with pytest.raises(Terminated) as raised:
            received(number)
        assert (raised.value.signal, raised.value.code) == (number, 128 + number)
        os.kill(os.getpid(), number)  # a supervisor that insists
        ending.record()
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(number) == before


def test_many_signals_end_a_process_whose_end_is_stuck():
    program = """
        import os, signal, time
        from pipeline.runners.local.signals import ending_in_order
        with ending_in_order() as ending:
            ending.record()
            for _ in range(9):
                os.kill(os.getpid(), signal.SIGTERM)
                time.sleep(0.01)
    """
    assert subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=False, timeout=120).returncode == 143


def test_what_is_ignored_stays_ignored():
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ending_in_order():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
