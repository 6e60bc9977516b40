"""The integrity report as one page of HTML; names and values come from files and are escaped."""

from collections.abc import Iterable, Sequence
from html import escape

from abaw.corpus.check import COUNT_COLUMNS, PROBLEM_COLUMNS, CorpusCheck, Count
from abaw.tasks import TASKS

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>The corpus</title>
<style>
body { font-family: sans-serif; margin: 2em; max-width: 75em; }
table { border-collapse: collapse; margin-bottom: 2em; }
th, td { border: 1px solid #bbb; padding: 0.3em 0.6em; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
</style>
</head>
<body>
"""


def corpus_page(check: CorpusCheck) -> str:
    """A page with the counts of every split, beside the published ones where there are some, and all problems."""
    counts = [_count_cells(count) for count in check.counts]
    problems = [[_cell(row[column]) for column in PROBLEM_COLUMNS] for row in check.problems]
    summary = (
        f"{len(problems)} problems, none of which stops a run." if problems else "No problem: everything fits together."
    )
    return "".join(
        (
            _HEAD,
            f"<h1>The corpus</h1>\n<p>{summary}</p>\n<h2>Counts</h2>\n",
            _table(("challenge", "split", *COUNT_COLUMNS), counts),
            f"<h2>Problems and remedies</h2>\n{_table(PROBLEM_COLUMNS, problems)}" if problems else "",
            "</body>\n</html>\n",
        )
    )


def _count_cells(count: Count) -> list[str]:
    numbers = [
        f"{count.found[column]:,}" + (f" (published: {count.published[column]:,})" if column in count.published else "")
        for column in COUNT_COLUMNS
    ]
    return [
        _cell(TASKS[count.task].title),
        _cell(count.split),
        *(f'<td class="number">{number}</td>' for number in numbers),
    ]


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<th>{name}</th>" for name in header), *("".join(row) for row in rows)]
    return "<table>\n" + "".join(f"<tr>{line}</tr>\n" for line in lines) + "</table>\n"
