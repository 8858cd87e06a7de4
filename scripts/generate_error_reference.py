"""Writes the reference pages that follow from the code: ``python scripts/generate_error_reference.py [--check]``.

``--check`` writes nothing, and exits with 1 if a page is not current.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from models.error_codes import CODES  # noqa: E402 - a script runs without the project being installed

ERRORS = """# Error codes

An error is one line, `error: <what is wrong, where, what would be right> [<code>]`, and exit code 2; or 1 where the
input is not to blame, or not alone. Where the cause *may pass* by itself, a node on Kubeflow is tried again; any other
error with exit code 2 is evaluated once. The codes are stable: scripts may test for them. This page is generated from
`models/error_codes.py`.

| code | exit code | usual cause | remedy |
|---|---|---|---|
"""


def pages() -> dict[Path, str]:
    """Each page with its text."""
    rows = (
        f"| `{code}` | {int(entry.exit_code)}{', may pass' * entry.may_pass} | {entry.cause} | {entry.remedy} |\n"
        for code, entry in sorted(CODES.items())
    )
    return {ROOT / "docs" / "reference" / "errors.md": ERRORS + "".join(rows)}


def main() -> int:
    """Writes the pages, or compares them."""
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if "--check" in sys.argv[1:]:
            print(f"{path.relative_to(ROOT)} is not current: make reference", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path], encoding="utf-8")
    return int(bool(stale) and "--check" in sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
