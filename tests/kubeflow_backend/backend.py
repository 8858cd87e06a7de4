"""Runs and their order: Argo's part."""

import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeflow_backend.driver import Job, Task
from kubeflow_backend.pods import Kill, Pod
from kubeflow_backend.specification import parse, run_parameters
from kubeflow_backend.stores import Stores
from kubeflow_backend.ui import serving_ui

DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"  # the server's default


@dataclass
class Run:
    """One run of a pipeline."""

    run_id: str
    tasks: dict[str, Task]

    @property
    def state(self) -> str:
        ended = {"SUCCEEDED", "SKIPPED"}
        return "SUCCEEDED" if all(task.state in ended for task in self.tasks.values()) else "FAILED"

    @property
    def failed(self) -> list[str]:
        return [name for name, task in self.tasks.items() if task.state == "FAILED"]


class Backend:
    """A cluster: an object store, a metadata store and pods, all under one folder."""

    def __init__(
        self,
        folder: Path,
        publish_logs: bool = True,
        version: tuple[int, ...] = (2, 17, 0),
        ui: bool = True,
        stores: Stores | None = None,
    ) -> None:
        """Makes an empty cluster.

        Args:
          folder: for all of it.
          publish_logs: the API server's PUBLISH_LOGS, which is on in KFP's own manifests.
          version: of Kubeflow Pipelines.
          ui: whether the UI's server is in the pods' namespace, as in a standalone installation.
          stores: default: buckets under the folder.
        """
        self._folder, self._stores, self._publish_logs = folder, stores or Stores(folder), publish_logs
        self._version, self._ui = version, ui

    def artifact(self, run: Run, task: str, key: str) -> tuple[Path, dict[str, Any]]:
        """(where the object store keeps it, its metadata) of an output."""
        found = self._stores.runtime_artifact(run.tasks[task].outputs[key])
        return self._stores.local(found["uri"]), found["metadata"]

    def run(
        self,
        file: Path,
        parameters: dict[str, Any] | None = None,
        kill: dict[str, Kill] | None = None,
        cached: dict[str, Task] | None = None,
        pipeline_root: str = DEFAULT_ROOT,
    ) -> Run:
        """Runs a compiled pipeline to its end.

        Args:
          file: the YAML.
          parameters: of the run; the others take their defaults.
          kill: what happens to the first attempts of some tasks.
          cached: finished tasks of an earlier run, used as cache hits.
          pipeline_root: of the run; the backend reads no ``defaultPipelineRoot``.

        Raises:
          Refused: the API server would refuse the file or the parameters.
        """
        compiled = parse(file)
        values = run_parameters(compiled.spec, parameters or {})
        run = Run(str(uuid.uuid4()), {name: Task() for name in compiled.upstream})
        for name, task in (cached or {}).items():
            run.tasks[name] = Task("SUCCEEDED", outputs=task.outputs, parameters=task.parameters)
        root = f"{pipeline_root.rstrip('/')}/{compiled.spec.pipeline_info.name}/{run.run_id}"
        logs: dict[str, str] = {}
        with serving_ui(self._stores.bucket, logs) if self._ui else nullcontext() as ui:
            job = Job(
                run.run_id,
                compiled,
                values,
                root,
                self._stores,
                run.tasks,
                self._publish_logs,
                self._version,
                ui,
                logs,
            )
            self._run(run, job, kill or {})
        return run

    def _run(self, run: Run, job: Job, kill: dict[str, Kill]) -> None:
        upstream = job.compiled.upstream
        waiting = {name for name, task in run.tasks.items() if task.state == "PENDING"}
        busy: dict[Future[None], str] = {}
        with ThreadPoolExecutor(2) as pods:
            while waiting or busy:
                for name in self._left_out(run, upstream, waiting):
                    waiting.remove(name)
                    run.tasks[name].state = "SKIPPED"
                ready = [
                    name for name in sorted(waiting) if all(run.tasks[up].state == "SUCCEEDED" for up in upstream[name])
                ]
                for name in ready[: 2 - len(busy)]:
                    waiting.remove(name)
                    busy[pods.submit(Pod(self._folder, job, name, kill.get(name)).run)] = name
                if not busy:
                    break  # what waits, waits for something that failed
                for done in wait(busy, return_when=FIRST_COMPLETED).done:
                    busy.pop(done)
                    done.result()

    @staticmethod
    def _left_out(run: Run, upstream: dict[str, set[str]], waiting: set[str]) -> list[str]:
        """What Argo omits, for it depends on the success of something that was skipped."""
        skipped = {name for name, task in run.tasks.items() if task.state == "SKIPPED"}
        while more := {name for name in waiting - skipped if upstream[name] & skipped}:
            skipped |= more
        return sorted(skipped & waiting)
