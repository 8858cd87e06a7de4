import re

import pytest

from components.gates.serving_validator.server import Signature, Tensor, breach, contract


def found(**changes):
    return {**contract(64), **changes}


def decided(**outputs):
    return {"score": Tensor("float32", (None,)), "distance": Tensor("float32", (None,)), **outputs}


EXAMPLES = {"examples": Tensor("string", (None,))}


def test_what_is_promised_keeps_the_promise():
    assert breach(found(), contract(64)) is None
    assert breach(found(more=Signature({}, {})), contract(64)) is None


def test_lengths_that_the_graph_leaves_open_are_left_to_the_answers():
    open_length = Signature({"image": Tensor("string", (None,))}, {"embedding": Tensor("float32", (None, None))})
    assert breach(found(embed=open_length), contract(64)) is None
    unknown = Signature(EXAMPLES, decided(score=Tensor("float32", None)))
    assert breach(found(serving_default=unknown), contract(64)) is None


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (Signature({}, decided()), "the inputs of serving_default are nothing, not examples"),
        (
            Signature({"pairs": Tensor("string", (None,))}, decided()),
            "the inputs of serving_default are pairs, not exam",
        ),
        (
            Signature({"examples": Tensor("string", (1,))}, decided()),
            r"examples of serving_default is string \[1\], not",
        ),
        (Signature({"examples": Tensor("uint8", (None,))}, decided()), r"examples of serving_default is uint8 \[any\]"),
        (Signature(EXAMPLES, {}), "the outputs of serving_default are nothing, not distance, score"),
        (
            Signature(EXAMPLES, decided(more=Tensor("bool", (None,)))),
            "the outputs of serving_default are distance, more",
        ),
        (
            Signature(EXAMPLES, decided(score=Tensor("float64", (None,)))),
            r"score .* is float64 \[any\], not float32 \[any",
        ),
        (Signature(EXAMPLES, decided(score=Tensor("float32", (None, 1)))), r"score .* is float32 \[any, 1\], not"),
        (Signature(EXAMPLES, decided(score=Tensor("float32", ()))), r"score .* is float32 \[\], not float32 \[any\]"),
    ],
)
def test_a_broken_promise_is_named(signature, reason):
    assert re.search(reason, breach(found(serving_default=signature), contract(64)))


def test_a_missing_signature_is_named_with_those_that_are_there():
    there = contract(64)
    del there["embed"]
    assert breach(there, contract(64)) == "the signature embed is missing; there are: compare, serving_default"
    assert breach({}, contract(64)) == "the signature serving_default is missing; there are: none"


def test_another_embedding_is_not_the_one_of_the_manifest():
    assert breach(contract(32), contract(64)) == "embedding of embed is float32 [any, 32], not float32 [any, 64]"
