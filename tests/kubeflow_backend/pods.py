"""The pod of a task: Argo's retries, what Kubernetes does to arguments, and ``v2/component/launcher_v2.go``."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2
from kfp_api import argo

from kubeflow_backend.driver import LOGS, Job, executor_input, triggered
from kubeflow_backend.forked import COMMAND, forked
from kubeflow_backend.specification import Refused, fits, plain

NUMBERED = (2, 16, 1)  # since then each attempt has a number, and a log of its own among the artifacts
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


@dataclass(frozen=True)
class Kill:
    """Sends ``number`` to the first attempt of a task, once a line of its log contains ``text``.

    A pod that is deleted gets SIGTERM, but its command does not: the launcher receives it and exits, and the container
    with it; so the command of a lost pod sees SIGKILL.
    """

    text: str
    number: signal.Signals = signal.SIGKILL


class Pod:
    """The driver's and the launcher's work for one task of a run."""

    def __init__(self, folder: Path, job: Job, name: str, kill: Kill | None) -> None:
        self._folder, self._job, self._name, self._kill = folder, job, name, kill
        label = job.component(name).executor_label
        self._container = job.compiled.executors[label].container
        self._platform = job.compiled.pods.get(label, {})
        self._result = job.tasks[name]

    def run(self) -> None:
        """Runs the task to its end."""
        self._result.state = "RUNNING"
        retries = self._job.compiled.spec.root.dag.tasks[self._name].retry_policy.max_retry_count
        try:
            given = executor_input(self._job, self._name)
            if not triggered(self._job, self._name, given):
                self._result.state = "SKIPPED"
                return
        except Refused as error:  # the driver's own pod fails, which is not retried
            self._result.logs.append(str(error))
            self._result.state = "FAILED"
            return
        for attempt in range(1 + retries):
            pod = self._folder / "pods" / f"{self._job.run_id[:8]}-{self._name}-{attempt}"
            self._result.logs.append("")
            try:
                code = self._attempt(pod, given, attempt, retries)
            except Refused as error:
                code = 1
                self._result.logs[-1] += str(error)
            self._job.pod_logs[self._pod_name(attempt, retries)] = self._result.logs[-1]
            shutil.rmtree(pod, ignore_errors=True)
            self._result.codes.append(code)
            if code == 0:
                self._result.state = "SUCCEEDED"
                return
        self._result.state = "FAILED"

    def _pod_name(self, attempt: int, retries: int) -> str:
        """Argo's: of the pod of an attempt, from 0."""
        workflow = f"{self._job.compiled.spec.pipeline_info.name}-{self._job.run_id[:5]}"
        metadata = self._platform.get("podMetadata", {})
        counts = [len(metadata.get(key, {})) for key in ("annotations", "labels")]
        template = "retry-system-container-impl" if retries else "system-container-impl"
        template = f"metadata-{counts[0]}-{counts[1]}-{template}" if any(counts) else template
        path = f"{workflow}.root.{self._name}.executor" + (f"({attempt})" if retries else "")
        return f"{workflow}-{template}-{argo.digest(path)}"

    def _attempt(self, pod: Path, executor: dict[str, Any], attempt: int, retries: int) -> int:
        """A fresh pod: its file system, the downloads, the command, the uploads."""
        for volume in self._platform.get("pvcMount", []):
            if not Path(volume["mountPath"]).is_dir():
                raise Refused(f"persistentvolumeclaim {volume['constant']} not found")
        for name in ("mount", "work", "home", "tmp"):
            (pod / name).mkdir(parents=True)
        environment = self._environment(pod, self._pod_name(attempt, retries))
        if retries and self._job.version >= NUMBERED:
            environment["KFP_RETRY_INDEX"] = str(attempt)
        given = json_format.ParseDict(executor, pipeline_spec_pb2.ExecutorInput())
        if self._job.publish_logs and self._job.version >= NUMBERED:
            given.outputs.artifacts[LOGS].artifacts[0].uri += f"-{attempt}"
        self._add_defaults(given)
        given.outputs.output_file = str(pod / "tmp" / "kfp_outputs" / "output_metadata.json")
        for key, parameter in given.outputs.parameters.items():
            parameter.output_file = str(pod / "tmp" / "kfp" / "outputs" / key)
            Path(parameter.output_file).parent.mkdir(parents=True, exist_ok=True)
        text = _expanded(json.dumps(plain(given)), environment)
        command = [_expanded(part, environment) for part in (*self._container.command, *self._container.args)]
        for placeholder, value in {"{{$}}": text, **self._placeholders(given, pod / "mount")}.items():
            command = [part.replace(placeholder, value) for part in command]
        for several in given.inputs.artifacts.values():
            uri = several.artifacts[0].uri  # of a list, launchers up to 2.17 see the first alone
            self._job.stores.download(uri, self._local(pod / "mount", uri))
        for several in given.outputs.artifacts.values():
            self._local(pod / "mount", several.artifacts[0].uri).parent.mkdir(parents=True, exist_ok=True)
        log = Path(os.devnull)
        if self._job.publish_logs:
            log = self._local(pod / "mount", given.outputs.artifacts[LOGS].artifacts[0].uri)
        with log.open("w", encoding="utf-8") as file:
            code = self._execute(command, environment, pod / "work", file)
        if code == 0:
            self._publish(pod / "mount", given)
        elif code > 0 and self._job.publish_logs and self._job.version >= (2, 16):
            uri = given.outputs.artifacts[LOGS].artifacts[0].uri
            self._job.stores.upload(self._local(pod / "mount", uri), uri, self._job.root)
        return code

    def _environment(self, pod: Path, name: str) -> dict[str, str]:
        folders = {}
        for volume in self._platform.get("emptyDirMounts", []):
            folder = folders[volume["mountPath"]] = pod / "volumes" / volume["volumeName"]
            folder.mkdir(parents=True)
        return {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # the image's
            "HOME": str(pod / "home"),
            "TMPDIR": str(pod / "tmp"),
            "KFP_POD_NAME": name,
            "KFP_POD_UID": "1f0e",
            "KUBERNETES_SERVICE_HOST": "10.0.0.1",
            **self._service(),
            **{one.name: _mounted(one.value, folders) for one in self._container.env},
            "SIAMESE_MOUNT_ROOT": str(pod / "mount"),  # where nobody may write to /
        }

    def _service(self) -> dict[str, str]:
        if self._job.ui is None:
            return {}
        host, port = self._job.ui
        return {"ML_PIPELINE_UI_SERVICE_HOST": host, "ML_PIPELINE_UI_SERVICE_PORT": str(port)}

    def _add_defaults(self, given: Any) -> None:
        for key, declared in self._job.component(self._name).input_definitions.parameters.items():
            if declared.HasField("default_value") and key not in given.inputs.parameter_values:
                given.inputs.parameter_values[key].CopyFrom(declared.default_value)

    def _placeholders(self, given: Any, mount: Path) -> dict[str, str]:
        known = {}
        for direction, lists in (("inputs", given.inputs.artifacts), ("outputs", given.outputs.artifacts)):
            for key, several in lists.items():
                uri = several.artifacts[0].uri
                known[f"{{{{$.{direction}.artifacts['{key}'].uri}}}}"] = uri
                known[f"{{{{$.{direction}.artifacts['{key}'].path}}}}"] = str(self._local(mount, uri))
        for key, value in given.inputs.parameter_values.items():
            text = value.string_value if value.WhichOneof("kind") == "string_value" else json.dumps(plain(value))
            known[f"{{{{$.inputs.parameters['{key}']}}}}"] = text
        return known

    def _execute(self, command: list[str], environment: dict[str, str], folder: Path, log: TextIO) -> int:
        if command[:3] == COMMAND and not self._kill:
            with forked(command[3:], environment, folder) as process:
                for line in process.stdout:
                    self._result.logs[-1] += line
                    log.write(line)
                    log.flush()
            return process.wait()
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert process.stdout is not None
        for line in process.stdout:
            self._result.logs[-1] += line
            log.write(line)
            log.flush()
            if self._kill and self._kill.text in line:
                process.send_signal(self._kill.number)
                self._kill = None
        self._kill = None  # it was for the first attempt
        return process.wait()

    def _publish(self, mount: Path, given: Any) -> None:
        parsed = pipeline_spec_pb2.ExecutorOutput()
        if Path(given.outputs.output_file).exists():
            text = Path(given.outputs.output_file).read_text(encoding="utf-8")
            try:
                json_format.Parse(text, parsed)
            except json_format.ParseError as error:
                raise Refused(f"failed to unmarshall ExecutorOutput: {error}") from None
        outputs = {}
        for key, several in given.outputs.artifacts.items():
            artifact = several.artifacts[0]
            uri, metadata = artifact.uri, plain(artifact.metadata)
            if parsed.artifacts[key].artifacts:
                merged = parsed.artifacts[key].artifacts[0]
                uri, metadata = merged.uri or uri, {**metadata, **plain(merged.metadata)}
            self._job.stores.upload(self._local(mount, uri), uri, self._job.root)
            schema = artifact.type.instance_schema or f"title: {artifact.type.schema_title}"
            outputs[key] = self._job.stores.record(key, schema, uri, metadata)
        parameters = {
            key: self._parameter(key, parsed, one.output_file) for key, one in given.outputs.parameters.items()
        }
        self._result.outputs.update(outputs)
        self._result.parameters.update(parameters)

    def _parameter(self, key: str, parsed: Any, file: str) -> struct_pb2.Value:
        """The value in the output file, or else in the parameter's own file."""
        wanted = self._job.component(self._name).output_definitions.parameters[key].parameter_type
        value = parsed.parameter_values.get(key)
        if value is None:
            if not Path(file).is_file():
                raise Refused(f"failed to read output parameter name={key!r} path={file!r}")
            text = Path(file).read_text(encoding="utf-8")
            is_text = wanted == pipeline_spec_pb2.ParameterType.STRING
            value = json_format.Parse(json.dumps(text) if is_text else text, struct_pb2.Value())
        if not fits(value, wanted):
            raise Refused(f"output parameter {key!r} is a {value.WhichOneof('kind')}")
        return value

    def _local(self, mount: Path, uri: str) -> Path:
        return mount / self._job.stores.path(uri)


def _expanded(text: str, environment: Mapping[str, str]) -> str:
    """Kubernetes' expansion of a container's argument: ``$(NAME)`` is the variable if it exists, ``$$`` is $."""
    return _REFERENCE.sub(
        lambda found: "$" if found[0] == "$$" else environment.get(found[1], found[0]),
        text,
    )


def _mounted(value: str, folders: Mapping[str, Path]) -> str:
    """A path below a volume, as it is on this machine."""
    for mount, folder in folders.items():
        if value == mount or value.startswith(f"{mount}/"):
            return f"{folder}{value.removeprefix(mount)}"
    return value
