"""The report as one page of HTML that needs no network: pictures are inside, names are escaped by Jinja2."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined

from abaw.report.paper import ACOUSTIC, SYSTEMS
from abaw.tasks import TASKS, TaskName, task_named
from abaw.timeline.widths import FILTER

Rows = Sequence[Mapping[str, str]]
WORDS = {
    "ccc_mean": "CCC, mean",
    "ccc_valence": "valence",
    "ccc_arousal": "arousal",
    "f1_macro": "F1",
    "precision_macro": "precision",
    "recall_macro": "recall",
    "accuracy": "accuracy",
}
LEARNED = ("out_of_bag", "in_sample")
"""What a forest says of rows that it has learned, at the end of a name."""


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page: `template` (Jinja2) with `values`, escaped; a value that is missing is an error."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(values)


def comparison(rows: Rows, titles: Mapping[str, str]) -> list[dict[str, Any]]:
    """The tables of the page from the rows of `abaw.report.tables`; `titles` are the systems' own."""
    tables = []
    for number, task in dict.fromkeys((row["table"], row["task"]) for row in rows):
        own = [row for row in rows if (row["table"], row["task"]) == (number, task)]
        measures = list(dict.fromkeys(row["measure"] for row in own))
        names = dict.fromkeys(row["row"] for row in own)
        lines = [_line(name, [row for row in own if row["row"] == name], titles) for name in names]
        heads = [WORDS[measure] for measure in measures]
        nested = any(row["nested"] for row in own)
        about = {"title": _title(number, task), "note": _note(number, task), "distance": distance(own)}
        tables.append(about | {"measures": heads, "rows": lines, "nested": nested})
    return tables


def distance(rows: Rows) -> str:
    """In a sentence, how far the nested estimates of a table lie below the scores on what was chosen; or nothing."""
    measure = rows[0]["measure"]
    below = {
        row["row"]: float(row["ours"]) - float(row["nested"])
        for row in rows
        if row["measure"] == measure and row["nested"]
    }
    if not below:
        return ""
    each = ", ".join(f"{name} by {value:.3f}" for name, value in below.items())
    return f"The nested estimate of {WORDS[measure]} lies below the score on what was chosen: {each}."


def _line(name: str, cells: Rows, titles: Mapping[str, str]) -> dict[str, Any]:
    system = next((system for system in titles if name in (system, *(f"{system}_{end}" for end in LEARNED))), None)
    return {
        "title": f"{name}: {titles[system]}" if system else name,
        "weak": cells[0]["fitted_on"].endswith(("in-sample", "out-of-bag", "not run")),
        "cells": [
            {
                # of a score with a nested estimate the interval is that of the estimate
                "ours": shown(cell["ours"], *(("", "") if cell["nested"] else (cell["low"], cell["high"]))),
                "nested": shown(cell["nested"], cell["nested_low"], cell["nested_high"]),
                "paper": shown(cell["paper"], "", ""),
            }
            for cell in cells
        ],
        "fitted_on": cells[0]["fitted_on"],
    }


def shown(value: str, low: str, high: str) -> str:
    """A score with its interval, three decimals each."""
    if not value:
        return ""
    interval = f" [{float(low):.3f}, {float(high):.3f}]" if low else ""
    return f"{float(value):.3f}{interval}"


def smoothing_tables(sweeps: Iterable[tuple[TaskName, str, Rows]]) -> list[dict[str, Any]]:
    """One table a challenge from the widths of each model: (task, model, rows of its CSV)."""
    tables: dict[str, dict[str, Any]] = {}
    for task, model, rows in sweeps:
        measure = TASKS[task].challenge_measure
        widths = [f"{row.get(FILTER, '')} {float(row['smoothing_s']):g}".lstrip() for row in rows]
        start: dict[str, Any] = {"task": TASKS[task].title, "measure": WORDS[measure], "widths": widths, "rows": []}
        scores = [f"{float(row[measure]):.3f}{' (best)' if row['best'] == '1' else ''}" for row in rows]
        tables.setdefault(task, start)["rows"].append({"model": model, "scores": scores})
    return list(tables.values())


def together_tables(scores: Iterable[tuple[str, Rows]]) -> list[dict[str, Any]]:
    """One table for what all folds, or all seeds, of a challenge say together: (name, rows of its CSV of scores)."""
    tables = []
    for name, rows in scores:
        task = TASKS[task_named(name)]
        own = {row["system"]: row for row in rows if row["measure"] == task.challenge_measure}
        lines = []
        for system, row in ((key, row) for key, row in own.items() if not key.endswith("_nested")):
            nested, interval = own.get(f"{system}_nested"), (row["low"], row["high"])
            lines.append(
                {
                    "name": system,
                    "ours": shown(row["value"], *(("", "") if nested else interval)),
                    "nested": shown(nested["value"], nested["low"], nested["high"]) if nested else "",
                    "fitted_on": row["fitted_on"],
                }
            )
        what = "All folds together" if name.endswith("_folds") else "The mean of all seeds"
        about = {"title": f"{what}: {task.title}", "measure": WORDS[task.challenge_measure]}
        tables.append(about | {"rows": lines, "rows_scored": next(iter(own.values()))["rows"]})
    return tables


def inline(png: bytes) -> str:
    """A picture as text for a data URL."""
    return base64.b64encode(png).decode()


def _title(number: str, task: str) -> str:
    name = TASKS[task].title  # type: ignore[index]
    if number == "4":
        return f"Table 4: functionals, {name}" if task == "expr" else f"§4.2: functionals, {name}"
    kind = "acoustic models" if number in {str(table) for table, _ in ACOUSTIC.values()} else "systems"
    return f"Table {number}: {kind}, {name}"


def _note(number: str, task: str) -> str:
    if number in {str(table) for table, _ in ACOUSTIC.values()}:
        return "On windows of 4 s of voiced parts, not on frames. Models that this run has not trained have no score."
    if number == "4":
        return "On windows of 2 s, not on frames; for each set the best kernel and C, chosen on these very windows."
    if number == str(SYSTEMS["expr"][0]) and task == "expr":
        return "The text of the paper gives 0.387 for the system that its Table 6 gives 0.397."
    return ""
