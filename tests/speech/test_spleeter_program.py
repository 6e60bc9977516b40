"""What surrounds Spleeter's own program: weights that are checked, and pieces that give what the whole gives.

The program itself is run by `make test-spleeter`. Here the same model in PyTorch stands in its place.
"""

import shutil
import sys

import numpy as np
import pytest
import run_spleeter
import soundfile
import yaml
from runs import copy_tree, planned

from abaw.running.errors import UserError
from abaw.speech import spleeter
from abaw.speech.spleeter_network import export_stems
from abaw.speech.spleeter_program import SEGMENT, WEIGHTS, separate_in_pieces


@pytest.mark.slow
def test_pieces_give_what_the_whole_gives(tmp_path):
    stems = spleeter.load_stems(export_stems(tmp_path), threads=1)

    def separate(sound):
        return np.concatenate(list(spleeter.separate([sound.T], stems)), axis=1).T

    sound = 0.1 * np.random.default_rng(0).standard_normal((2 * SEGMENT + 12345, 2))
    soundfile.write(tmp_path / "a.flac", sound, 44100)
    with soundfile.SoundFile(tmp_path / "a.flac") as track:
        pieces = list(separate_in_pieces(track, separate, segments=1))
        [whole] = separate_in_pieces(track, separate, segments=9)
    assert len(pieces) == 3
    assert whole.shape == sound.shape
    np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


@pytest.mark.parametrize("frames", [0, 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 5 * SEGMENT - 4096])
def test_every_sample_comes_once_and_in_order(tmp_path, frames):
    class Track:
        def __init__(self):
            self.frames, self.at = frames, 0

        def seek(self, at):
            self.at = at

        def read(self, n, dtype):
            numbers = np.arange(self.at, self.at + n, dtype=dtype)
            return np.stack([numbers, numbers], axis=1)

    pieces = list(separate_in_pieces(Track(), lambda sound: sound, segments=1))
    assert np.array_equal(np.concatenate(pieces)[:, 0], np.arange(frames))


def test_the_program_is_not_started_on_other_weights(tmp_path, monkeypatch):
    """Also where a failed download left an empty folder, on which the program would run with random weights."""
    soundfile.write(tmp_path / "a.flac", np.zeros((100, 2)), 44100)
    weights = tmp_path / "2stems" / next(iter(WEIGHTS))
    arguments = ["--mixture", str(tmp_path / "a.flac"), "--weights", str(weights), "--output", str(tmp_path / "b.flac")]
    arguments += ["--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["run_spleeter.py", *arguments])
    weights.parent.mkdir()
    with pytest.raises(UserError, match=r"model\.data-00000-of-00001 cannot be read"):
        run_spleeter.main()
    weights.write_bytes(b"other weights")
    with pytest.raises(UserError, match=r"expected 7747f9fd2c782306.*it is not Deezer's model"):
        run_spleeter.main()
    monkeypatch.setattr("abaw.speech.spleeter_program.check_weights", lambda folder: None)
    with pytest.raises(UserError, match=r"is not installed here .*--use-conda, or set speech.engine to torch"):
        run_spleeter.main()
    assert not (tmp_path / "b.flac").exists()


@pytest.mark.workflow
def test_the_workflow_runs_the_program_and_hears_the_voice_where_the_configuration_says_so(tmp_path):
    folder = copy_tree(tmp_path / "flow")
    shutil.rmtree(folder / "resources" / "spleeter", ignore_errors=True)  # where `make test-spleeter` has fetched it
    settings = {"speech": {"engine": "tensorflow", "gate": {"source": "both"}}}
    (folder / "program.yaml").write_text(yaml.safe_dump(settings))
    plan = planned(folder, "program.yaml")
    assert plan.jobs["fetch_spleeter"] == 1
    assert plan.jobs["run_spleeter"] == plan.jobs["mix_down"] == plan.jobs["gate_speech"] > 1
    assert not {"export_spleeter", "separate_speech"} & plan.jobs.keys()
    usual = planned(folder).jobs
    assert usual["export_spleeter"] == 1 and not {"extract_audio", "run_spleeter", "mix_down"} & usual.keys()
