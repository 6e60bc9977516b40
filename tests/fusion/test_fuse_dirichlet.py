"""The command fuse_dirichlet: it fits on validation, fuses both splits, and refuses what does not fit together."""

import json
import sys

import fuse_dirichlet
import numpy as np
import pyarrow as pa
import pytest
from scipy.special import softmax
from small_models import frames_table, measure

from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.fusion.weighting import weighted_inputs
from abaw.running.errors import UserError
from abaw.tables.arrays import matrix
from abaw.tables.files import read_metadata, read_table, write_table
from abaw.tasks import TASKS

SETTINGS = {"candidates": 100, "concentration": 1.0, "search": "sample", "max_entropy_nats": None}
SETTINGS |= {"combined": "probabilities"}


def test_the_command_gates_only_the_acoustic_model_s_expressions(monkeypatch, tmp_path, project):
    outputs, tests, truth = project("expr")
    path = run_fusion(monkeypatch, tmp_path, "expr", max_entropy_nats=1.9)
    names = ("visual", "acoustic")
    gated = weighted_inputs("expr", outputs, names, 1.9, "probabilities")
    fusion = DirichletWeightedFusion("expr", 100, 1.0, "sample", 11).fit(gated, truth)
    table = read_table("frames_expr", path / "test.parquet")
    expected = fusion.predict(weighted_inputs("expr", tests, names, 1.9, "probabilities"))
    assert table.equals(frames_table("expr", "test", expected))
    ungated = run_fusion(monkeypatch, tmp_path, "expr", out="ungated")
    assert not read_table("frames_expr", ungated / "test.parquet").equals(table)


def test_logits_are_weighted_where_they_are_asked_for(monkeypatch, tmp_path, project):
    outputs, tests, truth = project("expr")
    path = run_fusion(monkeypatch, tmp_path, "expr", combined="logits")
    logs, test_logs = ([np.log(np.maximum(one, 1e-6)) for one in said] for said in (outputs, tests))
    fusion = DirichletWeightedFusion("expr", 100, 1.0, "sample", 11).fit(logs, truth)
    values = matrix(read_table("frames_expr", path / "test.parquet"), TASKS["expr"].outputs)
    np.testing.assert_allclose(values, softmax(fusion.predict(test_logs), axis=1), atol=1e-6)
    plain = run_fusion(monkeypatch, tmp_path, "expr", out="plain")
    assert json.loads((path / "fit.json").read_text())["settings"]["combined"] == "logits"
    assert "combined" not in json.loads((plain / "fit.json").read_text())["settings"]


def run_fusion(monkeypatch, folder, task, out="out", models=("visual", "acoustic"), others=(), **settings):
    path = folder / out
    arguments = [
        *("--task", task, "--models", *models),
        *("--frames-val", *(f"{folder}/{model}_val.parquet" for model in models)),
        *("--frames-test", *(f"{folder}/{model}_test.parquet" for model in models), *others),
        *("--labels", f"{folder}/labels.parquet", "--settings", json.dumps(SETTINGS | settings)),
        *("--seed", "11", "--output-val", f"{path}/val.parquet", "--output-test", f"{path}/test.parquet"),
        *("--fit", f"{path}/fit.json"),
    ]
    monkeypatch.setattr(sys, "argv", ["fuse_dirichlet.py", *arguments])
    fuse_dirichlet.main()
    return path


@pytest.mark.parametrize("task", ["va", "expr"])
def test_the_command_fits_on_validation_and_fuses_both_splits(monkeypatch, tmp_path, project, task):
    outputs, tests, truth = project(task)
    path = run_fusion(monkeypatch, tmp_path, task)
    fusion = DirichletWeightedFusion(task, 100, 1.0, "sample", 11).fit(outputs, truth)
    for split, inputs in (("val", outputs), ("test", tests)):
        table = read_table(f"frames_{task}", path / f"{split}.parquet")
        assert table.equals(frames_table(task, split, fusion.predict(inputs)))
        metadata = read_metadata(path / f"{split}.parquet")
        fitted_on = "train; epoch on val; weights on val"
        assert metadata == {"abaw_table": f"frames_{task}", "fitted_on": fitted_on, "models": "visual acoustic"}
    written = json.loads((path / "fit.json").read_text())
    assert np.array(written["weights"]).tolist() == fusion.weights_.tolist()
    assert written["score"] == fusion.score_
    assert written["single_scores"] == pytest.approx(
        {model: measure(task, truth, one) for model, one in zip(("visual", "acoustic"), outputs, strict=True)},
        abs=1e-10,
    )
    assert written["outputs"] == list(TASKS[task].outputs)
    assert (written["measure"], written["seed"]) == (TASKS[task].challenge_measure, 11)
    assert written["settings"] == {key: value for key, value in SETTINGS.items() if key != "combined"}
    recomputed = measure(task, truth, matrix(read_table(f"frames_{task}", path / "val.parquet"), TASKS[task].outputs))
    assert recomputed == pytest.approx(written["score"], abs=1e-6)

    again = run_fusion(monkeypatch, tmp_path, task, out="again")
    for name in ("val.parquet", "test.parquet", "fit.json"):
        assert (path / name).read_bytes() == (again / name).read_bytes()


@pytest.mark.parametrize(
    ("change", "sample"),
    [(lambda t: t.slice(0, 69), "a_left"), (lambda t: pa.concat_tables([t.slice(1), t.slice(0, 1)]), "b")],
)
def test_models_with_other_rows_are_refused(monkeypatch, tmp_path, project, change, sample):
    project("va")
    path = tmp_path / "acoustic_val.parquet"
    write_table("frames_va", change(read_table("frames_va", path)), path)
    with pytest.raises(UserError, match=rf"acoustic_val\.parquet \(acoustic\) and .*visual_val.* the sample {sample};"):
        run_fusion(monkeypatch, tmp_path, "va")
    assert not (tmp_path / "out").exists()


def test_labels_without_any_value_are_refused(monkeypatch, tmp_path, project):
    project("va")
    labels = read_table("labels_va", tmp_path / "labels.parquet")
    write_table("labels_va", labels.slice(0, 1), tmp_path / "labels.parquet")
    with pytest.raises(UserError, match=r"labels\.parquet has no annotated row among those of .*visual_val"):
        run_fusion(monkeypatch, tmp_path, "va")


def test_a_label_without_a_prediction_is_refused(monkeypatch, tmp_path, project):
    project("va")
    for model in ("visual", "acoustic"):
        path = tmp_path / f"{model}_val.parquet"
        write_table("frames_va", read_table("frames_va", path).slice(0, 69), path)
    with pytest.raises(UserError, match=r"labels\.parquet and .*: frame 30 of the sample a_left has a label"):
        run_fusion(monkeypatch, tmp_path, "va")


def test_each_model_needs_a_file_of_each_split(monkeypatch, tmp_path, project, capsys):
    project("va")
    with pytest.raises(SystemExit):
        run_fusion(monkeypatch, tmp_path, "va", others=["one too many"])
    assert "one value for each model" in capsys.readouterr().err
