"""Pre-training corpora with one mistake each: one sentence that names the file, the place and the value."""

import json
import os
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import corpora
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from test_pretraining import DEFAULT, read

from abaw.config import PretrainingConfig
from abaw.pretraining.registry import CORPORA, read_corpora
from abaw.running.errors import UserError

GOLD = "REC_labels_valence_100Hz_gold_shifted.csv"
NATIVE = "RECOLA-Annotation/emotional_behaviour/valence/P16.csv"
RECORDING = "SSL_C2_S055_P109_VC1_004803_005542"
SEWA = f"SEWAv02/{RECORDING}/{RECORDING}_Valence_AV_Aligned.csv"
AVEC = "labels/Train_DE_01.csv"
TRACE = "sessions/2/R1S2TUCPoDV.txt"
SESSION = "TrainingInput/3/TU_VA.csv"
CLIP = "data/004/004.json"
RAF = "EmoLabel/list_patition_label.txt"
EXPW = "label/label.lst"
FIRST_FACE = "web_0.jpg 0 0 20 70 90 65.5 0"


def changed(name: str, old: str, new: str) -> Callable[[Path], None]:
    """Replace the first `old` of a text file, which must be there."""

    def change(root: Path) -> None:
        text = (root / name).read_bytes().decode()
        assert old in text
        (root / name).write_bytes(text.replace(old, new, 1).encode())

    return change


def becoming(name: str, content: bytes) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / name).write_bytes(content)

    return change


def without(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).unlink()


def twice(name: str, other: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / other).parent.mkdir(exist_ok=True)
        (root / other).write_bytes((root / name).read_bytes())

    return change


def as_array(name: str, value: object, allow_pickle: bool = False) -> Callable[[Path], None]:
    return lambda root: np.save(root / name, np.asarray(value), allow_pickle=allow_pickle)


def as_emotic(split: str, index: int, change: Callable[[dict], None]) -> Callable[[Path], None]:
    def rewrite(root: Path) -> None:
        content = deepcopy(corpora.EMOTIC)
        change(content[split][index])
        corpora.emotic(root, content=content)

    return rewrite


def with_bbox(image: dict) -> None:
    image["person"][0, 0]["bbox"] = np.array([9.0, 9.0, 3.0, 12.0])


def with_category(image: dict) -> None:
    image["person"][0, 0]["annotations_categories"]["categories"][0] = "Joy"


def with_valence(image: dict) -> None:
    image["person"][0, 0]["annotations_continuous"]["valence"] = 11.0


def with_path(image: dict) -> None:
    image["filename"] = "../../one.jpg"


MISTAKES = [
    ("sewa_native", changed(SEWA, "0.0100", "7"), [SEWA, "line 3", "valence is 7", "[-1, 1]"]),
    ("sewa_native", changed(SEWA, "valence", "x"), [SEWA, "line 1", "expected a column valence", "found x"]),
    ("sewa_native", becoming(SEWA, b"valence\n"), [SEWA, "a header and no rows"]),
    ("sewa_native", becoming(SEWA, b""), [SEWA, "expected a column valence", "found none"]),
    ("sewa_native", without(SEWA), ["no file *_Valence_AV_Aligned.csv", "pretraining.sewa_rated"]),
    ("sewa_native", without(f"SEWAv02/{RECORDING}/{RECORDING}.avi"), [RECORDING, "has no video"]),
    ("sewa_avec", changed(AVEC, ";-0.1;", ";abc;"), [AVEC, "line 3", "'abc'", "a number"]),
    ("sewa_avec", changed(AVEC, ";-0.1;0.1;0.0", ";-0.1;0.1"), [AVEC, "line 3", "expected 5 fields", "found 4"]),
    ("sewa_avec", without("video/Train_DE_01.mp4"), ["Train_DE_01", "has no video"]),
    ("semaine_avec", changed(SESSION, "Time", "Frame"), [SESSION, "line 1", "expected a column time"]),
    ("semaine_avec", changed(SESSION, "0.12,", "0.10,"), [SESSION, "line 3", "the time does not rise"]),
    ("semaine_avec", without("TrainingInput/3/session3.avi"), ["session 3", "one video of its user, found none"]),
    ("semaine_native", changed(TRACE, "0.0200 ", "0.0200,"), [TRACE, "line 2", "seconds and a value between blanks"]),
    ("semaine_native", changed(TRACE, "0.0200 ", "0.0000 "), [TRACE, "line 2", "the time does not rise"]),
    ("semaine_native", changed(TRACE, "-0.3800", "-3.8"), [TRACE, "line 2", "the value is -3.8"]),
    ("semaine_native", becoming(TRACE, b""), [TRACE, "has no rows"]),
    (
        "semaine_native",
        twice("sessions/2/2008.12.05.16.03.15_User Frontal Colour_Poppy.avi", "sessions/2/User Frontal Colour 2.avi"),
        ["session 2", "one video of its user, found", "User Frontal Colour 2.avi"],
    ),
    ("recola", changed(GOLD, "REC0016_0.02,", "REC0016_0.02,abc"), [GOLD, "line 4", "'abc-0.498000'", "a number"]),
    ("recola", changed(GOLD, "-0.498000", "nan"), [GOLD, "line 4", "nan", "[-1, 1]"]),
    ("recola", changed(GOLD, "-0.498000", "1.2"), [GOLD, "line 4", "1.2", "[-1, 1]"]),
    ("recola", changed(GOLD, "REC0016_0.02", "REC0016"), [GOLD, "line 4", "NAME_SECONDS", "'REC0016'"]),
    ("recola", changed(GOLD, "_0.02,", "_x,"), [GOLD, "line 4", "the time is 'x'"]),
    ("recola", changed(GOLD, "_0.02,", "_0.01,"), [GOLD, "line 4", "0.01 comes twice"]),
    ("recola", changed(GOLD, "-0.498000", "-0.498000,1"), [GOLD, "line 4", "expected 2 fields", "found 3"]),
    ("recola", becoming(GOLD, b""), [GOLD, "no rows"]),
    ("recola", becoming(GOLD, "a,b\n".encode("utf-16")), [GOLD, "cannot be read"]),
    ("recola", becoming(GOLD, b"name,label\nREC0016_0.00,0\n"), ["only one of valence and arousal", "P17"]),
    ("recola", without(GOLD), [GOLD, "recola was not found"]),
    ("recola", without("RECOLA_Video_recordings/P17.mp4"), ["P17 has labels", "no video", "such as P17.mp4"]),
    ("recola", becoming("RECOLA_Video_recordings/P17.mp4", b"x" * 99), ["P17.mp4", "cannot be read as a video"]),
    (
        "recola",
        twice("RECOLA_Video_recordings/P17.mp4", "more/P17.mp4"),
        ["P17 has labels", "several videos", "more/P17.mp4"],
    ),
    ("recola_native", changed(NATIVE, "FM2 ", "FM9 "), [NATIVE, "line 1", "expected the header 'time;FM1;"]),
    ("recola_native", changed(NATIVE, "0.04;0.01", "0.04;-7"), [NATIVE, "line 3", "FM1 is -7"]),
    ("recola_native", changed(NATIVE, "0.04;0.01;", "0.04;"), [NATIVE, "line 3", "expected 7 fields", "found 6"]),
    ("afew_va", changed(CLIP, "4.0", "11"), [CLIP, "frame 00000", "valence is 11", "[-10, 10]"]),
    ("afew_va", changed(CLIP, '"valence": 4.0', '"v": 4'), [CLIP, "frame 00000", "expected an object with valence"]),
    ("afew_va", changed(CLIP, "4.0", "null"), [CLIP, "frame 00000", "valence is None"]),
    ("afew_va", changed(CLIP, "4.0", "NaN"), [CLIP, "frame 00000", "valence is nan"]),
    ("afew_va", becoming(CLIP, b'{"frames": '), [CLIP, "cannot be read as JSON"]),
    ("afew_va", becoming(CLIP, b"[" * 100_000), [CLIP, "cannot be read as JSON"]),
    ("afew_va", becoming(CLIP, json.dumps({"frames": {}}).encode()), [CLIP, "no frames"]),
    ("afew_va", without("data/004/00001.png"), [CLIP, "frame 00001", "there is no image", "00001.png"]),
    ("affectnet", changed("training.csv", ",1,0.1,", ",11,0.1,"), ["training.csv, line 3", "the expression is '11'"]),
    ("affectnet", changed("training.csv", ",1,0.1,", ",1.0,0.1,"), ["training.csv, line 3", "'1.0'", "one of 0, 1"]),
    ("affectnet", changed("training.csv", ",1,0.1,-0.1", ",1,0.1,-2"), ["training.csv, line 3", "or -2 for both"]),
    ("affectnet", changed("training.csv", ",1,0.1,-0.1", ",1,-2,-0.1"), ["training.csv, line 3", "or -2 for both"]),
    ("affectnet", changed("training.csv", ",1,0.1,", ",1,1.5,"), ["training.csv, line 3", "1.5", "[-2, 1]"]),
    ("affectnet", changed("training.csv", "10,20,30", "10,20,0"), ["training.csv, line 2", "box", "is empty"]),
    ("affectnet", changed("training.csv", "10,20,30", "NULL,20,30"), ["training.csv, line 2", "'NULL'", "a number"]),
    ("affectnet", changed("training.csv", "face_x,", ""), ["training.csv, line 1", "expected 9 fields", "found 8"]),
    ("affectnet", changed("training.csv", "face_x", "x"), ["training.csv, line 1", "the expression is 'expression'"]),
    (
        "affectnet",
        changed("training.csv", "1/image1", "../image1"),
        ["training.csv, line 3", "not the name of an image"],
    ),
    ("affectnet", without("Manually_Annotated_Images/1/image1.jpg"), ["training.csv, line 3", "there is no image"]),
    ("affectnet", becoming("validation.csv", b""), ["validation.csv", "leads to no item"]),
    ("affectnet", without("validation.csv"), ["affectnet was not found", "validation.csv"]),
    ("affectnet", becoming("training.csv", b"a,\x00\n\xff"), ["training.csv", "cannot be read"]),
    ("affectnet_npy", as_array("train_set/annotations/0_exp.npy", "9x"), ["0_exp.npy", "the expression is '9x'"]),
    ("affectnet_npy", as_array("train_set/annotations/0_val.npy", [1.0, 2.0]), ["0_val.npy", "one value"]),
    ("affectnet_npy", as_array("train_set/annotations/0_val.npy", {"a": 1}, True), ["0_val.npy", "cannot be read"]),
    ("affectnet_npy", without("train_set/annotations/0_aro.npy"), ["0_aro.npy", "cannot be read"]),
    ("affectnet_npy", without("train_set/images/0.jpg"), ["0_exp.npy", "there is no image", "0.jpg"]),
    (
        "savee",
        twice("AudioVisualClip/DC/a01.avi", "AudioVisualClip/DC/x01.avi"),
        ["x01.avi", "expected a name such as"],
    ),
    ("savee", twice("AudioVisualClip/DC/a01.avi", "AudioVisualClip/DC/s01.avi"), ["s01.avi", "sa, su"]),
    ("savee", becoming("AudioVisualClip/DC/a01.avi", b""), ["a01.avi (0 bytes)", "cannot be read as a video"]),
    ("emotic", becoming("Annotations.mat", b"junk" * 99), ["Annotations.mat", "cannot be read as a MATLAB file"]),
    ("emotic", as_emotic("train", 0, with_category), ["train image 1", "'Joy'", "Happiness"]),
    ("emotic", as_emotic("train", 0, with_valence), ["train image 1", "valence is 11", "[1, 10]"]),
    ("emotic", as_emotic("val", 0, with_bbox), ["val image 1", "the box 9, 9, 3, 12", "is empty"]),
    ("emotic", as_emotic("train", 0, with_path), ["train image 1", "'mscoco/images/../../one.jpg'", "not the name"]),
    ("emotic", without("emotic/mscoco/images/one.jpg"), ["train image 1", "there is no image", "one.jpg"]),
    ("expw", changed(EXPW, FIRST_FACE, FIRST_FACE[:-1] + "7"), [EXPW, "line 1", "the label is '7'"]),
    ("expw", changed(EXPW, FIRST_FACE, FIRST_FACE[:-2]), [EXPW, "line 1", "expected 8 fields"]),
    ("expw", changed(EXPW, "web_0.jpg 0 0", "web_0.jpg 0 95"), [EXPW, "line 1", "top", "is empty"]),
    ("expw", changed(EXPW, "web_0.jpg 0", "web_0.jpg a"), [EXPW, "line 1", "the face_id is 'a'"]),
    ("expw", changed(EXPW, "web_0.jpg", "/web_0.jpg"), [EXPW, "line 1", "'/web_0.jpg' is not the name"]),
    ("fer", changed("fer2013new.csv", "unknown", "unknow"), ["fer2013new.csv, line 1", "expected the header"]),
    ("fer", changed("fer2013new.csv", "png,4", "png,14"), ["fer2013new.csv, line 2", "a number of votes is 14"]),
    ("fer", changed("fer2013new.csv", "png,4", "png,9"), ["fer2013new.csv, line 2", "the votes sum to 15"]),
    ("fer", changed("fer2013new.csv", "Training", "Test"), ["fer2013new.csv, line 2", "Usage is 'Test'"]),
    ("fer", changed("fer2013.csv", "Training", "PublicTest"), ["fer2013new.csv, line 2", "fer2013.csv, line 2"]),
    ("fer", changed("fer2013new.csv", "PrivateTest,fer0000011.png,0,0,0,0,0,2,8,0,0,0", ""), ["11 rows", "has 12"]),
    ("fer", without("fer2013.csv"), ["fer was not found", "fer2013.csv"]),
    ("fer_kaggle", lambda root: None, ["pretraining.fer_labels is votes", "fer2013new.csv"]),
    ("fer_folders", without("data/FER2013Test/fer0000011.png"), ["FER2013Test", "line 3", "there is no image"]),
    ("raf_db", changed(RAF, "train_00007.jpg 7", "train_00007.jpg 8"), [RAF, "line 7", "basic set is '8'"]),
    ("raf_db", changed(RAF, "train_00007.jpg 7", "train_00007.jpg,7"), [RAF, "line 7", "found 'train_00007.jpg,7'"]),
    ("raf_db", changed(RAF, "train_00007", "val_00007"), [RAF, "line 7", "a line such as 'train_00001.jpg 5'"]),
    ("raf_db", without("Image/original/train_00007.jpg"), [RAF, "line 7", "there is no image"]),
    ("raf_db", becoming(RAF, b"\xff\xfe\x00"), [RAF, "cannot be read as text"]),
]


@pytest.mark.parametrize(
    ("form", "change", "said"), MISTAKES, ids=[f"{form}-{index}" for index, (form, _, _) in enumerate(MISTAKES)]
)
def test_a_mistake_is_a_sentence_with_file_place_and_value(tmp_path, form, change, said):
    getattr(corpora, form)(tmp_path)
    change(tmp_path)
    with pytest.raises(UserError) as caught:
        read(next(name for name in CORPORA if form.startswith(name)), tmp_path)
    for part in said:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"label": "glad"}, ["faces.parquet, row 2", "label is 'glad'"]),
        ({"usage": "dev"}, ["faces.parquet, row 2", "usage is 'dev'"]),
    ],
)
def test_a_wrong_word_in_the_parquet_names_its_row(tmp_path, form, said):
    corpora.fer_parquet(tmp_path, **form)
    with pytest.raises(UserError) as caught:
        read("fer", tmp_path, fer_labels="labels")
    for part in said:
        assert part in str(caught.value)


def test_a_parquet_without_images_or_of_junk_is_named(tmp_path):
    pq.write_table(pa.table({"usage": ["train"], "label": ["sad"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"a\.parquet lacks the column jpeg \(binary\); it has \['usage', 'label'\]"):
        read("fer", tmp_path, fer_labels="labels")
    (tmp_path / "a.parquet").write_bytes(b"junk")
    with pytest.raises(UserError, match=r"a\.parquet cannot be read as Parquet"):
        read("fer", tmp_path, fer_labels="labels")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    corpora.raf_db(tmp_path)
    (tmp_path / RAF).chmod(0)
    with pytest.raises(UserError, match=r"list_patition_label\.txt cannot be read as text: .*Permission denied"):
        read("raf_db", tmp_path)


def test_a_corpus_without_an_item_is_an_error(tmp_path):
    corpora.raf_db(tmp_path)
    (tmp_path / RAF).write_text("\n")
    roots = DEFAULT["roots"] | {"raf_db": str(tmp_path)}
    with pytest.raises(UserError, match="raf_db: no item was found"):
        read_corpora(PretrainingConfig.model_validate(DEFAULT | {"roots": roots}))
