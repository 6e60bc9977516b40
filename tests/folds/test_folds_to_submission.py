"""From what each fold's models say to the scores and the submission of all folds: the commands one after the other."""

import csv
import json
import sys
import zipfile

import calibrate_classes
import fuse_dirichlet
import join_frames
import numpy as np
import pytest
import score_predictions
import write_submission
import zip_submissions
from small_validation import ROWS, said_by, truth_of, write_split

from abaw.config import CalibrationConfig, DirichletConfig
from abaw.metrics import score
from abaw.tables.arrays import frames_table, matrix
from abaw.tables.files import read_table, write_table
from abaw.tasks import TASKS

FOLDS = {1: ["a_left", "a_right", "b"], 2: ["c", "d"]}
ORDER = ["c", "a_right", "b", "d", "a_left"]
TEST = ["t", "u"]
MODELS = ("visual", "acoustic")
SETTINGS = DirichletConfig(
    candidates=40, concentration=1.0, search="sample", max_entropy_nats=None, combined="probabilities"
)


def keys_of(samples):
    return {"sample": np.repeat(samples, ROWS), "frame": np.tile(np.arange(1, ROWS + 1), len(samples))}


def write_frames(path, task, samples, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"units": "value" if task == "va" else "probability", "fitted_on": "train; epoch on val"}
    write_table(f"frames_{task}", frames_table(task, keys_of(samples), values), path, about)


def run(monkeypatch, script, **arguments):
    """A command with its options by name; a list has several values."""
    given = [script.__name__]
    for name, value in arguments.items():
        given += [f"--{name.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    monkeypatch.setattr(sys, "argv", given)
    script.main()


def outputs_of(task, samples, truth, seed):
    said = said_by(task, truth, 1, seed)[0].astype(float)
    return said if task == "va" else np.exp(said) / np.exp(said).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("task", TASKS)
def test_scores_are_of_unseen_rows_and_the_submission_is_of_the_mean_of_the_folds(task, tmp_path, monkeypatch):
    name, rng = f"{task}_folds", np.random.default_rng(3)
    truth = truth_of(task, ORDER, 5)
    write_split(tmp_path, name, "val", ORDER, truth)
    write_split(tmp_path, name, "train", ORDER, truth)
    corpus = tmp_path / "results" / "corpus"
    blocks = {sample: truth[k * ROWS : (k + 1) * ROWS] for k, sample in enumerate(ORDER)}
    of_test = {}
    for number, samples in FOLDS.items():
        own = np.concatenate([blocks[sample] for sample in samples])
        others = [sample for sample in ORDER if sample not in samples]
        write_split(tmp_path, f"{task}_fold{number}", "train", others, np.concatenate([blocks[s] for s in others]))
        for k, model in enumerate(MODELS):
            folder = tmp_path / f"fold{number}" / model
            write_frames(folder / "val.parquet", task, samples, outputs_of(task, samples, own, 10 * number + k))
            values = rng.random((len(TEST) * ROWS, len(TASKS[task].outputs)))
            of_test[number, model] = values / values.sum(axis=1, keepdims=True) if task == "expr" else values
            write_frames(folder / "test.parquet", task, TEST, of_test[number, model])
    for model in MODELS:
        folders = [tmp_path / f"fold{number}" / model for number in FOLDS]
        trained_on = [corpus / f"{task}_fold{number}/train/tracks.parquet" for number in FOLDS]
        split = {"val": [f / "val.parquet" for f in folders], "test": [f / "test.parquet" for f in folders]}
        out = {f"output_{one}": tmp_path / f"{model}_{one}.parquet" for one in split}
        about = {"trained_on": trained_on, "tracks": corpus / name / "val/tracks.parquet"}
        run(monkeypatch, join_frames, task=name, **split, **about, **out)
    labels = corpus / name / "val/labels.parquet"
    fused = {f"output_{one}": tmp_path / f"system_{one}.parquet" for one in ("val", "test")}
    models = {f"frames_{one}": [tmp_path / f"{model}_{one}.parquet" for model in MODELS] for one in ("val", "test")}
    about = {"models": list(MODELS), "labels": labels, "settings": SETTINGS.model_dump_json(), "seed": 1}
    run(monkeypatch, fuse_dirichlet, task=name, **models, **about, **fused, fit=tmp_path / "fit.json")
    weights = np.array(json.loads((tmp_path / "fit.json").read_text())["weights"])
    mean = [np.mean([of_test[number, model] for number in FOLDS], axis=0) for model in MODELS]
    expected = sum(one * weight for one, weight in zip(mean, weights, strict=True))
    table = read_table(f"frames_{task}", tmp_path / "system_test.parquet")
    np.testing.assert_allclose(matrix(table, TASKS[task].outputs), expected, atol=1e-5)
    val, test = tmp_path / "system_val.parquet", tmp_path / "system_test.parquet"
    if task == "expr":
        settings = CalibrationConfig(class_bias=True, temperature=False).model_dump_json()
        out = {"output_val": tmp_path / "c_val.parquet", "output_test": tmp_path / "c_test.parquet"}
        about = {"labels": labels, "settings": settings, "fit": tmp_path / "bias.json"}
        run(monkeypatch, calibrate_classes, task=name, frames_val=val, frames_test=test, **about, **out)
        val, test = out.values()
    about = {"labels": labels, "tracks": corpus / name / "val/tracks.parquet", "resamples": 100, "seed": 1}
    scores = {"frames": val, "output": tmp_path / "scores.csv"}
    run(monkeypatch, score_predictions, task=name, split="val", systems="system", **scores, **about)
    rows = {(row["system"], row["measure"]): row for row in csv.DictReader((tmp_path / "scores.csv").open())}
    said = matrix(read_table(f"frames_{task}", val), TASKS[task].outputs)
    measure = TASKS[task].challenge_measure
    row = rows["system", measure]
    assert float(row["value"]) == pytest.approx(score(task, truth, said)[measure], abs=1e-4)
    assert (row["rows"], row["videos"]) == (str(len(truth)), "4")
    assert "each video by models of folds that have not seen it; weights on val" in row["fitted_on"]

    template = tmp_path / f"CVPR_6th_ABAW_{task}_test_set_sample.txt"
    locations = [f"{sample}/{k:05d}.jpg" for sample in TEST for k in range(1, ROWS + 1)]
    template.write_text("\n".join([TASKS[task].header, *(f"{one}," for one in locations)]) + "\n")
    text = tmp_path / "predictions.txt"
    about = {"template": template, "labels": corpus / name / "train/labels.parquet"}
    run(monkeypatch, write_submission, task=name, frames=test, output=text, **about)
    about = {"template": template, "systems": "system", "predictions": text, "output": tmp_path / "all.zip"}
    run(monkeypatch, zip_submissions, task=name, **about)
    lines = zipfile.ZipFile(tmp_path / "all.zip").read("system/predictions.txt").decode().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == locations
    values = matrix(read_table(f"frames_{task}", test), TASKS[task].outputs)
    told = np.array([line.split(",")[1:] for line in lines], float)
    np.testing.assert_allclose(told, values if task == "va" else values.argmax(axis=1)[:, None], atol=1e-4)
