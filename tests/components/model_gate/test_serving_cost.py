"""What a model costs beside the one that serves."""

import pytest

from components.model_gate.serving_cost import bytes_of, cost_gate, latencies


def test_all_files_of_a_model_count(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "saved_model.pb").write_bytes(b"x" * 100)
    (tmp_path / "variables" / "variables.data").write_bytes(b"x" * 23)
    assert bytes_of(tmp_path) == 123


@pytest.mark.parametrize(("candidate", "passed"), [(10.0, True), (15.0, True), (15.1, False)])
def test_a_cost_is_judged_by_its_ratio(candidate, passed):
    result = cost_gate("size", "MB", candidate, 10.0, 1.5)
    assert (result.name, result.passed) == ("size", passed)
    assert result.reason == (
        f"{candidate:.2f} MB against 10.00 of the served model: {candidate / 10:.2f} times, 1.5 allowed"
    )


def test_calls_are_timed_in_turns_after_a_warm_up():
    asked = []
    found = latencies({"a": lambda: asked.append("a"), "b": lambda: asked.append("b")})
    assert set(found) == {"a", "b"} and min(found.values()) > 0
    assert asked[:4] == ["a", "b", "a", "b"]
    assert asked.count("a") == asked.count("b") == 70
