"""Runs one node: from the launcher's ExecutorInput to the ExecutorOutput that it reads."""

import argparse
import importlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.components.evaluator import executor as evaluator
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.dsl.components.base.base_executor import BaseExecutor
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_entrypoint_utils as tfx_side
from tfx.orchestration.portable import outputs_utils
from tfx.types import artifact_utils, standard_component_specs
from tfx.types.standard_artifacts import Boolean, Float, Integer, String
from tfx.utils import import_utils

from pipeline.config.beam import BeamSettings, of_pipeline_args
from pipeline.runners.beam.checks import check_runner
from pipeline.runners.in_process_beam import quicken
from pipeline.runners.kubeflow.compile.passes import CONDITION
from pipeline.runners.kubeflow.entrypoint import artifacts
from pipeline.runners.kubeflow.entrypoint.events import Events


@dataclass(frozen=True)
class Step:
    """One node of the graph, from its container's arguments."""

    node: str
    executor_class: str  # import path
    executor_input: str  # the launcher's ExecutorInput, JSON
    inputs_spec: str  # the component's ComponentInputsSpec, JSON, with the types of parameters
    types: Mapping[str, Mapping[str, str]]  # "inputs" | "outputs" -> key -> import path of the artifact's class
    driver: str | None  # import path of the driver that runs first, of a FileBasedExampleGen
    beam_args: Sequence[str]


def run_step(step: Step, events: Events) -> None:
    """Runs the step and writes its ExecutorOutput last, atomically.

    Raises:
      Exception: what the executor raised; the launcher then finds no output.
    """
    executor_input = json_format.Parse(
        step.executor_input, pipeline_spec_pb2.ExecutorInput(), ignore_unknown_fields=True
    )
    inputs_spec = json_format.Parse(
        step.inputs_spec, pipeline_spec_pb2.ComponentInputsSpec(), ignore_unknown_fields=True
    )
    uris, names = artifacts.LocalUris(), artifacts.Names()
    artifacts.prepare(executor_input, step.types, uris)
    if step.driver:
        _run_driver(step.driver, executor_input, step.inputs_spec)
        events.say("driver", module=step.driver)
    inputs = artifacts.parsed(executor_input.inputs.artifacts, names)
    outputs = artifacts.parsed(executor_input.outputs.artifacts, names)
    properties = tfx_side.parse_execution_properties(
        executor_input.inputs.parameter_values, executor_input.inputs.parameters, inputs_spec
    )
    properties = {name: value for name, value in properties.items() if not name.startswith(CONDITION)}
    folders = {key: one[0].uri for key, one in outputs.items()}
    artifacts.check_inputs(inputs, uris)
    artifacts.make_room(outputs)

    executor = import_utils.import_class_by_path(step.executor_class)
    if issubclass(executor, BaseBeamExecutor):
        _check_beam(of_pipeline_args(step.beam_args), next(iter(folders.values())))
    with tempfile.TemporaryDirectory(prefix="tfx-") as scratch:
        executor(_context(executor, step, scratch)).Do(inputs, outputs, properties)
    outputs_utils.tag_output_artifacts_with_version(outputs)
    if issubclass(executor, evaluator.Executor) and outputs.get(standard_component_specs.BLESSING_KEY):
        blessing = artifact_utils.get_single_instance(outputs[standard_component_specs.BLESSING_KEY])
        tfx_side.refactor_model_blessing(blessing, names)
    artifacts.fill_empty(outputs, folders)
    artifacts.add_checksums(outputs)

    output = artifacts.executor_output(outputs, folders, names, uris)
    _add_parameters(output, executor_input.outputs.parameters, outputs)
    _write(output, Path(executor_input.outputs.output_file))
    events.say("outputs", artifacts={key: one.artifacts[0].uri for key, one in output.artifacts.items()})


def _run_driver(driver: str, executor_input: pipeline_spec_pb2.ExecutorInput, inputs_spec: str) -> None:
    """Runs TFX's driver, which the backend does not, and adopts the parameters and artifacts that it resolved."""
    arguments = argparse.Namespace(
        json_serialized_invocation_args=json_format.MessageToJson(executor_input),
        json_serialized_inputs_spec_args=inputs_spec,
    )
    importlib.import_module(driver).main(arguments)
    written = Path(executor_input.outputs.output_file)
    resolved = json_format.Parse(written.read_text(encoding="utf-8"), pipeline_spec_pb2.ExecutorOutput())
    written.unlink()  # it is not what the executor made
    for name, value in resolved.parameter_values.items():
        executor_input.inputs.parameter_values[name].CopyFrom(value)
    for key, several in resolved.artifacts.items():
        executor_input.outputs.artifacts[key].artifacts[0].metadata.MergeFrom(several.artifacts[0].metadata)


def _check_beam(beam: BeamSettings, folder: str) -> None:
    """Checks the runner; workers elsewhere do not see the disk of a pod, unless it is a volume that they mount too."""
    check_runner(beam, folder)
    if beam.workers_elsewhere:
        from pipeline.runners.beam.workers import check_workers  # only for them

        check_workers(beam, Path(folder))


def _context(executor: type[BaseExecutor], step: Step, scratch: str) -> BaseExecutor.Context:
    if issubclass(executor, BaseBeamExecutor):
        quicken()
        return BaseBeamExecutor.Context(beam_pipeline_args=list(step.beam_args), unique_id=step.node, tmp_dir=scratch)
    return BaseExecutor.Context(extra_flags=list(step.beam_args), unique_id=step.node, tmp_dir=scratch)


def _add_parameters(
    output: pipeline_spec_pb2.ExecutorOutput, keys: Iterable[str], outputs: artifacts.Artifacts
) -> None:
    """The values of artifacts that other nodes take as parameters."""
    for key in keys:
        value: Any = artifact_utils.get_single_instance(outputs[key])
        target = output.parameter_values[key]
        if isinstance(value, String):
            target.string_value = value.read()
        elif isinstance(value, (Float, Integer)):
            target.number_value = value.read()
        elif isinstance(value, Boolean):
            target.bool_value = value.read()
        else:
            raise TypeError(f"output parameter {key}: must be a String, Integer, Float or Boolean, got {type(value)}")


def _write(output: pipeline_spec_pb2.ExecutorOutput, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = path.with_name(f".{path.name}")
    staging.write_text(json.dumps(json_format.MessageToDict(output)), encoding="utf-8")
    staging.replace(path)
