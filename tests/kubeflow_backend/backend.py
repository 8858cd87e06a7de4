"""Runs and their order: Argo's part."""

import uuid
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeflow_backend.pods import Kill, Pod, Task
from kubeflow_backend.specification import parse, run_parameters
from kubeflow_backend.stores import Stores


@dataclass
class Run:
    """One run of a pipeline."""

    run_id: str
    tasks: dict[str, Task]

    @property
    def state(self) -> str:
        return "SUCCEEDED" if all(task.state == "SUCCEEDED" for task in self.tasks.values()) else "FAILED"

    @property
    def failed(self) -> list[str]:
        return [name for name, task in self.tasks.items() if task.state == "FAILED"]


class Backend:
    """A cluster: an object store, a metadata store and pods, all under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stores = folder, Stores(folder)

    def artifact(self, run: Run, task: str, key: str) -> tuple[Path, dict[str, Any]]:
        """(where the object store keeps it, its metadata) of an output."""
        found = self._stores.runtime_artifact(run.tasks[task].outputs[key])
        return self._stores.bucket / self._stores.place(found["uri"]), found["metadata"]

    def run(
        self,
        file: Path,
        parameters: dict[str, Any] | None = None,
        kill: dict[str, Kill] | None = None,
        cached: dict[str, Task] | None = None,
    ) -> Run:
        """Runs a compiled pipeline to its end.

        Args:
          file: the YAML.
          parameters: of the run; the others take their defaults.
          kill: what happens to the first attempts of some tasks.
          cached: finished tasks of an earlier run, taken as cache hits.

        Raises:
          Refused: the API server would not take the file or the parameters.
        """
        spec, executors, platform = parse(file)
        values = run_parameters(spec, parameters or {})
        tasks = dict(spec.root.dag.tasks)
        run = Run(str(uuid.uuid4()), {name: Task() for name in tasks})
        for name, task in (cached or {}).items():
            run.tasks[name] = Task("SUCCEEDED", outputs=task.outputs)
        waiting = {name for name, task in run.tasks.items() if task.state == "PENDING"}
        busy: dict[Future[None], str] = {}
        with ThreadPoolExecutor(2) as pods:
            while waiting or busy:
                ready = [
                    name
                    for name in sorted(waiting)
                    if all(run.tasks[up].state == "SUCCEEDED" for up in tasks[name].dependent_tasks)
                ]
                for name in ready[: 2 - len(busy)]:
                    waiting.remove(name)
                    pod = Pod(
                        *(self._folder, self._stores, spec, executors, platform, values),
                        *(run.run_id, run.tasks, name, (kill or {}).get(name)),
                    )
                    busy[pods.submit(pod.run)] = name
                if not busy:
                    break  # what waits, waits for something that failed
                for done in wait(busy, return_when=FIRST_COMPLETED).done:
                    busy.pop(done)
                    done.result()
        return run
