"""Which bundle a run of predict takes, and what is said of it."""

import json
from pathlib import Path

import pytest
from small_bundle import DEFAULT, contents, write

from abaw.commands import console
from abaw.config import PredictConfig
from abaw.media.video import EVERY_FRAME_HZ
from abaw.predict import calling, plan
from abaw.running.errors import UserError


def settings(videos, **changes):
    return PredictConfig.model_validate(DEFAULT["predict"] | {"videos": str(videos)} | changes)


@pytest.fixture
def carried(monkeypatch, tmp_path) -> Path:
    """Where the repository's own bundle would lie; nothing is there yet. Beside it, in videos, lies one by its name."""
    monkeypatch.setattr(plan, "DEFAULT_BUNDLE", tmp_path / "bundles" / "default")
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "film.mp4").touch()
    return tmp_path / "bundles" / "default"


def test_the_bundle_that_is_carried_is_taken_where_none_is_named(carried, tmp_path):
    write(carried)
    planned = plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False)
    assert (planned.source, set(planned.bundle.tasks)) == (carried, {"expr"})
    named = write(tmp_path / "named")
    planned = plan.plan_prediction(settings(tmp_path / "videos", bundle=str(named)), with_probe=False)
    assert planned.source == named


def test_a_bundle_in_another_s_place_has_another_digest(carried, tmp_path):
    write(carried)
    before = plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False).bundle_digest
    assert plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False).bundle_digest == before
    text = (carried / "bundle.json").read_text()
    sha256 = next(iter(json.loads(text)["files"].values()))["sha256"]
    (carried / "bundle.json").write_text(text.replace(sha256, sha256[::-1]))
    assert plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False).bundle_digest != before


def test_a_bundle_whose_path_has_braces_is_refused_in_a_sentence(carried, tmp_path):
    named = write(tmp_path / "{mine}")
    with pytest.raises(UserError, match="whose braces Snakemake would take for its own; rename it"):
        plan.plan_prediction(settings(tmp_path / "videos", bundle=str(named)), with_probe=False)


def test_without_one_the_sentence_says_what_to_do(carried, tmp_path):
    with pytest.raises(UserError, match=r"no bundle is named, and there is none in .*default; .*train one.*--bundle"):
        plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False)
    with pytest.raises(UserError, match="no bundle is named"):
        calling.predict_folder(tmp_path / "videos", tmp_path / "out", None, {}, 1)
    assert not (tmp_path / "out").exists()


def test_what_the_carried_bundle_knows_is_said_before_it_is_used(carried, monkeypatch, tmp_path, capsys):
    write(carried)
    ran = []
    monkeypatch.setattr(calling, "run_workflow", lambda *arguments: ran.append(capsys.readouterr().err))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "failed.csv").write_text("video,path,reason\n")
    monkeypatch.setattr("sys.argv", ["abaw", "predict", str(tmp_path / "videos"), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as caught:
        console.main()
    assert caught.value.code == 0
    [said] = ran
    for words in ("Expression: system_1", "macro F1 0.31", "Nothing is known of cats.", "It has no model for valence"):
        assert words in said


def test_how_often_faces_and_mouths_are_looked_at_is_the_users(carried, tmp_path):
    write(carried)
    planned = plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False)
    assert (planned.faces.detect_every_s, planned.speech.gate.rate_hz, planned.mouths_hz) == (0.6, 10.0, 10.0)
    planned = plan.plan_prediction(settings(tmp_path / "videos", detect_every_s=None, mouths_hz=5.0), with_probe=False)
    assert (planned.faces.detect_every_s, planned.speech.gate.rate_hz, planned.mouths_hz) == (None, 5.0, 5.0)
    planned = plan.plan_prediction(settings(tmp_path / "videos", mouths_hz=None), with_probe=False)
    assert (planned.speech.gate.rate_hz, planned.mouths_hz) == (None, EVERY_FRAME_HZ)
    said, _ = contents()
    said["settings"]["speech"]["gate"] |= {"rule": "authors"}
    write(carried, said)
    planned = plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False)
    assert planned.speech.gate.rate_hz is None
    said["settings"]["speech"]["gate"] |= {"source": "vad"}
    write(carried, said)
    planned = plan.plan_prediction(settings(tmp_path / "videos"), with_probe=False)
    assert planned.mouths_hz == planned.faces.analysis_rate_hz  # nobody asks for a mouth
