"""Import every module of the package, the commands, the tests, the tools and the benchmarks, and say what cannot be.

    python tools/import_all.py

`make setup` ends with it: what is imported is compiled for the runs to come, and an environment that lacks something is
found out before the first of them. Nothing of what is imported runs.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("workflow/scripts", "tests", "tools", "benchmarks")
NOT_IMPORTED = frozenset({"tests/conda/standin.py"})
"""What runs in an environment of its own."""


def modules() -> Iterator[Path]:
    """The files of all modules."""
    yield from sorted((ROOT / "src").rglob("*.py"))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path.stem != "conftest" and str(path.relative_to(ROOT)) not in NOT_IMPORTED:
                yield path


def search_folders() -> list[str]:
    """The package's folder, and every folder that holds modules of no package."""
    found = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    return [str(ROOT / "src"), *sorted(map(str, found))]


def load(path: Path) -> None:
    """Import one file: a module of the package by its name, any other by its place, since names may be the same."""
    if path.is_relative_to(ROOT / "src"):
        parts = path.relative_to(ROOT / "src").with_suffix("").parts
        importlib.import_module(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
        return
    name = "_".join(path.relative_to(ROOT).with_suffix("").parts)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)


def main() -> None:
    """Import all; exit with a sentence that names each module that cannot be, and why."""
    sys.path[:0] = search_folders()
    failed = []
    for path in modules():
        try:
            load(path)
        except Exception as error:  # whatever a module ends in is what is asked here
            failed.append(f"{path.relative_to(ROOT)} cannot be imported: {type(error).__name__}: {error}")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
