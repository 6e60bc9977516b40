"""The stand-in corpus of voices and faces: nobody and no picture in two splits, and in AffWild2's own form."""

import io
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
import standin_corpus
import yaml
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from runs import ROOT
from snakemake.utils import update_config

from abaw.config import check_config
from abaw.corpus.labels import read_labels
from abaw.corpus.layout import read_folders
from abaw.corpus.template import read_template
from abaw.media.video import probe
from abaw.tasks import EXPRESSIONS

EMOTIONS = range(1, 9)


def clips_of(actors, repetitions):
    return [
        Path(f"03-01-{emotion:02d}-01-01-{again:02d}-{actor:02d}.wav")
        for actor in actors
        for emotion in EMOTIONS
        for again in range(1, repetitions + 1)
    ]


@given(st.integers(0, 99), st.floats(1, 4))
def test_no_actor_and_no_picture_stands_in_two_splits(seed, length_s):
    lengths_s = dict.fromkeys(clips_of(range(1, 13), 2), length_s)
    labels = [*standin_corpus.WORDS] * 60
    usages = ["train", "train", "validation"] * (len(labels) // 3)
    films = standin_corpus.plan(lengths_s, usages, labels, seed)
    said = [clip.clip for film in films for clip in film.said]
    assert sorted(said) == sorted(clip for clip in lengths_s if standin_corpus._number(clip, 2) != 2)
    assert len({film.name for film in films}) == len(films)
    seen, speakers = {}, {}
    for film in films:
        for one in film.said:
            assert speakers.setdefault(standin_corpus._number(one.clip, 6), film.split) == film.split
            assert one.expression == standin_corpus.VOICES[standin_corpus._number(one.clip, 2)]
            for row in one.pictures:
                assert standin_corpus.WORDS[labels[row]] == one.expression
                assert (usages[row] == "train") == (film.split == "train")
                assert seen.setdefault(row, film.split) == film.split


def test_pictures_come_again_where_they_are_used_up_and_sentences_may_be_left_out():
    lengths_s = dict.fromkeys(clips_of([1], 4), 3.0)
    labels = [*standin_corpus.WORDS] * 2
    (film, *_) = standin_corpus.plan(lengths_s, ["train"] * len(labels), labels, 0)
    for one in film.said:
        assert len(one.pictures) == 3 and len(set(one.pictures)) == 2 and one.pictures[0] == one.pictures[2]
    (film,) = standin_corpus.plan(lengths_s, ["train"] * len(labels), labels, 0, most_clips=5)
    assert len(film.said) == 5


def test_a_picture_of_training_that_judges_too_is_refused():
    standin_corpus.refuse_shared(["train", "train", "validation"], [b"a", b"a", b"b"])
    with pytest.raises(SystemExit, match="row 3 of the faces, of usage validation, is a picture of training too"):
        standin_corpus.refuse_shared(["train", "train", "validation"], [b"a", b"b", b"a"])


def jpeg(grey):
    buffer = io.BytesIO()
    Image.fromarray(np.full((48, 48), grey, np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


def test_what_is_written_is_a_corpus(tmp_path, monkeypatch):
    """Actors of each split with a few tones for voices and grey pictures for faces, as the workflow reads it."""
    voices, output = tmp_path / "voices", tmp_path / "results" / "standin"
    voices.mkdir()
    for clip in clips_of((1, 9, 11), 1):
        tone = 0.3 * np.sin(np.arange(8000) * 0.1 * standin_corpus._number(clip, 2))
        soundfile.write(voices / clip.name, tone, 16000)
    words = [*standin_corpus.WORDS]
    greys = {"train": 20, "validation": 35}
    rows = [(usage, word, jpeg(30 * words.index(word) + grey)) for usage, grey in greys.items() for word in words * 2]
    columns = dict(zip(("usage", "label", "jpeg"), map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), tmp_path / "faces.parquet")
    monkeypatch.setattr(sys, "argv", ["standin_corpus", str(voices), str(tmp_path / "faces.parquet"), str(output)])
    standin_corpus.main()

    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    update_config(values, yaml.safe_load((ROOT / "config" / "standin.yaml").read_text()))
    monkeypatch.chdir(tmp_path)
    layout = read_folders(check_config(values).corpus)
    tracks = {track.sample: track for track in layout.tracks}
    assert {name: track.splits["expr"] for name, track in tracks.items()} == {
        "actor01_1": "train",
        "actor09_1": "val",
        "actor11_1": "test",
    }
    track = tracks["actor01_1"]
    info = probe(track.path)
    labels = read_labels(track.labels["expr"], "expr", track.sample)["expression"].to_pylist()
    assert info.n_frames == len(labels) == 7 * 12
    assert set(labels) == set(range(7))  # all but Other
    assert EXPRESSIONS[7] == "Other"
    values = read_labels(track.labels["va"], "va", track.sample)
    assert values["valence"].null_count == len(values) == len(labels)
    assert len(read_template(layout.templates["expr"], "expr")) == 7 * 12
