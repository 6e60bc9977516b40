"""What the report consists of, and the last words of a run."""

import yaml
from runs import ROOT

from abaw.config import CorpusConfig
from abaw.report.contents import corpus_in_words, figures_of_page, last_words
from abaw.report.page import render, together_tables

CORPUS = CorpusConfig(**yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["corpus"])


def test_a_run_says_what_it_wrote_and_what_each_system_scored(tmp_path):
    assert last_words(tmp_path) == []
    (tmp_path / "results" / "report").mkdir(parents=True)
    (tmp_path / "results" / "submission_va.zip").write_bytes(b"")
    (tmp_path / "results" / "report" / "scores.csv").write_text(
        "task,system,split,measure,value\nva,system_1,val,ccc_mean,0.5\nva,system_1,val,ccc_valence,0.6\n"
    )
    assert last_words(tmp_path) == [
        "wrote results/report/scores.csv",
        "wrote results/submission_va.zip",
        "va    system_1              val   ccc_mean 0.5",
    ]


def test_weights_are_shown_where_a_system_has_some():
    with_weights, without = figures_of_page(with_weights=True), figures_of_page(with_weights=False)
    assert set(with_weights) - set(without) == {"results/report/weights_va.png", "results/report/weights_expr.png"}
    assert all(path.startswith("results/report/") for path in with_weights)


def test_the_corpus_has_a_name():
    assert corpus_in_words(CORPUS) == "the embedded corpus"
    folders = CORPUS.model_copy(update={"source": "folders", "videos": "/data/mine", "edition": "other"})
    assert corpus_in_words(folders) == "the corpus in /data/mine"
    assert corpus_in_words(folders.model_copy(update={"edition": "affwild2"})) == "AffWild2"


def test_folds_and_seeds_have_tables_with_nested_scores():
    def row(system, value, measure="f1_macro"):
        ends = {"value": str(value), "low": str(value - 0.1), "high": str(value + 0.1)}
        return {"system": system, "measure": measure, "rows": "90", "fitted_on": f"<{system}>"} | ends

    rows = [row("visual", 0.3), row("system_2", 0.5), row("system_2_nested", 0.4), row("visual", 0.9, "accuracy")]
    [folds, seeds] = together_tables([("expr_folds", rows), ("expr_seeds", rows[:1])])
    assert (folds["title"], folds["rows_scored"]) == ("All folds together: expression", "90")
    assert seeds["title"] == "The mean of all seeds: expression"
    visual, system = folds["rows"]
    assert (visual["ours"], visual["nested"]) == ("0.300 [0.200, 0.400]", "")
    assert (system["ours"], system["nested"]) == ("0.500", "0.400 [0.300, 0.500]")  # whose interval it is
    template = (ROOT / "workflow" / "report" / "index.html").read_text(encoding="utf-8")
    about = {"corpus": "c", "affwild2": False, "resamples": 100, "epoch_left": False, "filters": False}
    empty = {key: [] for key in ("tables", "scores", "smoothing", "forests", "figures")}
    page = render(template, about | empty | {"together": [folds]})
    assert "<h2>All folds together: expression</h2>" in page
    assert '<td class="number">0.400 [0.300, 0.500]</td><td>&lt;system_2&gt;</td>' in page
    assert "All folds" not in render(template, about | empty | {"together": []})
