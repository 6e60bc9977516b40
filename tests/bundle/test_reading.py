"""Bundles as they are read: whole ones come out as they went in, all others are refused in one sentence."""

import json
import zipfile

import pytest
from small_bundle import contents, write

from abaw.bundle.reading import read_bundle, unpack_bundle, zip_bundle
from abaw.bundle.words import in_words
from abaw.running.errors import UserError


@pytest.mark.parametrize("zipped", [False, True])
def test_a_folder_and_a_zip_come_out_as_they_went_in(tmp_path, zipped):
    path = write(tmp_path / "given")
    if zipped:
        zip_bundle(path, tmp_path / "given.zip")
        zip_bundle(path, tmp_path / "again.zip")
        path = tmp_path / "given.zip"
        assert path.read_bytes() == (tmp_path / "again.zip").read_bytes()
    bundle = unpack_bundle(path, tmp_path / "out")
    assert bundle == read_bundle(tmp_path / "out")
    _, files = contents()
    assert {name: (tmp_path / "out" / name).read_bytes() for name in files} == files


def test_its_words_by_hand(tmp_path):
    said = in_words(read_bundle(write(tmp_path)))
    assert "It has no model for valence and arousal: these columns stay empty." in said
    assert "macro F1 0.31 (0.25 to 0.40) on validation videos on which none of its windows" in said
    assert ": 7 videos, 900 frames" in said
    assert "Trained on a corpus, after pre-training on fer. Faces are looked for 5 times a second." in said
    assert "Nothing is known of cats." in said


def put(keys, value):
    """An edit of bundle.json at one place."""

    def edit(said):
        part = said
        for key in keys[:-1]:
            part = part[key]
        part[keys[-1]] = value

    return edit


def hears(model, frozen=None, form=None):
    """An edit that adds a model that hears, through the encoder `frozen` of a `form` where they are given."""

    def edit(said):
        models = said["tasks"]["expr"]["models"]
        models[model] = models["visual"]
        if frozen:
            said["settings"]["voice_functional"]["statistics"]["encoder"] = frozen
            said["encoders"][frozen] = form

    return edit


FORM = {"config": {"model_type": "hubert"}, "processor": {}, "weights": None}
EXPR, SYSTEM = ("tasks", "expr"), ("tasks", "expr", "systems", "system_1")
BACKBONE = (*EXPR, "models", "static", "card", "backbone")


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (put(["version"], 4), "is a bundle of version 4, newer than this code, which reads version 3; update"),
        (put(["form"], "other"), "is no bundle of abaw-flow"),
        (put(["more"], 1), "of another form: more: Extra inputs are not permitted"),
        (put(["settings", "faces", "margin_px"], None), "of another form: settings.faces.margin_px"),
        (put([*EXPR, "preferred"], "system_9"), "'system_9', which is none of its systems"),
        (put([*SYSTEM, "models"], ["voice"]), "has the model 'voice', which is not there"),
        (put([*SYSTEM, "weights"], [[1.0]]), "must have weights where it has several models, and only there"),
        (put(BACKBONE, "hf-hub:somebody/something"), "of another form"),
        (put([*EXPR, "models", "visual", "weights"], "../visual.safetensors"), "of another form"),
        (put(["files", "/etc/x.safetensors"], {"sha256": "0" * 64, "size_bytes": 1}), "of another form"),
        (put(["files", "expr/visual.safetensors", "size_bytes"], 1 << 50), "of another form"),
        (put(["files", "expr/visual.safetensors", "sha256"], "0" * 64), "has another sha256 than files"),
        (
            put(["encoders", "somebody/something"], FORM),
            "must be those of the models that hear, none, and",
        ),
        (put(["encoders", "whisper_tiny_en"], {"package": "p", "file": "f"}), "of another form: encoders.whisper"),
        (hears("acoustic"), "must be those of the models that hear, whisper_tiny_en, and are none"),
        (hears("voice_functional", frozen="a/b", form=FORM), "a/b must have weights, for voice_functional hears"),
        (hears("voice_functional", frozen="a/b", form=FORM | {"weights": "e/f.safetensors"}), "files has no e/f.safe"),
    ],
)
def test_a_bundle_of_another_form_is_refused_in_a_sentence(tmp_path, edit, says):
    said, _ = contents()
    edit(said)
    with pytest.raises(UserError) as caught:
        read_bundle(write(tmp_path, said))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[", "[" * 100_000, "null", '{"form": "abaw-flow bundle", "version": 3}'])
def test_what_is_no_bundle_is_refused_in_a_sentence(tmp_path, text):
    (tmp_path / "bundle.json").write_text(text)
    with pytest.raises(UserError, match="bundle"):
        read_bundle(tmp_path)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"altere", "altered or cut off"), (b"visua", "altered or cut off"), (b"visualvisual", "altered or cut off")],
)
def test_a_file_that_is_another_is_refused_and_not_written(tmp_path, content, says):
    path = write(tmp_path / "given")
    (path / "expr/visual.safetensors").write_bytes(content)
    with pytest.raises(UserError, match=says):
        unpack_bundle(path, tmp_path / "out")
    assert not (tmp_path / "out/expr/visual.safetensors").exists()
    assert not (tmp_path / "out/bundle.json").exists()


def test_what_lacks_is_named(tmp_path):
    path = write(tmp_path / "given")
    (path / "expr/visual.safetensors").unlink()
    with pytest.raises(UserError, match=r"no complete bundle: it has no expr/visual\.safetensors"):
        unpack_bundle(path, tmp_path / "out")
    with pytest.raises(UserError, match="there is no bundle"):
        read_bundle(tmp_path / "nowhere")
    (tmp_path / "text.zip").write_text("text")
    with pytest.raises(UserError, match="neither a folder nor a whole zip"):
        read_bundle(tmp_path / "text.zip")


@pytest.mark.parametrize("what", ["expr/visual.safetensors", "expr"])
def test_links_are_not_followed(tmp_path, what):
    path = write(tmp_path / "given")
    (path / what).rename(tmp_path / "elsewhere")
    (path / what).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        unpack_bundle(path, tmp_path / "out")


def test_nothing_is_written_beside_the_folder_and_a_zip_that_swells_is_cut_short(tmp_path):
    said, files = contents()
    with zipfile.ZipFile(tmp_path / "evil.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bundle.json", json.dumps(said))
        archive.writestr("../beside.txt", "x")
        archive.writestr("expr/static.safetensors", files["expr/static.safetensors"])
        archive.writestr("expr/visual.safetensors", b"\0" * (1 << 24))
    with pytest.raises(UserError, match="altered or cut off"):
        unpack_bundle(tmp_path / "evil.zip", tmp_path / "out")
    assert not (tmp_path / "beside.txt").exists()
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file()) < 1000
    assert [path.name for path in (tmp_path / "out/expr").iterdir()] == ["static.safetensors"]


def test_a_zip_with_any_byte_damaged_is_whole_all_the_same_or_refused_in_a_sentence(tmp_path):
    zip_bundle(write(tmp_path / "given"), tmp_path / "given.zip")
    good = (tmp_path / "given.zip").read_bytes()
    refused = 0
    for place in range(0, len(good), 2):
        (tmp_path / "bad.zip").write_bytes(good[:place] + bytes([good[place] ^ 0xFF]) + good[place + 1 :])
        try:
            unpack_bundle(tmp_path / "bad.zip", tmp_path / "out")
        except UserError:
            refused += 1
    assert refused > len(good) / 4
