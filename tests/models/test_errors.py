"""The cause in the text of an error that comes from another process."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.run_outcome.verdict import one_line
from models.errors import remote_cause

FRAMES = """Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1501, in process
    return self.do_fn_invoker.invoke_process(windowed_value)
"""
WORKER = f"""{FRAMES}ValueError: image 17 is gone

During handling of the above exception, another exception occurred:

{FRAMES}ValueError: image 17 is gone [while running 'Read']
"""
PORTABLE = f"Pipeline job-1 failed in state FAILED: {FRAMES}RuntimeError: {WORKER}"
FLINK = f"""Pipeline job-1 failed in state FAILED: java.lang.RuntimeException: Error of instruction 5: {WORKER}
\tat org.apache.beam.runners.fnexecution.control.FnApiControlClient.onNext(FnApiControlClient.java:180)
Caused by: java.lang.RuntimeException: Error of instruction 5: {WORKER}
\tat java.lang.Thread.run(Thread.java:829)
"""
LOST = """java.util.concurrent.ExecutionException: org.apache.flink.runtime.JobException: Recovery is suppressed
\tat java.util.concurrent.CompletableFuture.reportGet(CompletableFuture.java:395)
Caused by: org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy
\tat org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handle(ExecutionFailureHandler.java:180)
Caused by: java.util.concurrent.TimeoutException: The heartbeat of TaskManager with id taskmanager-1 timed out.
\t... 25 more
"""


@pytest.mark.parametrize("text", [WORKER, PORTABLE, FLINK])
def test_the_last_traceback_has_the_cause(text):
    cause = "ValueError: image 17 is gone [while running 'Read']"
    assert remote_cause(text) == cause
    assert one_line(RuntimeError(text)) == cause


def test_java_has_it_at_the_end_of_its_causes():
    cause = "java.util.concurrent.TimeoutException: The heartbeat of TaskManager with id taskmanager-1 timed out."
    assert remote_cause(LOST) == cause


def test_a_message_of_several_lines_is_joined():
    assert remote_cause(f"{FRAMES}ValueError: first\nsecond\n\nlater") == "ValueError: first second"


@given(st.text())
def test_any_text_is_one_line(text):
    assert "\n" not in remote_cause(text)
    if "Traceback" not in text and "Caused by" not in text:
        assert remote_cause(text) == " ".join(text.split())


def test_what_ends_in_the_middle_of_a_traceback_is_still_shown():
    assert remote_cause("Traceback (most recent call last):")
    assert remote_cause(FRAMES)
