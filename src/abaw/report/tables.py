"""Tables 2 to 6 of the paper as rows: what the paper reports, and what this run reached on its own corpus."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from abaw.config import SystemConfig
from abaw.report import paper
from abaw.tasks import TaskName

COLUMNS = (
    *("table", "task", "row", "measure", "ours", "low", "high"),
    *("nested", "nested_low", "nested_high", "paper", "rows", "fitted_on"),
)
ALL_FUNCTIONALS = ("mean", "max", "min")


def acoustic_rows(task: TaskName, own: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tables 2 and 3, from the scores of the acoustic models' voiced windows; a model that has not run has none."""
    number, published = paper.ACOUSTIC[task]
    for name, figures in published.items():
        yield from _rows(number, task, name, figures, own)


def functional_rows(task: TaskName, own: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Table 4, and what §4.2 says of valence and arousal, from the scores of the best kernel and C of each set."""
    for variant in dict.fromkeys(row["system"] for row in own):
        names = tuple(variant.split(", "))
        if task == "expr":
            measures, published = paper.FUNCTIONALS[ALL_FUNCTIONALS], paper.FUNCTIONALS.get(names, {})
        else:
            measures, published = paper.FUNCTIONALS_VA, paper.FUNCTIONALS_VA if names == ALL_FUNCTIONALS else {}
        yield from _rows(4, task, variant, {name: published.get(name) for name in measures}, own)


def system_rows(
    task: TaskName, systems: Mapping[str, SystemConfig], scores: Iterable[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Tables 5 and 6, from the rows of the scores; a forest has three: other videos, out-of-bag and in-sample."""
    number = paper.SYSTEMS[task][0]
    own = [row for row in scores if row["task"] == task and row["split"] == "val"]
    measures = ["ccc_mean", "ccc_valence", "ccc_arousal"] if task == "va" else ["f1_macro"]
    ran = {row["system"] for row in own}
    for name, system in systems.items():
        published = paper.of_system(task, system)
        for shown in (name, f"{name}_out_of_bag", f"{name}_in_sample"):
            if shown in ran:
                yield from _rows(number, task, shown, {measure: published.get(measure) for measure in measures}, own)


def _rows(
    number: int,
    task: TaskName,
    name: str,
    published: Mapping[str, float | None],
    scores: Sequence[Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """A row for each measure: the paper's figure, and what `scores` (`abaw.report.scores.score_rows`) has of `name`.

    The nested estimate is that of the system `name`; what is no system has none.
    """
    own, estimates = (
        {row["measure"]: row for row in scores if row["system"] == wanted} for wanted in (name, f"{name}_nested")
    )
    for measure, figure in published.items():
        row = own.get(measure, {"fitted_on": "not run"})
        ours, nested = (
            [each.get(end) for end in ("value", "low", "high")] for each in (row, estimates.get(measure, {}))
        )
        values = (number, task, name, measure, *ours, *nested, figure, row.get("rows"), row["fitted_on"])
        yield dict(zip(COLUMNS, values, strict=True))
