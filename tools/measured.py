"""Measured figures as text: the tables in README and docs that quote them, and the page that lists them all.

docs/measured.json holds what `make measure` measured, benchmarks/figures.yaml how each figure is named. A table stands
between two markers, and is written anew from the figures that the first one names:

    <!-- measured: elm.rbf_over_cholesky dwf.* -->
    <!-- /measured -->
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
MEASURED = ROOT / "docs" / "measured.json"
FIGURES = ROOT / "benchmarks" / "figures.yaml"
BLOCK = re.compile(r"(<!-- measured: ([^>]*?) -->\n).*?(<!-- /measured -->)", re.DOTALL)

PAGE_HEAD = """# Everything that was measured

Look here for every figure that README and docs quote from a benchmark: the command that measures it again, the commit,
the machine and the day. `make measure` runs all benchmarks, `make measure BENCH=elm` one of them, and writes this page
and the tables that quote it.
"""


def read_measured() -> dict[str, dict[str, Any]]:
    """What was measured, by benchmark: figures, command, commit, machine, threads and date."""
    return json.loads(MEASURED.read_text(encoding="utf-8")) if MEASURED.exists() else {}


def read_figures() -> dict[str, dict[str, Any]]:
    """How each benchmark is run, and how its figures are named."""
    return yaml.safe_load(FIGURES.read_text(encoding="utf-8"))


def pages() -> list[Path]:
    """The files in which tables of figures may stand."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def with_tables(text: str, named: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """The text of a page with its tables written anew."""
    return BLOCK.sub(lambda block: block[1] + _table(block[2].split(), named, measured) + block[3], text)


def measured_page(named: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    """The page docs/measured.md."""
    parts = [PAGE_HEAD]
    for name, about in sorted(measured.items()):
        figures = named.get(name, {}).get("figures", {})
        rows = [f"| {_says(figures, key)} | {_shown(figures, key, value)} |" for key, value in _flat(about["figures"])]
        threads = "one thread" if about["threads"] == 1 else f"{about['threads']} threads"
        parts += [
            f"## {name}\n",
            f"`{about['command']}`\n",
            f"{about['date']}, commit {about['commit']}, {threads} of {about['machine']}"
            + (f"; {about['remark']}" if about.get("remark") else "")
            + ".\n",
            "\n".join(["| what | measured |", "|---|---|", *rows, ""]),
        ]
    return "\n".join(parts)


def _table(keys: list[str], named: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    found = list(_asked_for(keys, named))
    if any("column" in figure for _, _, figure in found):
        return _pivot(found, measured)
    lines = ["| what | measured | by |", "|---|---|---|"]
    for name, key, figure in found:
        lines.append(f"| {figure['says']} | {_value(name, key, figure, measured)} | `{named[name]['command']}` |")
    return "\n".join(lines) + "\n"


def _pivot(found: list[tuple[str, str, dict[str, Any]]], measured: Mapping[str, Any]) -> str:
    """A table whose rows and columns the figures name."""
    columns = list(dict.fromkeys(figure["column"] for _, _, figure in found))
    cells = {(figure["says"], figure["column"]): _value(name, key, figure, measured) for name, key, figure in found}
    lines = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    for row in dict.fromkeys(figure["says"] for _, _, figure in found):
        lines.append(f"| {row} | {' | '.join(cells.get((row, column), '') for column in columns)} |")
    return "\n".join(lines) + "\n"


def _asked_for(keys: list[str], named: Mapping[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for asked in keys:
        name, _, key = asked.partition(".")
        figures = named.get(name, {}).get("figures", {})
        chosen = [k for k in figures if k == key or (key.endswith("*") and k.startswith(key[:-1]))]
        if not chosen:
            sys.exit(f"a page quotes the figure {asked}, which {FIGURES.relative_to(ROOT)} does not name; add it there")
        yield from ((name, k, figures[k]) for k in chosen)


def _value(name: str, key: str, figure: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    values = dict(_flat(measured[name]["figures"])) if name in measured else {}
    return _shown({key: figure}, key, values[key]) if key in values else "not measured yet"


def _shown(figures: Mapping[str, Any], key: str, value: Any) -> str:
    if value is None:
        return "not measured"
    return figures.get(key, {}).get("form", "{}").format(value)


def _says(figures: Mapping[str, Any], key: str) -> str:
    figure = figures.get(key)
    if figure is None:
        return f"`{key}`"
    return f"{figure['says']}, {figure['column']}" if "column" in figure else figure["says"]


def _flat(figures: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The figures by name, those of nested objects with dots between names."""
    for key, value in figures.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value
