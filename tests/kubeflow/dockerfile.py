"""A Dockerfile as a list of instructions, and what a .dockerignore leaves of a folder: enough to check ours."""

import re
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import NamedTuple

INSTRUCTION = re.compile(r"^([A-Z]+)\s+(.*)", re.DOTALL)


class Instruction(NamedTuple):
    """One instruction; ``stage`` is the name of the stage that it is in, or "" before the first FROM."""

    stage: str
    name: str
    text: str

    @property
    def flags(self) -> dict[str, str]:
        return dict(re.findall(r"--([a-z-]+)=(\S+)", self.text))

    @property
    def words(self) -> list[str]:
        return [word for word in self.text.split() if not word.startswith("--")]

    @property
    def mounts(self) -> list[dict[str, str]]:
        found = re.findall(r"--mount=(\S+)", self.text)
        return [dict(part.split("=", 1) for part in mount.split(",")) for mount in found]


class Stage(NamedTuple):
    name: str
    parent: str  # another stage, or an image
    instructions: list[Instruction]


def parse(text: str) -> tuple[list[Instruction], list[Stage]]:
    """What is before the first stage, and the stages."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    head: list[Instruction] = []
    stages: list[Stage] = []
    for line in re.sub(r"\\\n", " ", lines).splitlines():
        if not line.strip():
            continue
        match = INSTRUCTION.match(line)
        if match is None:
            raise ValueError(f"no instruction: {line!r}")
        name, text = match[1], match[2].strip()
        if name == "FROM":
            image, _, stage = text.partition(" AS ")
            stages.append(Stage(stage, image, []))
            continue
        instruction = Instruction(stages[-1].name if stages else "", name, text)
        (stages[-1].instructions if stages else head).append(instruction)
    return head, stages


def ignored(path: str, patterns: list[str]) -> bool:
    """Whether a build leaves a file out of its context: the last pattern that fits it or a folder above it decides."""
    out = False
    parts = PurePosixPath(path).parts
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    for pattern in patterns:
        keep, glob = pattern.startswith("!"), pattern.lstrip("!").removeprefix("/").rstrip("/")
        anywhere = glob.removeprefix("**/")
        if any(_fits(place, glob) or (anywhere != glob and _fits(Path(place).name, anywhere)) for place in above):
            out = not keep
    return out


def _fits(place: str, glob: str) -> bool:
    """As Docker has it: a star does not cross a slash."""
    return place.count("/") == glob.count("/") and fnmatch(place, glob)
