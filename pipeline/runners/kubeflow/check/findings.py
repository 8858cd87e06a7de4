"""A compiled pipeline as the backend parses it, and what a check of it finds."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

# Messages of kfp.pipeline_spec.pipeline_spec_pb2, whose generated module has no types.
Message = Any

_NAMED = 4


@dataclass(frozen=True)
class Finding:
    """One problem of a compiled pipeline.

    Attributes:
      where: the part: a task, an executor, a parameter, the file.
      message: what is wrong and what would be right, without the part's name.
      severity: "error" where the upload is refused, the run fails, or something that is requested is dropped;
        "warning" where the pipeline runs, with a risk.
    """

    where: str
    message: str
    severity: Literal["error", "warning"] = "error"


def warning(where: str, message: str) -> Finding:
    """A finding with which a pipeline runs."""
    return Finding(where, message, "warning")


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Those with which a pipeline does not run."""
    return [finding for finding in findings if finding.severity == "error"]


def lines(findings: Iterable[Finding]) -> list[str]:
    """One line a message, with all the parts that it holds for."""
    parts: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        parts.setdefault((finding.severity, finding.message), []).append(finding.where)
    found = []
    for (severity, message), where in parts.items():
        more = f" and {len(where) - _NAMED} more" if len(where) > _NAMED else ""
        found.append(f"{severity}: {', '.join(where[:_NAMED])}{more}: {message}")
    return found


@dataclass(frozen=True)
class Dag:
    """A graph: the root's, or that of a component made of tasks, such as the one that TFX wraps for an exit handler."""

    name: str  # "root", or the component's
    component: Message  # its ComponentSpec

    @property
    def tasks(self) -> Mapping[str, Message]:
        """PipelineTaskSpecs by task id."""
        return cast("Mapping[str, Message]", self.component.dag.tasks)

    def where(self, task: str) -> str:
        """The name of a task of this graph in a finding."""
        return f"task {task}" if self.name == "root" else f"task {task} in {self.name}"


@dataclass(frozen=True)
class Compiled:
    """The parsed documents."""

    spec: Message  # PipelineSpec
    deployment: Message  # PipelineDeploymentConfig within it
    platform: Mapping[str, Mapping[str, Any]]  # executor label -> its KubernetesExecutorConfig as JSON has it

    @property
    def executors(self) -> Mapping[str, Message]:
        """ExecutorSpecs by label."""
        return cast("Mapping[str, Message]", self.deployment.executors)

    def component(self, task: Message) -> Message | None:
        """The ComponentSpec of a task, if there is one."""
        return self.spec.components.get(task.component_ref.name)

    def container(self, component: Message) -> Message | None:
        """The PipelineContainerSpec of a component, if it is one container."""
        executor = self.executors.get(component.executor_label)
        return executor.container if executor is not None and executor.HasField("container") else None

    def dags(self) -> Iterator[Dag]:
        """The root and every graph that it uses, each once."""
        waiting, seen = [Dag("root", self.spec.root)], {"root"}
        while waiting:
            dag = waiting.pop(0)
            yield dag
            for task in dag.tasks.values():
                component, name = self.component(task), task.component_ref.name
                if component is not None and component.HasField("dag") and name not in seen:
                    seen.add(name)
                    waiting.append(Dag(name, component))

    def steps(self) -> Iterator[tuple[Dag, str, Message, Message]]:
        """Every task whose component is there: (its graph, its id, the task, its component), by name."""
        for dag in self.dags():
            for name, task in sorted(dag.tasks.items()):
                component = self.component(task)
                if component is not None:
                    yield dag, name, task, component

    def containers(self) -> Iterator[tuple[str, Message]]:
        """Every container that some task runs: (executor label, PipelineContainerSpec), by label."""
        for label, component in sorted({one.executor_label: one for _, _, _, one in self.steps()}.items()):
            if container := self.container(component):
                yield label, container


Check = Callable[[Compiled], Iterator[Finding]]

CHECKS: list[Check] = []


def check(function: Check) -> Check:
    """Registers a check. Every module of this folder is imported, so a check is complete with its one file."""
    CHECKS.append(function)
    return function
