"""Write a lock: what `pip freeze` says of a resolved environment, without the packages that nothing imports.

    pip freeze --all --exclude pip | python tools/lock.py requirements.omit > requirements.lock

The lock is for machines of every kind, so the build of a wheel (`+cpu`) is left out.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path


def lean(frozen: Iterable[str], omitted: Iterable[str]) -> list[str]:
    """The pins `name==version` whose name is not among `omitted` (lines of a file with comments).

    Raises SystemExit where an omitted package is not there: then the list is out of date.
    """
    out = {normal(line) for line in omitted if line.strip() and not line.startswith("#")}
    pins = {normal(line.split("==")[0]): line.strip() for line in frozen if "==" in line}
    if missing := sorted(out - pins.keys()):
        sys.exit(f"requirements.omit names {', '.join(missing)}, which nothing asks for any more; take them out")
    return [re.sub(r"\+\w+$", "", pin) for name, pin in pins.items() if name not in out]


def normal(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


if __name__ == "__main__":
    print(*lean(sys.stdin, Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()), sep="\n")
