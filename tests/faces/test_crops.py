"""The organisers' crops as a source of faces, and what a variable frame rate means for the tracks."""

import sys
from copy import deepcopy
from fractions import Fraction
from pathlib import Path

import cv2
import import_crops
import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from clips import numbered, write_clip, write_numbered
from runs import SHRUNKEN, copy_tree, snakemake
from skimage import data
from small_corpus import write_small

from abaw.config import BackboneConfig, check_config
from abaw.corpus.crops import find_crops
from abaw.corpus.index import index_split
from abaw.corpus.layout import Layout, Track
from abaw.demo.plan import plan_corpus
from abaw.faces.crop import decode_crop, encode_crop, fitted
from abaw.running.errors import UserError
from abaw.static.crops import Part, labelled_crops
from abaw.static.embedder import make_embedder
from abaw.static.embedding import embed
from abaw.static.model import StaticModel
from abaw.static.spec import StaticSpec
from abaw.tables.arrays import embedding_matrix
from abaw.tables.files import read_table
from abaw.tables.schemas import SCHEMAS
from abaw.timeline.rows import rows_of

DEFAULT = yaml.safe_load((Path(__file__).parents[2] / "config" / "config.yaml").read_text(encoding="utf-8"))
FACE = cv2.resize(np.ascontiguousarray(data.astronaut()[60:190, 165:280, ::-1]), (112, 112))
"""A real face, cut as tight as the organisers cut theirs, BGR."""


def jpeg(number: int) -> bytes:
    """The face a little darker with each number, so that every crop has bytes of its own."""
    return encode_crop(np.clip(FACE.astype(int) - number, 0, 255).astype(np.uint8), 90)


def fill(folder: Path, numbers) -> Path:
    folder.mkdir(parents=True)
    for number in numbers:
        (folder / f"{number:05d}.jpg").write_bytes(jpeg(number))
    return folder


def imported(tmp_path: Path, clip: Path, *folders: Path, rate_hz: float = 5.0) -> list[dict]:
    """Run the command; return the rows of the table."""
    arguments = ["--video", str(clip), "--crops", *map(str, folders), "--rate-hz", str(rate_hz)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["import_crops.py", *arguments, "--output", str(tmp_path / "faces.parquet")])
        import_crops.main()
    return read_table("faces", tmp_path / "faces.parquet").to_pylist()


@pytest.mark.parametrize("size", [(300, 260), (477, 401), (512, 384), (64, 512), (1, 900)])
@pytest.mark.parametrize("side_px", [32, 80, 112])
def test_a_crop_is_made_smaller_by_means_whatever_it_is_halved_to_before(size, side_px):
    photo = np.ascontiguousarray(np.tile(data.astronaut(), (1, 2, 1))[: size[0], : size[1]])
    found = fitted(photo, side_px)
    scale = side_px / max(size)
    width, height = (max(1, round(side * scale)) for side in size[::-1])
    assert max(found.shape[:2]) == side_px and np.abs(np.subtract(found.shape[:2], (height, width))).max() <= 1
    even = photo[: size[0] & ~1 or 1, : size[1] & ~1]
    known = cv2.resize(even, found.shape[1::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - known).mean() < 1.5
    assert fitted(photo, None) is photo and fitted(photo, max(size)) is photo


@pytest.mark.parametrize(
    "places",
    [
        ("", ""),
        ("cropped_aligned", "cropped_aligned_new_50_vids"),
        ("cropped", "cropped_new_50_vids"),
        ("batch1", "batch2"),
        ("cropped/batch1", "cropped/batch2"),
        ("batch1/cropped_aligned", "batch2/cropped_aligned_new_50_vids"),
    ],
)
def test_the_organisers_folders_in_every_form(tmp_path, places):
    for place, name in zip(places, ("12-24-1920x1080", "video2_left"), strict=True):
        (tmp_path / place / name).mkdir(parents=True)
    (tmp_path / places[0] / ".DS_Store").touch()
    (tmp_path / places[1] / "451").mkdir()
    found = find_crops(tmp_path, {"12-24-1920x1080", "video2_left"})
    assert found.by_sample == {
        "12-24-1920x1080": tmp_path / places[0] / "12-24-1920x1080",
        "video2_left": tmp_path / places[1] / "video2_left",
    }
    assert sorted(path.name for path in found.strays) == [".DS_Store", "451"]


def test_a_loop_of_links_ends(tmp_path):
    (tmp_path / "cropped" / "a").mkdir(parents=True)
    (tmp_path / "cropped" / "batch1").symlink_to(tmp_path, target_is_directory=True)
    found = find_crops(tmp_path, {"a"})
    assert found.by_sample == {"a": tmp_path / "cropped" / "a"}


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["cropped/a", "cropped_aligned/a"], r"'a' has crops in both .*cropped/a and .*cropped_aligned/a; keep one"),
        (["a", "batch1/a"], r"'a' has crops in both .*/a and .*batch1/a"),
        (["cropped/b"], r"1 of 1 tracks have no folder of crops .* the first is 'a'"),
        (["crops/a"], r"1 of 1 tracks have no folder of crops"),
    ],
)
def test_folders_that_contradict_or_miss_a_track(tmp_path, folders, said):
    for folder in folders:
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(UserError, match=said):
        find_crops(tmp_path, {"a"})


def test_a_root_that_is_none(tmp_path):
    with pytest.raises(UserError, match=r"corpus\.crops is .*nowhere.* not a folder"):
        find_crops(tmp_path / "nowhere", {"a"})


def test_organisers_need_their_crops():
    config = deepcopy(DEFAULT)
    config["faces"]["source"] = "organisers"
    with pytest.raises(UserError, match=r"wrong: corpus\.crops must be the folder .* faces\.source is organisers"):
        check_config(config)
    config["corpus"]["crops"] = "resources/affwild2/cropped_aligned"
    assert check_config(config).faces.source == "organisers"


def test_every_analysed_frame_has_a_row_and_a_missing_number_no_face(tmp_path, capsys):
    clip = write_numbered(tmp_path / "video2.mp4", 60, Fraction(30000, 1001))
    left = fill(tmp_path / "cropped" / "video2_left", [1, 2, 3, 13, 19, 55])
    right = fill(tmp_path / "cropped" / "video2", [7, 61])  # a crop beyond the last frame
    (left / "Thumbs.db").touch()
    (left / "00000.jpg").touch()
    rows = imported(tmp_path, clip, left, right)
    assert [row["sample"] for row in rows] == ["video2_left", "video2"] * 10
    of_left, of_right = rows[::2], rows[1::2]
    assert [row["frame"] for row in of_left] == [row["frame"] for row in of_right] == list(range(1, 61, 6))
    assert [row["time_s"] for row in of_left] == [(row["frame"] - 1) * 1001 / 30000 for row in of_left]
    assert [row["frame"] for row in of_left if row["has_face"]] == [1, 13, 19, 55]
    assert [row["frame"] for row in of_right if row["has_face"]] == [7]
    given = {"sample", "frame", "time_s", "has_face"}
    for row in rows:
        filled = {name for name, value in row.items() if value is not None}
        assert filled == (given | {"crop", "mouth_opening", "mouth_area"} if row["has_face"] else given)
        if row["has_face"]:
            assert row["crop"] == jpeg(row["frame"])
            assert 0.1 < row["mouth_opening"] < 0.3
            assert 0.001 < row["mouth_area"] < 0.03
    said = capsys.readouterr().out
    assert "video2_left: 6 crops; 2 other entries of the folder are left out" in said
    assert "video2_left: 4 of 10 analysed frames have a face" in said


def test_the_crops_of_a_variable_rate_stand_at_their_frames_times(tmp_path):
    ticks = [0, 3, 4, 5, 20, 21, 50, 51, 52, 90]
    clip = write_clip(tmp_path / "a.mp4", (numbered(k + 1) for k in range(10)), Fraction(30), pts=ticks)
    rows = imported(tmp_path, clip, fill(tmp_path / "a", range(1, 11)), rate_hz=60.0)
    assert [row["frame"] for row in rows] == list(range(1, 11))
    assert [row["time_s"] for row in rows] == [tick / 30 for tick in ticks]


def test_a_crop_without_a_face_mesh_has_no_mouth(tmp_path):
    folder = fill(tmp_path / "a", [])
    (folder / "00001.jpg").write_bytes(encode_crop(np.full((80, 60, 3), 90, np.uint8), 90))
    (row,) = imported(tmp_path, write_numbered(tmp_path / "a.mp4", 1, Fraction(25)), folder)
    assert row["has_face"]
    assert row["mouth_opening"] is row["mouth_area"] is None
    assert decode_crop(row["crop"]).shape == (80, 60, 3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin like one"),
        (b"hello\n", "does not begin like one"),
        (cv2.imencode(".png", FACE)[1].tobytes(), "does not begin like one"),
        (jpeg(1)[:-100], "no image"),
        (b"\xff\xd8\xff" + bytes(500), "no image"),
    ],
    ids=["empty", "text", "png", "cut", "junk"],
)
def test_a_crop_that_is_no_jpeg_is_named_and_nothing_is_written(tmp_path, content, said):
    clip = write_numbered(tmp_path / "a.mp4", 20, Fraction(25))
    folder = fill(tmp_path / "a", [1, 6])
    (folder / "00006.jpg").write_bytes(content)
    with pytest.raises(UserError, match=rf"00006\.jpg cannot be read as a JPEG .*{said}.*unpack it again"):
        imported(tmp_path, clip, folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "a.mp4"]


def test_a_folder_without_a_crop_is_an_error(tmp_path):
    clip = write_numbered(tmp_path / "a.mp4", 5, Fraction(25))
    (fill(tmp_path / "a", []) / "1.jpg").touch()
    with pytest.raises(UserError, match=r"holds no crop such as 00001\.jpg"):
        imported(tmp_path, clip, tmp_path / "a")


def test_the_frame_level_model_reads_imported_faces(tmp_path):
    clip = write_numbered(tmp_path / "a.mp4", 25, Fraction(25))
    imported(tmp_path, clip, fill(tmp_path / "a", [1, 11, 21]))
    labels = {"sample": ["a"] * 25, "frame": range(1, 26), "expression": [3] * 20 + [None] * 5}
    truth = pa.table({k: list(v) for k, v in labels.items()})
    [crops] = labelled_crops("expr", [tmp_path / "faces.parquet"], [Part(["a"])], truth, side_px=224)
    assert [crops.jpegs.read(number) for number in range(len(crops))] == [jpeg(1), jpeg(11)]
    assert crops.labels["expr"].tolist() == [3, 3]
    torch.manual_seed(0)
    form = BackboneConfig.model_validate(DEFAULT["static"]["backbones"]["expr"] | {"input_px": 32})
    spec = StaticSpec.of(("expr",), form)
    embedder = make_embedder(StaticModel(spec).eval(), spec, torch.device("cpu"), threads=1)
    table = embed(embedder, spec, tmp_path / "faces.parquet", ["a"], torch.device("cpu"))
    assert table["frame"].to_pylist() == [1, 6, 11, 16, 21]
    assert np.abs(embedding_matrix(table)).sum(axis=1).astype(bool).tolist() == [True, False, True, False, True]


def test_a_track_of_a_variable_rate_keeps_its_frame_times_and_has_a_problem(tmp_path):
    ticks = [0, 3, 4, 5, 20, 21, 50, 51, 52, 90]
    clip = write_clip(tmp_path / "a.mp4", (numbered(k + 1) for k in range(10)), Fraction(30), pts=ticks)
    steady = write_numbered(tmp_path / "b.mp4", 10, Fraction(30))
    (tmp_path / "a.txt").write_text("valence,arousal\n" + "0,0\n" * 10)
    tracks = [
        Track(path.stem, path.stem, path, None, {"va": "val"}, {"va": tmp_path / "a.txt"}) for path in (clip, steady)
    ]
    corpus = write_small(tmp_path / "small", max_row_difference=0)
    table = index_split(Layout(tuple(tracks), {}, {}), "va", "val", corpus).tracks
    assert table.schema == SCHEMAS["tracks"]
    assert ["variable frame rate" in problems for problems in table["problems"].to_pylist()] == [True, False]
    uneven, even = rows_of(table)
    assert uneven.times_s().tolist() == pytest.approx([tick / 30 for tick in ticks])
    assert even.frame_times_s is None


@pytest.mark.workflow
def test_the_workflow_imports_the_crops_where_the_configuration_says_so(tmp_path):
    folder = copy_tree(tmp_path / "flow")
    settings = {"corpus": {"crops": "crops"}, "faces": {"source": "organisers"}}
    (folder / "organisers.yaml").write_text(yaml.safe_dump(settings))
    plan = ["-n", *SHRUNKEN, "organisers.yaml"]
    assert "corpus.crops is 'crops', which is not a folder" in snakemake(folder, *plan, check=False)
    demo = check_config(DEFAULT).demo.model_copy(update={"tracks": 10, "max_duration_s": 5.0})
    for track in plan_corpus(demo).tracks:
        fill(folder / "crops" / "cropped" / track.sample, [1])
    said = snakemake(folder, *plan)
    assert "rule import_crops:" in said
    assert "rule track_faces:" not in said
    assert "crops/cropped/video29_left, crops/cropped/video29_right" in said
