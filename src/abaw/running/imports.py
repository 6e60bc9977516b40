"""Which of the project's files a script runs, found by following its imports."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

UNTRACKED = frozenset(
    {"abaw.config", "abaw.commands.base", "abaw.running.errors", "abaw.running.imports", "abaw.running.endings"}
)
"""Modules that cannot change a result: the config's values reach a job by themselves, errors only end it."""


def files_behind(script: Path, source: Path) -> list[Path]:
    """The script, then every file that it imports, directly or not, from its own folder or from `source`; sorted.

    Imports inside functions count. Libraries are left out, and so are the modules in `UNTRACKED` and what only they
    import.
    """
    found: set[Path] = set()
    pending = [script]
    while pending:
        path = pending.pop()
        for name in _imported_names(path):
            for module in _modules(name, script.parent, source) - found:
                found.add(module)
                pending.append(module)
    return [script, *sorted(found - {script})]


@cache
def _imported_names(path: Path) -> tuple[str, ...]:
    """What a file imports, read once a process: the workflow asks for every script behind which the file is."""
    return tuple(_names_in(ast.parse(path.read_text(encoding="utf-8"), str(path))))


def _names_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def _modules(name: str, beside: Path, source: Path) -> frozenset[Path]:
    """The file of a dotted name and the `__init__` files above it, where they are the project's own."""
    parts = name.split(".")
    if any(".".join(parts[:depth]) in UNTRACKED for depth in range(1, len(parts) + 1)):
        return frozenset()
    files = set()
    for root in (beside, source):
        for depth in range(1, len(parts) + 1):
            stem = root.joinpath(*parts[:depth])
            files |= {path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()}
    return frozenset(files)
