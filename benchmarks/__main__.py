"""``python -m benchmarks``: lists the benchmarks; ``python -m benchmarks NAME [ARGS]`` runs one."""

import ast
import runpy
import sys
import warnings
from pathlib import Path

from models.library_environment import prepare_native_libraries

HERE = Path(__file__).parent
SCRIPTS = {path.stem: path for path in sorted(HERE.glob("*.py")) if not path.stem.startswith("_")}


def main() -> None:
    """Runs the script named first with the arguments behind it."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in SCRIPTS:
        for script, path in SCRIPTS.items():
            print(f"{script:<18} {(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}")
        sys.exit(0 if name in ("", "--help") else 2)
    prepare_native_libraries()
    warnings.simplefilter("ignore")  # those of libraries: a benchmark prints its table
    sys.argv = [str(SCRIPTS[name]), *sys.argv[2:]]
    runpy.run_path(str(SCRIPTS[name]), run_name="__main__")


if __name__ == "__main__":
    main()
