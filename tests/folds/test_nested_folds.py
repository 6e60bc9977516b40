"""The nested estimates of what folds and seeds say together, against loops that choose and fit by hand."""

import json
import sys
from types import SimpleNamespace

import estimate_nested
import numpy as np
import pytest
from small_validation import ROWS, said_by, truth_of, write_candidates, write_split

from abaw.config import CalibrationConfig, DirichletConfig, ForestConfig, FusionConfig, TimelineConfig
from abaw.fusion.candidates import Candidates
from abaw.fusion.dirichlet import DirichletWeightedFusion
from abaw.fusion.systems import Systems
from abaw.metrics import score
from abaw.tables.arrays import matrix
from abaw.tables.files import read_metadata, read_table
from abaw.tasks import TASKS

FOLDS = {"va_fold1": ["a_left", "a_right", "b", "c"], "va_fold2": ["d", "e", "f"]}
"""The videos that each fold's models have not seen."""
ORDER = ["d", "a_left", "b", "a_right", "e", "c", "f"]
MODELS = ("visual", "acoustic")
TIMELINE = TimelineConfig(
    smoothing_s=0.0, smoothed="logits", sweep_s=[0.0], width="fixed", filter="hamming", sweep_filters=[]
)
FUSION = FusionConfig(
    dirichlet=DirichletConfig(
        candidates=50, concentration=1.0, search="sample", max_entropy_nats=None, combined="probabilities"
    ),
    forest=ForestConfig(trees=[3], chosen_by="out_of_bag", folds=2),
    calibration=CalibrationConfig(class_bias=False, temperature=False),
)
SYSTEMS = {
    "brought": {"models": ["visual", "mine"], "fusion": "dirichlet"},
    "fused": {"models": list(MODELS), "fusion": "dirichlet"},
    "single": {"models": ["visual"], "fusion": "none"},
}


def rows_of(samples, order):
    """The rows of each sample of an order among those of `samples`."""
    return np.concatenate([np.arange(ROWS) + samples.index(sample) * ROWS for sample in order])


def estimate(folder, monkeypatch, trainings, together, task, samples):
    """Run the command on what lies in a folder; the outputs of each system, and what was chosen."""
    corpus = folder / "results" / "corpus"
    about = {"tracks": "val/tracks", "learned": "train/labels", "asked": "val/labels"}
    tables = [(name, model) for name in trainings for model in MODELS]
    arguments = ["--task", task, "--together", together, "--order", corpus / task / "val/tracks.parquet"]
    arguments += ["--trainings", *trainings]
    for name, path in about.items():
        arguments += [f"--{name}", *(corpus / training / f"{path}.parquet" for training in trainings)]
    arguments += ["--candidates", *(folder / f"{model}/{name}/candidates.parquet" for name, model in tables)]
    arguments += ["--models", *(model for _, model in tables), "--training-of", *(name for name, _ in tables)]
    arguments += ["--systems", json.dumps(SYSTEMS), "--fusion", FUSION.model_dump_json()]
    arguments += ["--timeline", TIMELINE.model_dump_json(), "--folds", 3, "--seed", 4, "--threads", 1]
    arguments += ["--output", *(folder / f"{name}.parquet" for name in SYSTEMS), "--chosen", folder / "chosen.json"]
    monkeypatch.setattr(sys, "argv", ["estimate_nested", *map(str, arguments)])
    estimate_nested.main()
    found = {}
    for name in SYSTEMS:
        table = read_table("frames_va", folder / f"{name}.parquet")
        found[name] = matrix(table, TASKS["va"].outputs)
        if len(table):
            assert table["sample"].to_pylist() == np.repeat(samples, ROWS).tolist()
            assert table["frame"].to_pylist() == [*range(1, ROWS + 1)] * len(samples)
    return found, json.loads((folder / "chosen.json").read_text())


@pytest.fixture
def folded(tmp_path):
    """Two folds, with four candidates of two models each; their truth and outputs, by fold and model."""
    write_split(tmp_path, "va_folds", "val", ORDER, truth_of("va", ORDER, 8))
    found = {}
    for number, (name, samples) in enumerate(FOLDS.items()):
        truth = truth_of("va", samples, number)
        write_split(tmp_path, name, "val", samples, truth)
        write_split(tmp_path, name, "train", ["t"], truth_of("va", ["t"], 9))
        outputs = {model: said_by("va", truth, 4, 10 * number + k) for k, model in enumerate(MODELS)}
        for model, said in outputs.items():
            write_candidates(tmp_path / model / name / "candidates.parquet", "va", samples, truth, said)
        found[name] = truth, outputs
    return tmp_path, found


def by_hand(found, fold):
    """What each system says of each row, in the order of `FOLDS`, with everything chosen without the rows' fold."""
    samples = [sample for own in FOLDS.values() for sample in own]
    fold_of_row = np.repeat([fold[sample.removesuffix("_left").removesuffix("_right")] for sample in samples], ROWS)
    truth = np.concatenate([own for own, _ in found.values()])
    n = {name: len(own) * ROWS for name, own in FOLDS.items()}
    result = {name: np.empty_like(truth) for name in ("fused", "single")}
    for number in range(3):
        of_models = []
        for model in MODELS:
            parts, begin = [], 0
            for name, (own_truth, outputs) in found.items():
                others = fold_of_row[begin : begin + n[name]] != number
                reached = [score("va", own_truth[others], one[others].astype(float)) for one in outputs[model]]
                parts.append(outputs[model][int(np.argmax([each["ccc_mean"] for each in reached]))].astype(float))
                begin += n[name]
            of_models.append(np.concatenate(parts))
        own = fold_of_row == number
        fitted = DirichletWeightedFusion("va", 50, 1.0, "sample", 4).fit([one[~own] for one in of_models], truth[~own])
        result["fused"][own] = fitted.predict([one[own] for one in of_models])
        result["single"][own] = of_models[0][own]
    return {name: said[rows_of(samples, ORDER)] for name, said in result.items()}


def test_folds_are_estimated_by_folds_of_their_videos(folded, monkeypatch):
    folder, parts = folded
    found, chosen = estimate(folder, monkeypatch, list(FOLDS), "folds", "va_folds", ORDER)
    fold = chosen["folds"]
    assert set(fold) == set("abcdef")
    for samples in FOLDS.values():  # each fold's videos are in several folds within
        assert len({fold[sample[0]] for sample in samples}) > 1
    expected = by_hand(parts, fold)
    for name in ("fused", "single"):
        np.testing.assert_allclose(found[name], expected[name], atol=1e-5)
    assert not len(found["brought"])
    assert set(chosen["chosen"]["visual"]) == set(FOLDS)
    assert len({choice["candidate"] for own in chosen["chosen"]["visual"].values() for choice in own}) > 1
    said = read_metadata(folder / "fused.parquet")["fitted_on"]
    assert said == "train; each video by models of folds that have not seen it; all chosen on other videos"


def test_the_truth_of_a_video_has_no_part_in_what_folds_say_of_it(folded, monkeypatch):
    folder, parts = folded
    before, _ = estimate(folder, monkeypatch, list(FOLDS), "folds", "va_folds", ORDER)
    truth, outputs = parts["va_fold2"]
    own = slice(ROWS, 2 * ROWS)  # of the video e
    truth[own] = truth[own][::-1]
    (folder / "results/corpus/va_fold2/val/labels.parquet").unlink()
    (folder / "results/corpus/va_fold2/val/tracks.parquet").unlink()
    (folder / "results/corpus/va_fold2/val").rmdir()
    write_split(folder, "va_fold2", "val", FOLDS["va_fold2"], truth)
    for model in MODELS:
        path = folder / model / "va_fold2" / "candidates.parquet"
        write_candidates(path, "va", FOLDS["va_fold2"], truth, outputs[model])
    after, _ = estimate(folder, monkeypatch, list(FOLDS), "folds", "va_folds", ORDER)
    rows = slice(ORDER.index("e") * ROWS, (ORDER.index("e") + 1) * ROWS)
    for name in ("fused", "single"):
        np.testing.assert_array_equal(before[name][rows], after[name][rows])
    assert (before["fused"] != after["fused"]).any()


def test_seeds_are_averaged_after_each_is_chosen_without_the_fold(tmp_path, monkeypatch):
    samples = ["a_left", "a_right", "b", "c"]
    truth = truth_of("va", samples, 1)
    outputs = {}
    for number, name in enumerate(("va", "va_seed2", "va_seeds")):
        write_split(tmp_path, name, "val", samples, truth)
        write_split(tmp_path, name, "train", ["t"], truth_of("va", ["t"], 9))
        for k, model in enumerate(MODELS):
            outputs[name, model] = said_by("va", truth, 4, 10 * number + k)
            path = tmp_path / model / name / "candidates.parquet"
            write_candidates(path, "va", samples, truth, outputs[name, model])
    found, chosen = estimate(tmp_path, monkeypatch, ["va", "va_seed2"], "seeds", "va_seeds", samples)
    fold_of_row = np.repeat([chosen["folds"][sample[0]] for sample in samples], ROWS)
    expected = np.empty_like(truth)
    for number in range(3):
        own, of_models = fold_of_row == number, []
        for model in MODELS:
            best = []
            for name in ("va", "va_seed2"):
                said = outputs[name, model].astype(float)
                reached = [score("va", truth[~own], one[~own])["ccc_mean"] for one in said]
                best.append(said[int(np.argmax(reached))])
            of_models.append(np.mean(best, axis=0))
        fitted = DirichletWeightedFusion("va", 50, 1.0, "sample", 4).fit([one[~own] for one in of_models], truth[~own])
        expected[own] = fitted.predict([one[own] for one in of_models])
    np.testing.assert_allclose(found["fused"], expected, atol=1e-5)
    assert read_metadata(tmp_path / "fused.parquet")["fitted_on"] == "train; all chosen on other videos of val"


def test_a_fold_with_one_annotated_video_leaves_no_estimate(tmp_path, monkeypatch, capsys):
    for name, samples in (("va_fold1", ["a", "b"]), ("va_fold2", ["c"]), ("va_folds", ["a", "b", "c"])):
        truth = truth_of("va", samples, 1)
        write_split(tmp_path, name, "val", samples, truth)
        write_split(tmp_path, name, "train", ["t"], truth_of("va", ["t"], 9))
        for model in MODELS:
            path = tmp_path / model / name / "candidates.parquet"
            write_candidates(path, "va", samples, truth, said_by("va", truth, 2, 1))
    found, chosen = estimate(tmp_path, monkeypatch, ["va_fold1", "va_fold2"], "folds", "va_folds", ["a", "b", "c"])
    assert not any(len(own) for own in found.values())
    assert chosen["chosen"] == {}
    assert "folds need two annotated videos of validation at least, there is 1" in capsys.readouterr().out


def config_of(systems, brought):
    """What `Candidates` reads of a configuration."""
    return SimpleNamespace(
        dynamic=SimpleNamespace(sweep=SimpleNamespace(normalisers=["n"], windows_s=[2.0, 4.0])),
        acoustic=SimpleNamespace(architectures=["A"]),
        attention=SimpleNamespace(mechanisms=["self"]),
        systems={name: SimpleNamespace(models=models) for name, models in systems.items()},
        models=dict.fromkeys(brought),
    )


def test_folds_and_seeds_have_candidates_of_what_they_train_alone():
    systems = {"one": ["visual", "voice_functional"], "two": ["functional", "mine"]}
    candidates = Candidates(config_of(systems, ["mine"]))

    def found(*names):
        return {(table.training, table.model) for table in candidates.of_trainings(names)}

    models = {"visual", "voice_functional", "functional", "mine"}
    assert found("va") == {("va", model) for model in models}
    assert found("va_fold1", "va_fold2") == {
        (name, model) for name in ("va_fold1", "va_fold2") for model in ("visual", "voice_functional")
    }
    assert found("va", "va_seed2") == {("va", "visual"), ("va", "voice_functional"), ("va_seed2", "visual")}


def test_what_is_scored_of_folds_and_seeds_has_its_nested_estimate():
    systems = {
        name: SimpleNamespace(models=models, fusion="dirichlet")
        for name, models in (("one", ["visual", "acoustic"]), ("two", ["visual", "mine"]))
    }
    found = Systems(["visual", "acoustic", "mine"], systems, ["mine"])
    for task in ("va_folds", "va_seeds"):
        scored = found.scored(task, "val")
        assert scored["one_nested"] == f"results/nested/{task}/one.parquet"
        assert "two_nested" not in scored
    for task in ("va_fold1", "va_seed2"):
        assert not any(name.endswith("_nested") for name in found.scored(task, "val"))
