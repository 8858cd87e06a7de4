"""Follows docs/how-to/extend.md to the letter in a scratch copy of the project."""

import re
import shutil
from pathlib import Path

PROJECT = Path(__file__).parents[2]
PAGE = PROJECT / "docs" / "how-to" / "extend.md"
_FILE = re.compile(r"`((?:components|models|pipeline|tests)/[\w/]+\.py)`")


def follow(section: str, copy: Path) -> list[Path]:
    """Copies the project to ``copy`` and applies a section; returns the files that it writes or changes.

    A block is for the file that was named last. "python": its content. "diff": its "+" lines, inserted where its other
    lines stand in the file.
    """
    for folder in ("components", "models", "pipeline", "configs", "tests"):
        shutil.copytree(PROJECT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "pyproject.toml", copy)
    changed: list[Path] = []
    text = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    file = ""
    for part in re.split(r"(?=^```(?:python|diff)\n)", text, flags=re.MULTILINE):
        prose = part
        if block := re.match(r"```(python|diff)\n(.*?)^```$(.*)", part, re.MULTILINE | re.DOTALL):
            kind, content, prose = block.groups()
            _write(copy / file, kind, content)
            changed.append(copy / file)
        file = ([file, *_FILE.findall(prose)])[-1]
    return changed


def _write(path: Path, kind: str, block: str) -> None:
    if kind == "python":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block, encoding="utf-8")
        return
    lines = block.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if not line.startswith("+"))
    after = "".join(line[1:] for line in lines)
    text = path.read_text(encoding="utf-8")
    if text.count(before) != 1:
        raise AssertionError(f"{path}: the lines of the page are there {text.count(before)} times:\n{before}")
    path.write_text(text.replace(before, after), encoding="utf-8")
