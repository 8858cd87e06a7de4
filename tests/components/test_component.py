"""The constructor that every component has."""

import json

import pytest
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.dsl.components.base.executor_spec import ExecutorClassSpec
from tfx.types import channel_utils, standard_artifacts
from tfx.types.component_spec import ChannelParameter, ComponentSpec, ExecutionParameter

from components.component import Component
from components.pair_scores.component import PairScorer
from models.code_digest import code_digest
from models.settings import ImageSettings


class ExampleSpec(ComponentSpec):
    INPUTS = {  # noqa: RUF012
        "model": ChannelParameter(type=standard_artifacts.Model),
        "extra": ChannelParameter(type=standard_artifacts.Model, optional=True),
    }
    OUTPUTS = {"schema": ChannelParameter(type=standard_artifacts.Schema)}  # noqa: RUF012
    PARAMETERS = {  # noqa: RUF012
        "text": ExecutionParameter(type=str),
        "number": ExecutionParameter(type=int, optional=True),
    }


class Example(Component):
    SPEC_CLASS = ExampleSpec
    EXECUTOR_SPEC = ExecutorClassSpec(BaseExecutor)


@pytest.fixture
def model():
    return channel_utils.as_channel([standard_artifacts.Model()])


def test_outputs_are_made_and_what_is_none_is_absent(model):
    node = Example(model=model, extra=None, text="a", number=None)
    assert node.inputs == {"model": model}
    assert node.outputs["schema"].type is standard_artifacts.Schema
    assert node.exec_properties == {"text": "a"}


def test_parameters_become_what_tfx_stores(model):
    settings = ImageSettings(height=32)
    node = Example(model=model, text=settings, number=True)
    assert ImageSettings.model_validate_json(node.exec_properties["text"]) == settings
    assert type(node.exec_properties["number"]) is int
    assert json.loads(Example(model=model, text={"b": 1, "a": 2}).exec_properties["text"]) == {"a": 2, "b": 1}


def test_an_unknown_name_is_an_error_that_lists_the_known(model):
    with pytest.raises(TypeError, match=r"^Example takes model, extra, text, number; got schema, texts$"):
        Example(model=model, text="a", texts="a", schema=model)


def test_a_missing_value_is_an_error_with_its_name(model):
    with pytest.raises(ValueError, match="'text'"):
        Example(model=model)
    with pytest.raises(TypeError, match="'text'"):
        Example(model=model, text=3)


def test_the_digest_of_its_code_is_a_parameter_of_its_own_accord(model):
    class KeyedSpec(ExampleSpec):
        PARAMETERS = {**ExampleSpec.PARAMETERS, "code_digest": ExecutionParameter(type=str)}  # noqa: RUF012

    class Keyed(Example):
        SPEC_CLASS = KeyedSpec
        __module__ = "components.pair_scores.component"

    assert Keyed(model=model, text="a").exec_properties["code_digest"] == code_digest(PairScorer)
