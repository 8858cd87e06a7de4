"""The driver and the launcher of each task: ``v2/driver/driver.go``, ``v2/component/launcher_v2.go``."""

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from kubeflow_backend.specification import Refused, plain
from kubeflow_backend.stores import Stores


@dataclass(frozen=True)
class Kill:
    """Sends ``number`` to the first attempt of a task, once a line of its log contains ``text``."""

    text: str
    number: signal.Signals = signal.SIGKILL


@dataclass
class Task:
    """What became of one task: its state, the log and exit code of each attempt, and its outputs."""

    state: str = "PENDING"
    logs: list[str] = field(default_factory=list)
    codes: list[int] = field(default_factory=list)
    outputs: dict[str, int] = field(default_factory=dict)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of the last attempt's log that are JSON objects."""
        return [json.loads(line) for line in self.logs[-1].splitlines() if line.startswith("{")]


class Pod:
    """The driver and the launcher of one task."""

    def __init__(
        self,
        folder: Path,
        stores: Stores,
        spec: Any,
        executors: dict[str, Any],
        platform: dict[str, Any],
        values: dict[str, Any],
        run_id: str,
        tasks: dict[str, Task],
        name: str,
        kill: Kill | None,
    ) -> None:
        self._folder, self._stores, self._run_id, self._tasks = folder, stores, run_id, tasks
        self._spec, self._values, self._name = spec, values, name
        self._task = spec.root.dag.tasks[name]
        self._component = spec.components[self._task.component_ref.name]
        self._container = executors[self._component.executor_label].container
        self._platform = platform.get(self._component.executor_label, {})
        self._kill, self._result = kill, tasks[name]

    def run(self) -> None:
        """Runs the task to its end, however that is."""
        self._result.state = "RUNNING"
        try:
            executor_input = {"inputs": self._inputs(), "outputs": {"artifacts": self._outputs()}}
        except Refused as error:
            self._result.logs.append(str(error))
            self._result.state = "FAILED"
            return
        for attempt in range(1 + self._task.retry_policy.max_retry_count):
            code = self._attempt(attempt, executor_input)
            self._result.codes.append(code)
            if code == 0:
                self._result.state = "SUCCEEDED"
                return
        self._result.state = "FAILED"

    def _inputs(self) -> dict[str, Any]:
        parameters = {name: self._parameter(name, one) for name, one in self._task.inputs.parameters.items()}
        artifacts = {}
        for key, one in self._task.inputs.artifacts.items():
            source = one.task_output_artifact
            outputs = self._tasks[source.producer_task].outputs if source.producer_task in self._tasks else {}
            if source.output_artifact_key not in outputs:
                raise Refused(f"cannot find output artifact {source.output_artifact_key} of {source.producer_task}")
            found = self._stores.runtime_artifact(outputs[source.output_artifact_key])
            artifacts[key] = {"artifacts": [found]}
        return {"parameterValues": parameters, "artifacts": artifacts}

    def _parameter(self, name: str, given: Any) -> Any:
        kind = given.WhichOneof("kind")
        if kind == "component_input_parameter":
            if given.component_input_parameter not in self._values:
                raise Refused(f"parent DAG does not have input parameter {given.component_input_parameter}")
            value = self._values[given.component_input_parameter]
        elif kind == "runtime_value" and given.runtime_value.WhichOneof("value") == "constant":
            value = plain(given.runtime_value.constant)
            known = {"{{$.pipeline_job_uuid}}": self._run_id, "{{$.pipeline_task_name}}": self._name}
            value = known.get(value, value) if isinstance(value, str) else value
        else:
            raise Refused(f"parameter {name}: spec of type {kind} not implemented")
        wanted = self._component.input_definitions.parameters[name].parameter_type
        types = pipeline_spec_pb2.ParameterType
        if wanted == types.STRING:
            return value if isinstance(value, str) else _as_text(value)
        if not (isinstance(value, (int, float)) and wanted in (types.NUMBER_DOUBLE, types.NUMBER_INTEGER)):
            raise Refused(f"parameter {name}: type mismatch: {value!r}")
        return float(value)

    def _outputs(self) -> dict[str, Any]:
        root = self._spec.default_pipeline_root.rstrip("/")
        folder = f"{root}/{self._spec.pipeline_info.name}/{self._run_id}/{self._name}/{uuid.uuid4()}"
        return {
            key: {
                "artifacts": [
                    {
                        "type": json_format.MessageToDict(one.artifact_type),
                        "uri": f"{folder}/{key}",
                        "metadata": json_format.MessageToDict(one.metadata),
                    }
                ]
            }
            for key, one in self._component.output_definitions.artifacts.items()
        }

    def _attempt(self, attempt: int, executor_input: dict[str, Any]) -> int:
        """A fresh pod: its file system, the downloads, the command, the uploads."""
        pod = self._folder / "pods" / f"{self._run_id[:8]}-{self._name}-{attempt}"
        mount, output_file = pod / "mount", pod / "kfp_outputs" / "output_metadata.json"
        for name in ("work", "home", "scratch", "tmp"):
            (pod / name).mkdir(parents=True)
        for volume in self._platform.get("pvcMount", []):
            if not Path(volume["mountPath"]).is_dir():
                self._result.logs.append(f"persistentvolumeclaim {volume['constant']} not found")
                return 1
        for several in executor_input["inputs"]["artifacts"].values():
            source = self._stores.bucket / self._stores.place(several["artifacts"][0]["uri"])
            if source.exists():
                shutil.copytree(source, self._local(mount, several["artifacts"][0]["uri"]), dirs_exist_ok=True)
        for several in executor_input["outputs"]["artifacts"].values():
            self._local(mount, several["artifacts"][0]["uri"]).parent.mkdir(parents=True, exist_ok=True)
        given = {**executor_input, "outputs": {**executor_input["outputs"], "outputFile": str(output_file)}}
        text = json.dumps(given)  # as protojson writes it: numbers are doubles, keys camelCase
        command = [part.replace("{{$}}", text) for part in (*self._container.command, *self._container.args)]
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # the image's
            "HOME": str(pod / "home"),
            "TMPDIR": str(pod / "tmp"),
            **{one.name: one.value for one in self._container.env},
            "SIAMESE_MOUNT_ROOT": str(mount),
        }
        for volume in self._platform.get("emptyDirMounts", []):
            environment = {
                name: value.replace(volume["mountPath"], str(pod / "scratch")) for name, value in environment.items()
            }
        code = self._execute(command, environment, pod / "work", attempt)
        if code == 0:
            self._upload(mount, given, output_file)
        shutil.rmtree(pod)
        return code

    def _execute(self, command: list[str], environment: dict[str, str], folder: Path, attempt: int) -> int:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        lines = []
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if attempt == 0 and self._kill and self._kill.text in line:
                process.send_signal(self._kill.number)
                self._kill = None
        self._result.logs.append("".join(lines))
        return process.wait()

    def _upload(self, mount: Path, given: dict[str, Any], output_file: Path) -> None:
        told = pipeline_spec_pb2.ExecutorOutput()
        if output_file.exists():
            json_format.Parse(output_file.read_text(encoding="utf-8"), told)
        for key, several in given["outputs"]["artifacts"].items():
            artifact = several["artifacts"][0]
            uri, metadata = artifact["uri"], dict(artifact["metadata"])
            if told.artifacts[key].artifacts:
                merged = told.artifacts[key].artifacts[0]
                uri, metadata = merged.uri or uri, {**metadata, **json_format.MessageToDict(merged.metadata)}
            local, target = self._local(mount, uri), self._stores.bucket / self._stores.place(uri)
            for file in (local, *local.rglob("*")):
                if file.is_file():
                    place = target / file.relative_to(local)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(file, place)
            schema = yaml.safe_load(artifact["type"]["instanceSchema"])
            self._result.outputs[key] = self._stores.record(schema["title"], uri, metadata)

    def _local(self, mount: Path, uri: str) -> Path:
        return mount / self._stores.place(uri)


def _as_text(value: Any) -> str:
    """As Go writes it: a double without a fraction has no point."""
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
