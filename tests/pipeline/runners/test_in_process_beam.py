"""What is taken out of Beam's runner changes no result."""

import functools
import inspect

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms import core
from apache_beam.typehints import decorators

from pipeline.runners import in_process_beam

RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(worker_handlers, "STATE_CACHE_SIZE_MB", 100)
    for module in (decorators, core):
        monkeypatch.setattr(module, "get_signature", in_process_beam._compute)
    monkeypatch.setattr(in_process_beam, "_signatures", {})
    in_process_beam.quicken()


class Adder:
    __hash__ = None

    def __init__(self, more: int) -> None:
        self.more = more

    def add(self, number: int, twice: bool = False) -> int:
        return number + self.more * (1 + twice)

    @classmethod
    def of(cls, number): ...

    @staticmethod
    def none(number, *, only): ...

    def __call__(self, number): ...


@pytest.mark.parametrize(
    "function",
    [
        Adder,
        Adder.add,
        Adder(1).add,
        Adder.of,
        Adder.none,
        Adder(2),
        functools.partial(Adder.none, only=1),
        lambda a, b=2, *c: a,
    ],
    ids=("class", "function", "method", "class method", "static method", "object", "partial", "lambda"),
)
def test_a_signature_is_that_of_inspect_each_time(function):
    for _ in range(3):
        assert decorators.get_signature(function) == inspect.signature(function)
        assert core.get_signature(function) == inspect.signature(function)


def test_methods_and_functions_are_kept_apart_and_no_object_is_kept():
    for adder in (Adder(1), Adder(2)):
        assert list(core.get_signature(adder.add).parameters) == ["number", "twice"]
        assert list(core.get_signature(Adder.add).parameters) == ["self", "number", "twice"]
    assert len(in_process_beam._signatures) == 2


def test_not_more_are_kept_than_there_is_room_for(monkeypatch):
    monkeypatch.setattr(in_process_beam, "_MOST", 3)
    for number in range(10):
        core.get_signature(eval(f"lambda a{number}: 0"))
    assert len(in_process_beam._signatures) <= 3


def test_side_inputs_are_the_same():
    with beam.Pipeline(RUNNER) as pipeline:
        numbers = pipeline | "Numbers" >> beam.Create(range(50))
        total = numbers | beam.CombineGlobally(sum)
        known = pipeline | "Names" >> beam.Create([(number, str(number)) for number in range(50)])
        found = numbers | beam.Map(
            lambda number, total, names: (names[number], total - number),
            beam.pvalue.AsSingleton(total),
            beam.pvalue.AsDict(known),
        )
        assert_that(found, equal_to([(str(number), 1225 - number) for number in range(50)]))
    assert worker_handlers.STATE_CACHE_SIZE_MB == 0
