"""Queries on the records: which version serves, which served before, what a rollback restores, what is pruned."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.serving_folder import history
from components.serving_folder.history import Event, ServingHistory, actor, claimed
from components.serving_folder.publication import prunable


def history_of(*events: Event, complete: list[int] | None = None) -> ServingHistory:
    records = {event.name: event.content() for event in events}
    return ServingHistory.of(records, [event.version for event in events] if complete is None else complete)


def pushed(version: int, model: str, replaced: int | None) -> Event:
    return Event(action="push", version=version, model_digest=model, replaced=replaced)


def rolled_back(version: int, to: Event, replaced: int) -> Event:
    return Event(
        action="rollback", version=version, restored=to.version, model_digest=to.model_digest, replaced=replaced
    )


@given(st.lists(st.one_of(st.just("push"), st.just("undo"), st.integers(0, 20)), max_size=25))
def test_rolling_back_is_undoing_and_a_push_after_it_goes_on_from_there(steps):
    """An integer restores that one of the versions so far; each version remembers what led to it."""
    events: list[Event] = []
    stacks: dict[int, list[str]] = {0: []}  # version -> the models that led to it, itself last
    for version, step in enumerate(steps, start=1):
        current = events[-1].version if events else None
        if step == "push" or not events:
            events.append(pushed(version, f"m{version}", current))
            stacks[version] = [*stacks[current or 0], f"m{version}"]
        else:
            now = history_of(*events)
            target = now.rollback_target() if step == "undo" else sorted(stacks)[1:][step % (len(stacks) - 1)]
            if step == "undo":
                expected = stacks[current][:-1]
                assert (target is None) == (not expected)
                if target is None:
                    stacks[version] = stacks[current]
                    events.append(rolled_back(version, now.added(current), current))  # a step that does nothing
                    continue
                assert now.added(target).model_digest == expected[-1]
            events.append(rolled_back(version, now.added(target), current))
            stacks[version] = stacks[target]


def test_what_serves_came_by_its_push_though_rollbacks_brought_it_back():
    first = Event(action="push", version=1, model_digest="a", run_id="r1")
    second = Event(action="push", version=2, model_digest="b", replaced=1, run_id="r2")
    third = Event(action="rollback", version=3, model_digest="a", replaced=2, restored=1)
    fourth = Event(action="rollback", version=4, model_digest="a", replaced=3, restored=3)
    assert history_of(first, second).origin().run_id == "r2"
    assert history_of(first, second, third).origin().run_id == "r1"
    assert history_of(first, second, third, fourth).origin().run_id == "r1"
    assert history_of().origin() is None


def test_before_the_first_there_was_nothing():
    first = pushed(1, "A", None)
    assert history_of(first).rollback_target() is None
    assert history_of().rollback_target() is None


def test_what_was_removed_is_found_under_another_number():
    first, second = pushed(1, "A", None), pushed(2, "B", 1)
    third = rolled_back(3, first, 2)
    fourth = pushed(4, "C", 3)
    assert history_of(first, second, third, fourth).rollback_target() == 3
    assert history_of(first, second, third, fourth, complete=[1, 2, 4]).rollback_target() == 1
    assert history_of(first, second, third, fourth, complete=[2, 4]).rollback_target() is None


def test_the_same_model_twice_is_no_step_back():
    assert history_of(pushed(1, "A", None), pushed(2, "B", 1), pushed(3, "B", 2)).rollback_target() == 1


def test_a_version_without_a_record_is_found_and_follows_the_one_below():
    found = history_of(pushed(5, "A", None), complete=[5, 9])
    assert [(event.action, event.version, event.replaced) for event in found.events] == [
        ("push", 5, None),
        ("found", 9, 5),
    ]
    assert (found.serving, found.rollback_target()) == (9, 5)
    made = history_of(complete=[1795397105]).events[0].at
    assert made == datetime(2026, 11, 23, 1, 25, 5, tzinfo=timezone.utc), "the number is a time"
    assert [event.known_at for event in history_of(complete=[7, 9999999999999]).events] == [None, None]


def test_a_claim_without_a_version_is_unfinished_until_its_end_is_recorded():
    first, second = pushed(1, "A", None), pushed(2, "B", 1)
    assert history_of(first, second, complete=[1]).unfinished() == [second]
    gone = Event(action="missing", version=2)
    assert history_of(first, second, gone, complete=[1]).unfinished() == []
    both = history_of(first, second, gone, complete=[1, 2])
    assert [event.action for event in both.events] == ["push", "push"], "the version exists all the same"


def test_events_are_in_the_order_of_versions_whatever_the_clock_said():
    now = datetime.now(timezone.utc)
    first = pushed(1, "A", None).model_copy(update={"at": now})
    second = pushed(2, "B", 1).model_copy(update={"at": now - timedelta(days=30)})
    pruned = Event(action="prune", version=1, serving=2, at=now - timedelta(days=60))
    assert history_of(second, pruned, first, complete=[2]).events == (first, second, pruned)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b'{"action": "dance", "version": 1}'])
def test_a_record_that_cannot_be_read_counts_as_none_but_its_number_is_taken(content):
    found = ServingHistory.of({"7.json": content}, [5])
    assert [event.action for event in found.events] == ["found"]
    assert claimed(["7.json", "9.prune.json", "notes.txt"]) == {7, 9}


def test_a_field_of_a_later_release_does_no_harm():
    content = pushed(1, "A", None).content().replace(b'"version"', b'"moon": "full", "version"')
    assert ServingHistory.of({"1.json": content}, [1]).events[0].action == "push"


def test_a_user_without_a_name_is_recorded_by_its_number(monkeypatch):
    def nameless():
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(history.getpass, "getuser", nameless)
    monkeypatch.setattr(history.os, "getuid", lambda: 1234)
    assert actor().startswith("1234@")


class TestPrunable:
    def test_the_newest_stay(self):
        events = [pushed(1, "A", None), pushed(2, "B", 1), pushed(3, "C", 2), pushed(4, "D", 3)]
        assert prunable(history_of(*events), 2) == [1, 2]
        assert prunable(history_of(*events), 4) == []
        assert prunable(history_of(*events), 1) == [1, 2, 3]
        assert prunable(history_of(), 1) == []

    def test_what_a_rollback_would_bring_back_stays(self):
        events = [pushed(1, "A", None), pushed(2, "B", 1), pushed(3, "C", 2), pushed(4, "D", 3)]
        back = rolled_back(5, events[1], 4)  # from here a rollback goes to 1
        assert prunable(history_of(*events, back), 2) == [2, 3, 4]
        assert prunable(history_of(*events, back), 3) == [2, 3]

    @given(st.lists(st.sampled_from("ABC"), min_size=1, max_size=12), st.integers(1, 6))
    def test_so_many_stay_the_serving_one_always(self, models, keep):
        events = [pushed(number, model, number - 1 or None) for number, model in enumerate(models, start=1)]
        gone = prunable(history_of(*events), keep)
        assert len(events) - len(gone) == min(keep, len(events))
        assert len(events) not in gone
        target = history_of(*events).rollback_target()
        assert keep == 1 or target not in gone
