"""The base class of the components: the constructor, made from the specification."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from tfx.dsl.components.base.base_component import BaseComponent
from tfx.types.channel import Channel

from models.code_digest import code_digest


class Component(BaseComponent):
    """A component that takes the inputs and parameters of its ``SPEC_CLASS`` by keyword and makes the outputs itself.

    A value that is None counts as absent. A parameter may be given as settings (a pydantic model) or a mapping, which
    become JSON, and as a bool, which becomes 0 or 1: TFX stores strings and numbers. The parameter ``code_digest``,
    where the specification has it, is the digest of the component's own code: a result of older code is not reused.

    Raises:
      TypeError: a name is not in the specification (TFX would ignore it), or a value is not of its type.
      ValueError: an input or parameter is missing that is not optional.
    """

    def __init__(self, **values: Any) -> None:
        spec = self.SPEC_CLASS
        allowed = {**spec.INPUTS, **spec.PARAMETERS}
        if unknown := sorted(values.keys() - allowed):
            raise TypeError(f"{type(self).__name__} takes {', '.join(allowed)}; got {', '.join(unknown)}")
        if "code_digest" in spec.PARAMETERS:
            values = {"code_digest": code_digest(type(self).__module__), **values}
        loaded = {name: _stored(value) for name, value in values.items() if value is not None}
        outputs = {name: Channel(type=output.type) for name, output in spec.OUTPUTS.items()}
        # Not super(): the constructor of a stock component knows only the stock inputs and outputs.
        BaseComponent.__init__(self, spec(**loaded, **outputs))


def _stored(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump_json()
    if isinstance(value, Mapping):
        return json.dumps(value, sort_keys=True)
    return int(value) if isinstance(value, bool) else value
