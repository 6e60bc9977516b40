"""Which of the project's files a script runs, found by following its imports, and a digest of them."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

UNTRACKED = frozenset(
    {"abaw.config", "abaw.commands.base", "abaw.running.errors", "abaw.running.imports", "abaw.running.endings"}
)
"""Modules that cannot change a result: the config's values reach a job by themselves, errors only end it."""
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")
"""Where a statement holds others."""


def files_behind(script: Path, source: Path) -> list[Path]:
    """The script, then every file of `source` that it imports, directly or not; sorted.

    Imports inside functions count. Libraries are left out, and so are the modules in `UNTRACKED` and what only they
    import.
    """
    found: set[Path] = set()
    pending = [script]
    while pending:
        new = _imported_files(pending.pop(), source) - found
        found |= new
        pending += new
    return [script, *sorted(found)]


def digest_behind(script: Path, source: Path) -> str:
    """The sha256 of `files_behind`: of the script's content, and of each other file's name in `source` and content."""
    _, *modules = files_behind(script, source)
    lines = [_digest(script), *(f"{path.relative_to(source).as_posix()} {_digest(path)}" for path in modules)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def _imported_files(path: Path, source: Path) -> frozenset[Path]:
    """The project's files that a file imports, read once a process, however many scripts it is behind."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return frozenset().union(*(_modules(name, source) for name in set(_names_in(tree))))


def _names_in(tree: ast.Module) -> Iterator[str]:
    for statement in _statements(tree):
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            yield statement.module
            yield from (f"{statement.module}.{alias.name}" for alias in statement.names)


def _statements(block: ast.AST) -> Iterator[ast.AST]:
    """All statements within one, without their expressions, which are nine tenths of a tree and import nothing."""
    for field in _BLOCKS:
        for statement in getattr(block, field, ()):
            yield statement
            yield from _statements(statement)


@cache
def _modules(name: str, source: Path) -> frozenset[Path]:
    """The file of a dotted name and the `__init__` files above it, where they are the project's own."""
    parts = name.split(".")
    stems = [".".join(parts[:depth]) for depth in range(1, len(parts) + 1)]
    if not (source / parts[0]).is_dir() or UNTRACKED & set(stems):
        return frozenset()
    files = set()
    for stem in stems:
        path = source.joinpath(*stem.split("."))
        files |= {file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()}
    return frozenset(files)
