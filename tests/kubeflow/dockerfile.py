"""A Dockerfile read as BuildKit reads it, as far as tests of one need it."""

import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass
class Stage:
    """One FROM and what follows it.

    Attributes:
      name: after AS.
      base: another stage's name, or an image's.
      steps: instruction and its text, continuation lines joined.
    """

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def texts(self, instruction: str) -> list[str]:
        return [text for name, text in self.steps if name == instruction]


@dataclass
class Dockerfile:
    arguments: dict[str, str]  # before the first FROM
    stages: dict[str, Stage]

    def lineage(self, name: str) -> list[Stage]:
        """The stages that a stage stands on, the lowest first, and itself."""
        stage = self.stages.get(name)
        return [*self.lineage(stage.base), stage] if stage else []

    def steps(self, name: str) -> list[tuple[str, str]]:
        """All that makes the image of a stage."""
        return [step for stage in self.lineage(name) for step in stage.steps]


def read_dockerfile(path: Path) -> Dockerfile:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    stage = None
    for line in filter(None, map(str.strip, joined.splitlines())):
        instruction, text = line.split(maxsplit=1)
        if instruction == "FROM":
            base, word, name = text.split()
            assert word == "AS", f"a stage without a name: {line}"
            stage = stages[name] = Stage(name, base)
        elif stage:
            stage.steps.append((instruction, " ".join(text.split())))
        else:
            assert instruction == "ARG", line
            name, _, default = text.partition("=")
            arguments[name] = default
    return Dockerfile(arguments, stages)


def context(root: Path, files: list[str]) -> set[str]:
    """The files that .dockerignore lets through: the last pattern that fits a file, or a folder above it, decides."""
    patterns = [line for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.strip()]
    patterns = [pattern for pattern in patterns if not pattern.startswith("#")]
    return {file for file in files if _sent(file, patterns)}


def _sent(file: str, patterns: list[str]) -> bool:
    above = [file, *map(str, PurePosixPath(file).parents)]
    sent = True
    for pattern in patterns:
        if any(matches(pattern.removeprefix("!"), path) for path in above):
            sent = pattern.startswith("!")
    return sent


def matches(pattern: str, path: str) -> bool:
    """Go's filepath.Match with Docker's ``**``."""
    wild = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    return bool(re.fullmatch("".join(wild.get(part) or re.escape(part) for part in parts), path))
