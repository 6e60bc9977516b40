"""What the report consists of, and the last words of a run."""

import yaml
from runs import ROOT

from abaw.config import CorpusConfig
from abaw.report.contents import corpus_in_words, figures_of_page, last_words

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
