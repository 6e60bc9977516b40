"""The ten pre-training corpora: what their distributed forms become, the switches, the splits, the real FER2013."""

import io
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

import corpora
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from runs import copy_tree, snakemake

from abaw.config import PretrainingConfig
from abaw.pretraining.items import Item
from abaw.pretraining.registry import CORPORA, label_files, present, read_corpora
from abaw.running.errors import UserError
from abaw.tables.files import read_table, write_table

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["pretraining"]
NEUTRAL, ANGER, DISGUST, FEAR, HAPPINESS, SADNESS, SURPRISE, OTHER = range(8)


def settings(roots: dict[str, str] | None = None, **changes: object) -> PretrainingConfig:
    raw = DEFAULT | {"roots": DEFAULT["roots"] | (roots or {})} | changes
    return PretrainingConfig.model_validate(raw)


def read(name: str, root: Path, **changes: object) -> list[Item]:
    return CORPORA[name].read(root, settings(**changes))


def expressions(items: list[Item]) -> dict[str, int | None]:
    return {item.path.name: item.expression for item in items}


def strides(**changes: int) -> dict[str, int]:
    return DEFAULT["strides"] | changes


def test_recola_in_the_authors_form_takes_every_eighth_frame_that_has_a_label(tmp_path):
    corpora.recola(tmp_path)
    items = read("recola", tmp_path)
    found = [(item.path.name, item.subject, item.time_s, item.valence, item.arousal) for item in items]
    assert found == [
        ("P16.mp4", "P16", 0.0, -0.5, -0.25),
        ("P16.mp4", "P16", 0.32, -0.468, -0.234),
        ("P16.mp4", "P16", 0.64, -0.436, -0.218),
        ("P16.mp4", "P16", 0.96, -0.404, -0.202),
        ("P17.mp4", "P17", 0.0, -0.4, -0.2),
        ("P17.mp4", "P17", 0.32, -0.368, -0.184),
        ("P17.mp4", "P17", 0.64, -0.336, -0.168),
        ("P17.mp4", "P17", 0.96, -0.304, -0.152),
    ]
    assert all(item.expression is None and item.box_px is None and item.row is None for item in items)


def test_native_recola_is_the_mean_of_six_raters_whose_names_end_in_spaces(tmp_path):
    corpora.recola_native(tmp_path)
    items = read("recola", tmp_path, strides=strides(recola=10))
    assert [item.time_s for item in items] == [0.0, 0.4, 0.8]
    assert [item.valence for item in items] == pytest.approx([0.25, 0.35, 0.45])
    assert [item.arousal for item in items] == pytest.approx([-0.25, -0.35, -0.45])


def test_sewa_and_semaine_take_every_17th_frame_in_rounded_time(tmp_path):
    corpora.sewa(tmp_path / "sewa")
    corpora.semaine(tmp_path / "semaine")
    sewa, semaine = (read(name, tmp_path / name) for name in ("sewa", "semaine"))
    assert [(item.path.name, item.time_s) for item in sewa[3:5]] == [("SEW1101.avi", 1.02), ("SEW1102.mp4", 0.0)]
    assert sewa[3].valence == pytest.approx(-0.398)
    assert [item.time_s for item in semaine] == pytest.approx([17 * k * 1001 / 30000 for k in range(4)])
    assert [item.valence for item in semaine] == pytest.approx([-0.5, -0.443, -0.387, -0.33])


def test_native_sewa_covers_its_video_evenly_and_has_raters_of_three_kinds(tmp_path):
    corpora.sewa_native(tmp_path)
    items = read("sewa", tmp_path)
    assert [item.time_s for item in items] == pytest.approx([0.34, 0.68, 1.02])  # the first row stands at 0.01 s
    assert [item.valence for item in items] == pytest.approx([0.165, 0.335, 0.505])
    assert [item.arousal for item in items] == pytest.approx([-0.165, -0.335, -0.505])
    heard = read("sewa", tmp_path, sewa_rated="A", sewa_scale=2.0)
    assert [item.valence for item in heard] == pytest.approx([0.165 / 4, 0.335 / 4, 0.505 / 4])


def test_the_avec_form_of_sewa_has_rows_of_100_ms(tmp_path):
    corpora.sewa_avec(tmp_path)
    items = read("sewa", tmp_path)
    assert [(item.subject, item.time_s) for item in items] == [
        (name, time) for name in ("Devel_HU_02", "Train_DE_01") for time in (0.0, 0.34, 0.68)
    ]
    assert [item.valence for item in items[:3]] == pytest.approx([0, 0.34, 0.68])
    assert [item.arousal for item in items[:3]] == pytest.approx([0, -0.34, -0.68])


def test_the_avec_form_of_semaine_says_its_times(tmp_path):
    corpora.semaine_avec(tmp_path)
    items = read("semaine", tmp_path)
    assert [(item.subject, item.time_s) for item in items[:2]] == [("session3", 0.34), ("session3", 0.68)]
    assert len(items) == 2 * 3
    assert [item.valence for item in items[:3]] == pytest.approx([-0.66, -0.32, 0.02])
    assert [item.arousal for item in items[:3]] == pytest.approx([-0.33, -0.16, 0.01])


def test_native_semaine_is_the_mean_of_its_raters_over_the_time_that_all_have(tmp_path):
    corpora.semaine_native(tmp_path)
    items = read("semaine", tmp_path)
    assert {item.path.name for item in items} == {"2008.12.05.16.03.15_User Frontal Colour_Poppy.avi"}
    assert [item.time_s for item in items] == pytest.approx([0, 0.34, 0.68])  # the shorter trace ends at 0.78 s
    assert [item.valence for item in items] == pytest.approx([-0.5, -0.16, 0.18])
    assert [item.arousal for item in items] == pytest.approx([0.5, 0.16, -0.18])


def test_a_combined_trace_belongs_to_the_video_in_the_folder_of_its_session(tmp_path):
    corpora.semaine_avec(tmp_path)
    for number in (3, 4):
        session = tmp_path / "Sessions" / str(number)
        session.mkdir(parents=True)
        (tmp_path / "TrainingInput" / str(number) / f"session{number}.avi").rename(session / f"User{number}.avi")
    assert {item.path.name for item in read("semaine", tmp_path)} == {"User3.avi", "User4.avi"}


def test_afew_va_divides_by_ten(tmp_path):
    corpora.afew_va(tmp_path)
    items = read("afew_va", tmp_path)
    assert len(items) == 20
    assert (items[6].path.relative_to(tmp_path).as_posix(), items[6].valence, items[6].arousal) == (
        "data/004/00000.png",
        0.4,
        -0.4,
    )


def test_affectnet_maps_its_classes_and_nulls_its_minus_two(tmp_path):
    corpora.affectnet(tmp_path)
    items = read("affectnet", tmp_path)
    assert expressions(items) == {
        "image0.jpg": NEUTRAL,
        "image1.jpg": HAPPINESS,
        "image2.jpg": SADNESS,
        "image3.jpg": SURPRISE,
        "image4.jpg": FEAR,
        "image5.jpg": DISGUST,
        "image6.jpg": ANGER,
        "image7.jpg": OTHER,
        "IMAGE.JPEG": HAPPINESS,
        "sad.png": SADNESS,
    }
    assert (items[8].valence, items[8].arousal) == (None, None)
    assert (items[1].valence, items[1].arousal, items[1].box_px) == (0.1, -0.1, (10, 20, 40, 60))
    last = items[-1]  # the only line of a csv without a header
    assert (last.split, last.valence, last.arousal, last.box_px) == ("val", -0.694444, 0.099206, (5, 6, 12, 14))
    assert {item.split for item in items[:-1]} == {"train"}


def test_affectnet_as_arrays(tmp_path):
    corpora.affectnet_npy(tmp_path)
    found = [
        (item.path.relative_to(tmp_path).as_posix(), item.split, item.expression, item.valence, item.arousal)
        for item in read("affectnet", tmp_path)
    ]
    assert found == [
        ("train_set/images/0.jpg", "train", ANGER, -0.5, 0.75),
        ("train_set/images/12.jpg", "train", OTHER, -0.25, 0.5),
        ("val_set/images/3.jpg", "val", HAPPINESS, 1.0, 0.0),
    ]
    assert [item.path.name for item in read("affectnet", tmp_path, contempt="drop")] == ["0.jpg", "3.jpg"]


def test_savee_reads_the_longest_code_and_splits_by_speaker(tmp_path):
    corpora.savee(tmp_path)
    items = read("savee", tmp_path)
    assert expressions([item for item in items if item.subject == "DC"]) == {
        "a01.avi": ANGER,
        "d02.avi": DISGUST,
        "f03.avi": FEAR,
        "h04.avi": HAPPINESS,
        "n30.avi": NEUTRAL,
        "sa01.avi": SADNESS,
        "su15.avi": SURPRISE,
    }
    assert [item.time_s for item in items[:3]] == pytest.approx([0, 1 / 3, 2 / 3])
    # the authors' seed gives the order JK, JE, DC, KL
    assert {item.subject: item.split for item in items} == {"JE": "train", "JK": "train", "DC": "val", "KL": "test"}


@pytest.mark.parametrize("name", ["Annotations.mat", "CVPR17_Annotations.mat"])
def test_emotic_takes_single_people_and_the_basic_six_first(tmp_path, name):
    corpora.emotic(tmp_path, name)
    items = {item.path.name: item for item in read("emotic", tmp_path)}
    assert {key: (item.split, item.expression) for key, item in items.items()} == {
        "one.jpg": ("train", NEUTRAL),
        "basic.jpg": ("train", FEAR),
        "nan.jpg": ("train", ANGER),
        "contempt.jpg": ("train", OTHER),
        "several.jpg": ("val", SADNESS),
        "only.jpg": ("test", DISGUST),
    }
    assert (items["one.jpg"].valence, items["one.jpg"].arousal) == (0.0, -1.0)
    assert (items["nan.jpg"].valence, items["nan.jpg"].arousal) == (None, -1.0)
    assert (items["contempt.jpg"].valence, items["contempt.jpg"].arousal) == (-1.0, 1.0)
    assert items["several.jpg"].valence == pytest.approx(-2.5 / 4.5)
    assert items["several.jpg"].box_px == (-5, 0, 50.5, 60)


def test_emotic_can_combine_annotators_and_drop_contempt(tmp_path):
    corpora.emotic(tmp_path)
    found = read("emotic", tmp_path, emotic_annotations="combined", contempt="drop")
    items = {item.path.name: item for item in found}
    assert "contempt.jpg" not in items
    assert (items["several.jpg"].expression, items["none.jpg"].expression) == (SURPRISE, FEAR)
    assert items["several.jpg"].arousal == pytest.approx(1 / 4.5)


def test_expw_takes_face_0_or_all(tmp_path):
    corpora.expw(tmp_path)
    first, every = read("expw", tmp_path), read("expw", tmp_path, expw_faces="all")
    assert [item.expression for item in first[:7]] == [ANGER, DISGUST, FEAR, HAPPINESS, SADNESS, SURPRISE, NEUTRAL]
    assert [item.box_px for item in every[7:]] == [(2, 1, 11, 12), (30, 5, 45, 20)]
    assert (len(first), len(every)) == (8, 9)
    assert every[7].split == every[8].split  # one image is in one split


VOTED = {1: NEUTRAL, 2: HAPPINESS, 6: OTHER, 8: SURPRISE, 9: SADNESS, 10: ANGER, 11: DISGUST, 12: FEAR}


def test_fer_plus_takes_the_class_with_most_votes_and_drops_what_has_none(tmp_path):
    corpora.fer(tmp_path)
    items = read("fer", tmp_path)
    assert {item.row: item.expression for item in items} == VOTED
    assert {item.path.name for item in items} == {"fer2013.csv"}
    assert [item.split for item in items] == ["train"] * 3 + ["val"] * 2 + ["test"] * 3
    assert [item.row for item in read("fer", tmp_path, contempt="drop")] == [1, 2, 8, 9, 10, 11, 12]
    assert {item.split for item in read("fer", tmp_path, splits="authors")} == {"train"}


def test_fer_plus_as_folders_of_images_says_the_same(tmp_path):
    corpora.fer_folders(tmp_path)
    found = {item.path.name: (item.expression, item.split) for item in read("fer", tmp_path)}
    corpora.fer(tmp_path)
    beside = read("fer", tmp_path)
    assert found == {f"fer{item.row - 1:07}.png": (item.expression, item.split) for item in beside}


def test_fer_2013_has_its_own_labels_in_three_forms(tmp_path):
    for name, write in (("csv", corpora.fer), ("kaggle", corpora.fer_kaggle), ("parquet", corpora.fer_parquet)):
        write(tmp_path / name)
    own = [ANGER, DISGUST, FEAR, HAPPINESS, SADNESS, SURPRISE, NEUTRAL]
    table = read("fer", tmp_path / "csv", fer_labels="labels")
    assert [item.expression for item in table] == own + own[:5]
    assert [item.row for item in table] == list(range(1, 13))
    kaggle = read("fer", tmp_path / "kaggle", fer_labels="labels")
    assert [(item.path.name, item.row, item.expression, item.split) for item in kaggle] == [
        ("train.csv", 1, HAPPINESS, "train"),
        ("train.csv", 2, NEUTRAL, "train"),
    ]
    parquet = read("fer", tmp_path / "parquet", fer_labels="labels")
    assert [(item.row, item.expression, item.split) for item in parquet] == [
        (1, ANGER, "train"),
        (2, HAPPINESS, "val"),
    ]


def test_raf_db_original_or_aligned_official_or_drawn(tmp_path):
    corpora.raf_db(tmp_path)
    items = read("raf_db", tmp_path)
    own = [SURPRISE, FEAR, DISGUST, HAPPINESS, SADNESS, ANGER, NEUTRAL]
    assert [item.expression for item in items] == [*own, SURPRISE, HAPPINESS, NEUTRAL]
    assert [item.split for item in items] == ["train"] * 7 + ["test"] * 3
    assert items[0].path == tmp_path / "Image" / "original" / "train_00001.jpg"
    aligned = read("raf_db", tmp_path, raf_db_images="aligned", splits="authors")
    assert aligned[0].path == tmp_path / "Image" / "aligned" / "train_00001_aligned.jpg"
    assert Counter(item.split for item in aligned) == {"train": 8, "val": 1, "test": 1}


def test_drawn_splits_keep_groups_whole_and_follow_the_seed(tmp_path):
    corpora.afew_va(tmp_path)

    def drawn(seed: int) -> dict[str, set[str]]:
        splits = defaultdict(set)
        for item in read("afew_va", tmp_path, split_seed=seed):
            splits[item.path.parent.name].add(item.split)
        return splits

    first = drawn(1)
    assert first == drawn(1) != drawn(2)
    assert Counter(tuple(found) for found in first.values()) == {("train",): 8, ("val",): 1, ("test",): 1}


def test_any_subset_becomes_one_table_that_is_the_same_each_time(tmp_path):
    roots = corpora.write_all(tmp_path / "all")
    table = read_corpora(settings(roots))
    assert list(dict.fromkeys(table["corpus"].to_pylist())) == list(CORPORA)
    for column in ("valence", "arousal"):
        assert all(-1 <= value <= 1 for value in table[column].drop_null().to_pylist())
    assert all(Path(path).is_file() for path in table["path"].to_pylist())
    assert all(path.exists() for path in label_files(settings(roots)))
    some = {name: roots[name] for name in ("expw", "recola")}
    assert Counter(read_corpora(settings(some))["corpus"].to_pylist()) == {"recola": 8, "expw": 8}
    for name in ("a", "b"):
        write_table("pretraining", read_corpora(settings(roots)), tmp_path / f"{name}.parquet")
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_table("pretraining", tmp_path / "a.parquet").equals(table)


def test_no_corpus_or_a_wrong_root_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"no pre-training corpus is configured; set one or more of"):
        present(settings())
    with pytest.raises(UserError, match=r"pretraining\.roots\.expw is .*which is not a folder"):
        present(settings({"expw": str(tmp_path / "nowhere")}))


@pytest.mark.parametrize("name", CORPORA)
def test_an_empty_root_is_a_sentence_that_names_it(tmp_path, name):
    with pytest.raises(UserError, match=rf"^{name}.*{tmp_path}"):
        read(name, tmp_path)


def command(roots: dict[str, str], output: Path) -> subprocess.CompletedProcess[str]:
    script = ROOT / "workflow" / "scripts" / "pretraining" / "index_pretraining.py"
    arguments = ["--settings", settings(roots).model_dump_json(), "--output", str(output)]
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src")},
        check=False,
    )


def test_the_command_writes_the_table_or_nothing(tmp_path):
    corpora.raf_db(tmp_path / "raf_db")
    corpora.expw(tmp_path / "expw")
    roots = {name: str(tmp_path / name) for name in ("raf_db", "expw")}
    done = command(roots, tmp_path / "out" / "good.parquet")
    assert done.returncode == 0, done.stderr
    assert "18 items, 0 with valence, 18 with an expression" in done.stdout
    assert len(read_table("pretraining", tmp_path / "out" / "good.parquet")) == 18

    label_file = tmp_path / "expw" / "label" / "label.lst"
    label_file.write_text("party.jpg 0 1 2 11 12 99.0 9\n")
    done = command(roots, tmp_path / "out" / "bad.parquet")
    assert done.returncode == 1
    assert done.stderr == f"error: {label_file}, line 1: the label is '9', expected one of 0, 1, 2, 3, 4, 5, 6\n"
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.parquet"]


@pytest.mark.workflow
def test_the_workflow_makes_the_table_and_says_where_no_corpus_is_configured(tmp_path):
    folder, target = copy_tree(tmp_path / "flow"), "results/corpus/pretraining.parquet"
    mine = ["--configfile", "mine.yaml"]
    assert "no pre-training corpus is configured; set one or more of" in snakemake(folder, "-n", target, check=False)
    corpora.expw(folder / "expw")
    (folder / "mine.yaml").write_text("pretraining: {roots: {expw: expw}}\n")
    snakemake(folder, target, "--cores", "1", *mine)
    assert len(read_table("pretraining", folder / target)) == 8
    again = snakemake(folder, target, "-n", *mine)
    assert "Nothing to be done" in again
    with (folder / "expw" / "label" / "label.lst").open("a") as handle:
        handle.write("party.jpg 2 1 2 11 12 99.0 3\n")
    assert "rule index_pretraining" in snakemake(folder, target, "-n", *mine)


def test_the_real_fer_2013_has_its_counts_and_its_images_decode(shared):
    folder = shared / "media" / "fer2013"
    if not folder.is_dir():
        pytest.skip("needs FER2013 in ../shared/media/fer2013")
    items = read("fer", folder, fer_labels="labels")
    assert Counter(item.split for item in items) == {"train": 9000, "val": 1500}
    assert Counter(item.expression for item in items if item.split == "train") == {
        NEUTRAL: 1578,
        ANGER: 1271,
        DISGUST: 129,
        FEAR: 1252,
        HAPPINESS: 2219,
        SADNESS: 1527,
        SURPRISE: 1024,
    }
    images = pq.read_table(items[0].path, columns=["jpeg"])["jpeg"]
    for item in items[::250]:
        image = Image.open(io.BytesIO(images[item.row - 1].as_py()))
        image.load()
        assert (image.size, image.mode) == ((48, 48), "L")
