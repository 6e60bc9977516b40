"""Measured figures as text: tables, the page of all figures, and that a benchmark changes only what quotes it."""

import json
import sys
from copy import deepcopy

import measure
import measured
import pytest

NAMED = {
    "elm": {
        "command": "python benchmarks/elm.py",
        "figures": {
            "rbf": {"says": "a grid of C over a solve each", "form": "{:.1f} times"},
            "gpu": {"says": "the same on a GPU", "form": "{:.1f} times"},
        },
    },
    "seeds": {
        "command": "python benchmarks/seeds.py",
        "figures": {
            "one.va": {"says": "one", "column": "VA", "form": "{0[0]:.2f} to {0[1]:.2f}"},
            "one.expr": {"says": "one", "column": "EXPR", "form": "{0[0]:.2f} to {0[1]:.2f}"},
        },
    },
}
ABOUT = {"commit": "abc", "machine": "2 cores of a processor", "threads": 2, "date": "2026-01-02"}
MEASURED = {
    "elm": {"command": "python benchmarks/elm.py", "figures": {"rbf": 2.61, "gpu": None}, **ABOUT},
    "seeds": {
        "command": "python benchmarks/seeds.py",
        "figures": {"one": {"va": [0.1, 0.25], "expr": [0.5, 0.5]}, "minutes": 3},
        **ABOUT,
    },
}
PAGE = "Before.\n\n<!-- measured: {} -->\nold\n<!-- /measured -->\n\nAfter.\n"


def test_a_table_quotes_what_its_marker_names_and_the_rest_stays():
    text = measured.with_tables(PAGE.format("elm.*"), NAMED, MEASURED)
    assert text == PAGE.format("elm.*").replace(
        "old\n",
        "| what | measured | by |\n|---|---|---|\n"
        "| a grid of C over a solve each | 2.6 times | `python benchmarks/elm.py` |\n"
        "| the same on a GPU | not measured | `python benchmarks/elm.py` |\n",
    )
    assert measured.with_tables(text, NAMED, MEASURED) == text


def test_figures_with_columns_become_a_table_of_rows_and_columns():
    text = measured.with_tables(PAGE.format("seeds.one.va seeds.one.expr"), NAMED, MEASURED)
    assert "| | VA | EXPR |\n|---|---|---|\n| one | 0.10 to 0.25 | 0.50 to 0.50 |\n" in text


def test_what_is_not_there_is_said():
    assert "| not measured yet |" in measured.with_tables(PAGE.format("elm.rbf"), NAMED, {})
    with pytest.raises(SystemExit, match=r"quotes the figure elm\.speed, which benchmarks/figures\.yaml does not name"):
        measured.with_tables(PAGE.format("elm.speed"), NAMED, MEASURED)
    lacking = deepcopy(MEASURED)
    del lacking["elm"]["figures"]["rbf"]
    assert "| not measured yet |" in measured.with_tables(PAGE.format("elm.rbf"), NAMED, lacking)


def test_the_page_lists_every_figure_with_where_it_comes_from():
    page = measured.measured_page(NAMED, MEASURED)
    assert "2026-01-02, commit abc, 2 threads of 2 cores of a processor." in page
    assert "| a grid of C over a solve each | 2.6 times |" in page
    assert "| one, VA | 0.10 to 0.25 |" in page
    assert "| `minutes` | 3 |" in page


def test_another_figure_of_one_benchmark_changes_exactly_the_tables_that_quote_it():
    named, figures = measured.read_figures(), measured.read_measured()
    other = deepcopy(figures)
    other["dwf"]["figures"] = {key: value * 7 for key, value in figures["dwf"]["figures"].items()}
    quoting = changed = 0
    for path in measured.pages():
        text = path.read_text(encoding="utf-8")
        now, then = measured.with_tables(text, named, figures), measured.with_tables(text, named, other)
        for before, after in zip(measured.BLOCK.finditer(now), measured.BLOCK.finditer(then), strict=True):
            quotes = any(key.startswith("dwf.") for key in before[2].split())
            assert (before[0] != after[0]) == quotes
            quoting, changed = quoting + quotes, changed + (before[0] != after[0])
        assert measured.BLOCK.sub("", now) == measured.BLOCK.sub("", then)
    assert quoting == changed > 0


def test_figures_are_the_last_line_and_a_failure_has_none(capfd):
    line = 'import sys; print("first"); print("{\\"ours\\": 2}"); sys.exit(%d)'
    assert measure.run(f"python -c '{line % 0}'") == {"ours": 2}
    assert "first" in capfd.readouterr().out
    assert measure.run(f"python -c '{line % 1}'") is None
    assert measure.run("python -c 'print(1, 2)'") is None


def test_one_benchmark_s_figures_are_kept_and_all_others_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(measured, "MEASURED", tmp_path / "measured.json")
    measured.MEASURED.write_text(json.dumps(MEASURED))
    measure.keep("elm", "python benchmarks/elm.py --threads 1", {"rbf": 3.0}, "def-dirty")
    found = json.loads(measured.MEASURED.read_text())
    assert found["seeds"] == MEASURED["seeds"]
    assert (found["elm"]["figures"], found["elm"]["commit"], found["elm"]["threads"]) == ({"rbf": 3.0}, "def-dirty", 1)


def test_an_unknown_benchmark_is_a_sentence(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["measure.py", "elms"])
    with pytest.raises(SystemExit, match=r"there is no benchmark elms; expected some of demo_seeds, "):
        measure.main()
