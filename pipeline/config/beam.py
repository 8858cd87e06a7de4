"""Beam: its runner, its options, and what they say about the place where the workers run. Imports no Beam."""

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

from pydantic import Field, field_validator

from models.settings import Affects, Settings

# By its full name: on the older stack the short one fails, on the current one it first tries to download a runner.
IN_PROCESS = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
RUNNER = "--runner"
LOCAL_FLINK = ("[local]", "[auto]")  # masters for which Beam starts a Flink of its own

_HERE = frozenset(("fnapi", "direct", "bundlebaseddirect", "switchingdirect", "interactive", "prism", "testdirect"))
_PORTABLE = frozenset(("portable", "flink", "spark"))
_DOCKER = ("DOCKER", "beam:env:docker:v1")
_REPEATED = ("environment_option", "environment_options")
_CONFIGURATION = ("environment_config", *_REPEATED)
# With one of them TFX does not package its own sources for each component: 5 s, and 30 MB that stay in TMPDIR.
_PACKAGES = frozenset(
    (
        *("sdk_container_image", "worker_harness_container_image", "setup_file", "requirements_file"),
        *("extra_package", "extra_packages"),
    )
)
_UNPACKED = "--sdk_container_image=none"  # TFX packages nothing where there is one; no runner but Dataflow's uses it


class BeamSettings(Settings):
    """The runner of Beam; its other options go into ``args``."""

    runner: str = Field(IN_PROCESS, description="name or class of the runner; --beam sets it too")
    args: tuple[str, ...] = Field((), description="options of the runner and of Beam, e.g. --parallelism=8")
    check_workers: Annotated[bool, Affects.NOTHING] = Field(
        True, description="whether the worker pool of environment_type EXTERNAL must answer from here before a run"
    )

    @field_validator("args")
    @classmethod
    def _with_values(cls, args: tuple[str, ...]) -> tuple[str, ...]:
        options = joined(args)
        if wrong := next((option for option in options if not option.startswith("--")), None):
            raise ValueError(f"an option begins with --; got {wrong}")
        if any(name_of(option) == "runner" for option in options):
            raise ValueError(f"{RUNNER} is the key beam.runner; got {', '.join(args)}")
        return options

    @property
    def kind(self) -> str:
        """The runner's name as Beam reads it: "flink" of ``FlinkRunner``, ``flink`` and the class's full name."""
        return self.runner.rpartition(".")[2].lower().removesuffix("runner")

    @property
    def in_process(self) -> bool:
        """Whether it is Beam's runner in this process, the default."""
        return self.runner == IN_PROCESS

    @property
    def known(self) -> bool:
        """Whether it is a runner of Beam's that this project knows."""
        return self.kind in _HERE | _PORTABLE | {"dataflow"}

    @property
    def options(self) -> dict[str, str]:
        """The options by name; "" of one without a value. The last one counts, as in Beam."""
        return {name_of(option): option.partition("=")[2] for option in self.args}

    @property
    def environment(self) -> str:
        """``environment_type`` of the workers of a portable runner, as given or as Beam sets it itself."""
        if given := self.options.get("environment_type"):
            return given
        own_flink = self.kind == "flink" and self.options.get("flink_master", LOCAL_FLINK[1]) in LOCAL_FLINK
        own_spark = self.kind == "spark" and self.options.get("spark_master_url", "local").startswith("local")
        return "LOOPBACK" if own_flink or own_spark else "DOCKER"

    @property
    def worker_pool(self) -> str | None:
        """The address of the workers of environment type EXTERNAL, ``host:port``; None if it is not given.

        Raises:
          ValueError: the environment's configuration is not JSON, though it begins as such.
        """
        config = self.options.get("environment_config", "").strip()
        if config.startswith("{"):
            content: Any = json.loads(config)
            return str(content["url"]) if content.get("url") else None
        pairs = (option.partition("=")[2].partition("=") for option in self.args if name_of(option) in _REPEATED)
        return config or next((value for name, _, value in pairs if name == "external_service_address"), None)

    @property
    def workers_have_code(self) -> bool:
        """Whether workers have this package: they are this process or its children, or an option names them.

        The image of a Docker environment is named by its configuration; ``sdk_container_image`` is Dataflow's.
        """
        named = self.environment not in _DOCKER or any(name in self.options for name in _CONFIGURATION)
        return self.kind in _HERE or (self.kind in _PORTABLE and named)

    @property
    def workers_elsewhere(self) -> bool:
        """Whether the workers of a portable runner are other processes, not begun by this one."""
        return self.kind in _PORTABLE and self.environment in ("EXTERNAL", "PROCESS", *_DOCKER)

    @property
    def packages_code(self) -> bool:
        """Whether an option names an image, or packages to install, for the workers."""
        return any(self.options.get(name) for name in _PACKAGES)

    @property
    def pipeline_args(self) -> list[str]:
        """The arguments of each Beam pipeline.

        Cloudpickle is Beam's default from 2.66 on, and the quicker one.
        """
        unpacked = [_UNPACKED] if self.workers_have_code and not self.packages_code else []
        quick = ["--pickle_library=cloudpickle"] if self.in_process else []
        return [f"{RUNNER}={self.runner}", *unpacked, *quick, *self.args]


def of_pipeline_args(args: Sequence[str]) -> BeamSettings:
    """The settings whose ``pipeline_args`` are given; without a runner among them, Beam takes DirectRunner."""
    runners = [option.partition("=")[2] for option in args if name_of(option) == "runner"]
    rest = tuple(option for option in args if name_of(option) != "runner")
    return BeamSettings(runner=(runners or ["DirectRunner"])[-1], args=rest)


def joined(options: Iterable[str]) -> tuple[str, ...]:
    """Options as ``--name=value``, also those that were given as ``--name value``."""
    found: list[str] = []
    for option in options:
        if found and not option.startswith("--") and "=" not in found[-1]:
            found[-1] += f"={option}"
        else:
            found.append(option)
    return tuple(found)


def name_of(option: str) -> str:
    """The name of an option, as Beam's settings have it: ``job_endpoint`` of ``--job_endpoint=host:8099``."""
    return option.partition("=")[0].removeprefix("--")
