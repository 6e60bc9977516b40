"""The bundle that the repository carries: whole, readable by this code, small, of expressions alone, and honest."""

from runs import ROOT
from safetensors.numpy import load_file

from abaw.bundle.reading import read_bundle, unpack_bundle
from abaw.bundle.words import in_words

DEFAULT = ROOT / "resources" / "bundles" / "default"
MOST_BYTES = 12_000_000


def test_it_is_whole_readable_and_small(tmp_path):
    bundle = unpack_bundle(DEFAULT, tmp_path)
    files = [path for path in DEFAULT.rglob("*") if path.is_file()]
    assert {str(path.relative_to(DEFAULT)) for path in files} == {"bundle.json", *bundle.files}
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    for name in bundle.files:
        assert {array.dtype.name for array in load_file(DEFAULT / name).values() if array.ndim > 1} == {"float16"}


def test_it_says_what_it_knows_how_good_it_is_and_what_it_is_not_for():
    bundle = read_bundle(DEFAULT)
    assert set(bundle.tasks) == {"expr"} and bundle.commit and not bundle.commit.endswith("-dirty")
    known = bundle.tasks["expr"]
    scored = {score.system for score in known.scores if score.low <= score.value <= score.high}
    assert scored >= {"visual", "functional", "voice_functional", *(f"{name}_nested" for name in known.systems)}
    assert bundle.settings.speech.gate.source == "mouth"
    said = in_words(bundle)
    for words in ("RAVDESS", "FER2013", "for nothing commercial", "It has no model for valence and arousal"):
        assert words in said
