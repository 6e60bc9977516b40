"""Layout and labels of a corpus in AffWild2's form."""

from pathlib import Path

import pytest

from abaw.config import CorpusConfig
from abaw.corpus.labels import read_labels
from abaw.corpus.layout import read_folders, side_of, video_of
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tasks import TASKS

VA_LIST = "Valence_Arousal_Estimation_Challenge_test_set_release.txt"
EXPR_LIST = "Expression_Recognition_Challenge_test_set_release.txt"


@pytest.fixture
def corpus(tmp_path) -> CorpusConfig:
    """Names only, no decodable video: the layout never looks inside one."""
    files = [
        "videos/batch1/video29.mp4",
        "videos/batch1/video2.avi",
        "videos/batch2/video86_2.mp4",
        "videos/new_vids/451.mp4",
        "videos/new_vids/6-30-1920x1080.mp4",
        "annotations/VA_Estimation_Challenge/Train_Set/video29_left.txt",
        "annotations/VA_Estimation_Challenge/Train_Set/video29_right.txt",
        "annotations/VA_Estimation_Challenge/Validation_Set/video2.txt",
        "annotations/VA_Estimation_Challenge/Validation_Set/video2_left.txt",
        "annotations/EXPR_Recognition_Challenge/Train_Set/video29_left.txt",
        "annotations/EXPR_Recognition_Challenge/Validation_Set/video86_2.txt",
        f"lists/{VA_LIST}",
        f"lists/{EXPR_LIST}",
        "templates/CVPR_6th_ABAW_VA_test_set_sample.txt",
        "templates/CVPR_6th_ABAW_Expr_test_set_sample.txt",
        "templates/CVPR_6th_ABAW_AU_test_set_sample.txt",
    ]
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "lists" / VA_LIST).write_text("video86_2\n\n6-30-1920x1080\n")
    (tmp_path / "lists" / EXPR_LIST).write_text("video2_left\r\n")
    folders = {"videos": "videos", "annotations": "annotations", "test_lists": "lists", "templates": "templates"}
    return CorpusConfig(
        source="folders",
        crops=None,
        unscored=[],
        **{key: str(tmp_path / name) for key, name in folders.items()},
        edition="affwild2",
        max_row_difference=60,
        on_unreadable="stop",
        sound_track="default",
    )


def test_layout_of_every_kind_of_name(corpus):
    layout = read_folders(corpus)
    tracks = {track.sample: track for track in layout.tracks}
    assert list(tracks) == ["6-30-1920x1080", "video2", "video29_left", "video29_right", "video2_left", "video86_2"]
    assert tracks["video29_left"].video == tracks["video29_right"].video == "video29"
    assert (tracks["video29_left"].side, tracks["video29_right"].side) == ("left", "right")
    assert (tracks["video2"].side, tracks["video2_left"].side) == ("right", "left")
    assert tracks["video2"].path.name == tracks["video2_left"].path.name == "video2.avi"
    assert tracks["video86_2"].video == "video86_2"
    assert tracks["video86_2"].side is None
    assert tracks["video86_2"].splits == {"expr": "val", "va": "test"}
    assert "451" not in tracks  # a video that no challenge names
    assert layout.videos_of("va", "train") == ["video29"]
    assert layout.templates["expr"].name == "CVPR_6th_ABAW_Expr_test_set_sample.txt"


@pytest.mark.parametrize(
    ("sample", "video", "side"),
    [
        ("video10_1_left", "video10_1", "left"),
        ("video_left_right", "video_left", "right"),
        ("leftover", "leftover", None),
        ("a_lefty", "a_lefty", None),
        ("86_2", "86_2", None),
    ],
)
def test_a_side_is_stripped_once_and_only_as_that_suffix(sample, video, side):
    assert (video_of(sample), side_of(sample)) == (video, side)


def add(corpus: CorpusConfig, key: str, name: str, text: str = "") -> None:
    path = Path(getattr(corpus, key)) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("key", "name", "text", "said"),
    [
        ("annotations", "VA_Estimation_Challenge/Train_Set/nobody.txt", "", "'nobody' has no video"),
        ("annotations", "VA_Estimation_Challenge/Train_Set/video2.txt", "", "both the train and the val split"),
        ("videos", "batch2/video2.mp4", "", "two videos of one name"),
        ("templates", "CVPR_6th_ABAW_VA_test_set_example.txt", "", "exactly one template of va"),
        ("test_lists", VA_LIST, "video2\nvideo2\n", "names 'video2' more than once"),
        ("test_lists", VA_LIST, "video2\n", "both the val and the test split"),
    ],
)
def test_a_contradiction_is_one_sentence(corpus, key, name, text, said):
    add(corpus, key, name, text)
    with pytest.raises(UserError, match=said):
        read_folders(corpus)


@pytest.mark.parametrize(
    "suffix",
    [
        *(".mov", ".mkv", ".webm", ".m4v", ".mts", ".m2ts", ".ts", ".wmv", ".3gp", ".mpg", ".vob", ".flv", ".avi"),
        *(".MOV", ".MtS", ".AVI", ".dv", ".mpeg", ".ogv", ".mxf"),
    ],
)
def test_a_video_is_found_whatever_container_its_suffix_names(corpus, suffix):
    path = Path(corpus.videos) / "batch2" / "video86_2.mp4"
    path.rename(path.with_suffix(suffix))
    tracks = {track.sample: track for track in read_folders(corpus).tracks}
    assert tracks["video86_2"].path == path.with_suffix(suffix)


@pytest.mark.parametrize(
    ("videos", "names"),
    [
        (("batch2/video86_2.mp4", "batch2/video86_2.mov"), ("video86_2.mp4", "video86_2.mov")),
        (("batch2/video86_2.mp4", "batch1/video86_2.mp4"), ("batch2-video86_2", "batch1-video86_2")),
        (
            ("batch2/video86_2.mp4", "batch1/video86_2.mp4", "batch1/video86_2.MKV"),
            ("batch2-video86_2.mp4", "batch1-video86_2.mp4", "batch1-video86_2.MKV"),
        ),
    ],
)
def test_equal_names_have_ids_of_their_own(corpus, videos, names):
    """Which the tracks are called by; a track of the bare name could be of either."""
    for name in videos:
        add(corpus, "videos", name)
    with pytest.raises(UserError, match="are two videos of one name, and the track 'video86_2' could be of either"):
        read_folders(corpus)
    (Path(corpus.annotations) / "EXPR_Recognition_Challenge/Validation_Set/video86_2.txt").unlink()
    for name in names:
        add(corpus, "annotations", f"EXPR_Recognition_Challenge/Validation_Set/{name}.txt")
    add(corpus, "test_lists", VA_LIST, f"{names[0]}_left\n6-30-1920x1080\n")
    found = {track.sample: track for track in read_folders(corpus).tracks}
    for name, video in zip(names, videos, strict=True):
        assert found[name].path == Path(corpus.videos) / video
    assert found[f"{names[0]}_left"].video == names[0]


@pytest.mark.parametrize("letters", ["a", "\u00e9", "\u9854"])
def test_a_name_of_240_bytes_is_a_sentence(corpus, letters):
    name = letters * (240 // len(letters.encode()))
    add(corpus, "videos", f"{name}.mp4")
    with pytest.raises(UserError, match=r"has 240 bytes, of which a file system takes no more than 200 beside"):
        read_folders(corpus)
    (Path(corpus.videos) / f"{name}.mp4").unlink()
    short = letters * (200 // len(letters.encode()))
    add(corpus, "videos", f"{short}.mp4")
    add(corpus, "annotations", f"VA_Estimation_Challenge/Train_Set/{short}.txt")
    assert short in {track.sample for track in read_folders(corpus).tracks}
    longest = whole_file(Path(corpus.videos).parent / f"{short}.parquet")
    with longest as beside:
        beside.write_bytes(b"")


def test_a_missing_folder_is_named_by_its_key(corpus):
    with pytest.raises(UserError, match=r"corpus\.videos is .*not a folder"):
        read_folders(corpus.model_copy(update={"videos": "nowhere"}))


def label_file(tmp_path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "video.txt"
    path.write_bytes(text.encode(encoding))
    return path


def test_va_labels_keep_every_digit_and_turn_minus_five_into_nulls(tmp_path):
    path = label_file(tmp_path, "valence,arousal\r\n0.123456789012345,-1\r\n-5,-5\r\n-5.0,-5.000\r\n1,0.25\r\n\r\n\n")
    table = read_labels(path, "va", "a")
    assert table["valence"].to_pylist() == [0.123456789012345, None, None, 1.0]
    assert table["arousal"].to_pylist() == [-1.0, None, None, 0.25]
    assert table["frame"].to_pylist() == [1, 2, 3, 4]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("tail", [0, 1, 3])
@pytest.mark.parametrize(
    "header", ["valence,arousal", "valence, arousal", "\ufeffValence,Arousal ", "VALENCE ,AROUSAL"]
)
def test_every_form_of_a_label_file_gives_the_same_numbers(tmp_path, header, end, tail):
    rows = ["0.1,-0.123456789012345", " 0.25, 1.0", "-5,-5", "1e-05,-1"]
    table = read_labels(label_file(tmp_path, end.join([header, *rows]) + end * tail), "va", "a")
    assert table["valence"].to_pylist() == [0.1, 0.25, None, 0.00001]
    assert table["arousal"].to_pylist() == [-0.123456789012345, 1.0, None, -1.0]


@pytest.mark.parametrize("decimals", range(1, 16))
def test_one_to_fifteen_decimals_are_kept(tmp_path, decimals):
    text = f"{-0.987654321987654:.{decimals}f}"
    table = read_labels(label_file(tmp_path, f"valence,arousal\n{text},{text}\n"), "va", "a")
    assert table["valence"].to_pylist() == [float(text)]


def test_expression_labels_have_one_field_under_a_header_of_eight(tmp_path):
    table = read_labels(label_file(tmp_path, TASKS["expr"].label_header + "\n0\n7\n-1\n"), "expr", "a")
    assert table["expression"].to_pylist() == [0, 7, None]


@pytest.mark.parametrize(
    ("task", "text", "said"),
    [
        ("va", "", "must begin with the line 'valence,arousal'; found nothing"),
        ("va", "arousal,valence\n0,0\n", "found 'arousal,valence'"),
        ("va", "valence,arousal\n", "no rows"),
        ("va", "valence,arousal\n0,0\n0.1;0.2\n", "line 3: expected two numbers"),
        ("va", "valence,arousal\n0,0,0\n", "line 2: expected two numbers"),
        ("va", "valence,arousal\nnan,0\n", "line 2: expected two numbers, valence and arousal, found 'nan,0'"),
        ("va", "valence,arousal\n1.2,0\n", "line 2: '1.2,0' is outside"),
        ("va", "valence,arousal\n-5,0\n", "line 2: '-5,0' is outside"),
        ("va", "valence,arousal\n0,0\n\n0,0\n", "line 3: expected two numbers"),
        ("expr", TASKS["expr"].label_header + "\n8\n", "the class 8 is not in 0..7"),
        ("expr", TASKS["expr"].label_header + "\n1.0\n", "expected one class number, found '1.0'"),
        ("expr", "Neutral\n0\n", "must begin with the line"),
    ],
)
def test_a_malformed_label_file_names_file_line_and_value(tmp_path, task, text, said):
    path = label_file(tmp_path, text)
    with pytest.raises(UserError) as caught:
        read_labels(path, task, "a")
    assert said in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_label_file_in_utf_16_is_refused(tmp_path):
    with pytest.raises(UserError, match="cannot be read as text"):
        read_labels(label_file(tmp_path, "valence,arousal\n0,0\n", "utf-16"), "va", "a")
