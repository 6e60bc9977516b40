"""The phase before fine-tuning: pictures of the corpora, faces cut out of them, both heads, and what is taken over."""

import io
import json
from fractions import Fraction
from functools import partial
from pathlib import Path

import corpora
import numpy as np
import pyarrow as pa
import pytest
import skimage.data
import torch
import yaml
from clips import number_of, write_numbered
from PIL import Image
from runs import copy_tree, snakemake

from abaw.config import FacesConfig, JointPhaseConfig
from abaw.faces.crop import decode_crop
from abaw.nn import checkpoint
from abaw.nn.resume import Resume
from abaw.pretraining.cropping import crop_faces
from abaw.pretraining.items import Item, items_table
from abaw.pretraining.pixels import read_pixels
from abaw.running.errors import UserError
from abaw.static import training
from abaw.static.crops import Crops, pretraining_crops
from abaw.static.feed import Batch, Feed, Jpegs
from abaw.static.learning import picture_loss
from abaw.static.model import StaticModel, start_from
from abaw.static.spec import StaticSpec
from abaw.static.training import predict_crops, train_static
from abaw.tables.files import read_table, write_table
from abaw.tables.schemas import SCHEMAS
from abaw.weights.cards import read_card

ROOT = Path(__file__).resolve().parents[2]
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
FACES = FacesConfig.model_validate(DEFAULT["faces"])
CPU = torch.device("cpu")
HAPPINESS, SADNESS = 4, 5


def rows_of(corpus: str, *items: Item) -> list[dict]:
    return items_table(corpus, items).to_pylist()


def cropped(corpus: str, *items: Item, raf_db_images: str = "original", **changes) -> list[np.ndarray | None]:
    settings = FACES.model_copy(update=changes)
    found = crop_faces(corpus, rows_of(corpus, *items), settings, raf_db_images, threads=1)
    return [None if row is None else decode_crop(row["crop"]) for row in found]


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    """A woman in a space suit, 512 px square; her face is about at 150 to 300, 70 to 220."""
    path = tmp_path_factory.mktemp("photo") / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(path)
    return path


def test_the_frame_shown_at_a_time_is_the_one_that_is_read(tmp_path):
    clip = write_numbered(tmp_path / "a.mp4", 60, Fraction(30000, 1001))
    frames = [59, 0, 17, 34]
    items = [Item(clip, time_s=k * 1001 / 30000, valence=0.0, arousal=0.0) for k in frames]
    found = {row["time_s"]: number_of(bgr) for row, bgr in read_pixels(rows_of("recola", *items), threads=1)}
    assert found == {item.time_s: k + 1 for item, k in zip(items, frames, strict=True)}
    late = rows_of("recola", Item(clip, time_s=9.0, valence=0.0, arousal=0.0))
    assert [number_of(bgr) for _, bgr in read_pixels(late, threads=1)] == [60]


def test_rows_of_both_kinds_of_tables_are_pictures(tmp_path):
    pixels = np.arange(48 * 48) % 251
    rows = [("emotion", "pixels"), (3, " ".join(["7"] * 48 * 48)), (4, " ".join(map(str, pixels)))]
    corpora.write_csv(tmp_path / "train.csv", rows)
    [(_, bgr)] = read_pixels(rows_of("fer", Item(tmp_path / "train.csv", row=2, expression=4)), threads=1)
    assert (bgr == pixels.reshape(48, 48, 1)).all()
    corpora.fer_parquet(tmp_path)
    items = [Item(tmp_path / "faces.parquet", row=row, expression=1) for row in (2, 1)]
    assert [bgr.shape for _, bgr in read_pixels(rows_of("fer", *items), threads=1)] == [(48, 48, 3)] * 2


@pytest.mark.parametrize(
    ("name", "content", "row", "said"),
    [
        ("a.jpg", b"", None, "is no image"),
        ("a.jpg", b"not a picture", None, "is no image"),
        ("gone.jpg", None, None, "cannot be read"),
        ("a.csv", b"emotion,pixels\n3,1 2 3\n", 1, "row 1: pixels has 3 values, expected 2304"),
        ("a.csv", b"emotion,pixels\n3,1 2 3\n", 2, "ends with row 1"),
        ("a.csv", b"emotion\n3\n", 1, "a column pixels"),
        ("a.parquet", b"PAR1", 1, "cannot be read as Parquet"),
    ],
)
def test_a_picture_that_is_none_is_a_sentence(tmp_path, name, content, row, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=said):
        list(read_pixels(rows_of("fer", Item(path, row=row, expression=1)), threads=1))


def test_a_box_of_a_face_is_cut_out_with_the_margin(photo):
    [face] = cropped("affectnet", Item(photo, box_px=(150, 70, 300, 220), expression=4))
    assert face.shape == (150 + 2 * FACES.margin_px, 150 + 2 * FACES.margin_px, 3)
    assert cropped("expw", Item(photo, box_px=(600, 600, 700, 700), expression=4)) == [None]


def test_without_a_box_the_detector_looks_for_the_face_and_may_find_none(photo, tmp_path):
    Image.fromarray(np.full((300, 300, 3), 120, np.uint8)).save(tmp_path / "wall.png")
    found = cropped("raf_db", Item(photo, expression=4), Item(tmp_path / "wall.png", expression=0))
    assert found[1] is None
    assert 60 < found[0].shape[0] < 300
    [of_body] = cropped("emotic", Item(photo, box_px=(50, 0, 400, 512), expression=4))
    assert 60 < of_body.shape[0] < 300


def test_faces_are_taken_whole_and_not_larger_than_any_network_takes_them(photo):
    for corpus in ("fer", "raf_db"):
        [face] = cropped(corpus, Item(photo, expression=4), raf_db_images="aligned", crop_side_px=240)
        assert face.shape == (240, 240, 3)


def jpeg(colour: tuple[int, int, int]) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(data, "JPEG", quality=95)
    return data.getvalue()


def crop_rows(*splits: str) -> pa.Table:
    rows = [
        {"corpus": "fer", "path": "a", "split": split, "crop": jpeg((9, 9, 9)), "expression": k % 7}
        for k, split in enumerate(splits)
    ]
    return pa.Table.from_pylist(rows, SCHEMAS["pretraining_crops"])


def test_every_tenth_face_validates_where_no_corpus_has_a_validation_split(tmp_path):
    path = tmp_path / "fer.parquet"
    write_table("pretraining_crops", crop_rows(*["train"] * 20, "test"), path)
    train, val = pretraining_crops([path], 32)
    assert (len(train), val.labels["expr"].tolist()) == (18, [9 % 7, 19 % 7])
    write_table("pretraining_crops", crop_rows("train", "val", "train"), path)
    assert [len(part) for part in pretraining_crops([path], 32)] == [2, 1]
    write_table("pretraining_crops", crop_rows("val"), path)
    with pytest.raises(UserError, match="hold 0 faces for training and 1 for validation"):
        pretraining_crops([path], 32)


def phase(**changes: object) -> JointPhaseConfig:
    static = DEFAULT["static"]
    form = static["backbones"]["expr"] | {"input_px": 32}
    own = {name: value for name, value in static["pretraining"].items() if name != "enabled"}
    training = own["training"] | {"epochs": 3, "batch_size": 8, "learning_rate": 0.0005, "weight_decay": 0.0}
    own |= {"augmentation": "none", "class_weights": "inverse"}
    own["training"] = training | {"keep": "best", "ema_decay": None}
    return JointPhaseConfig.model_validate(own | form | changes)


def coloured(n: int, valued: bool) -> Crops:
    """Reddish faces are happy and pleased, bluish ones sad and displeased; values where `valued`, else classes."""
    noise = np.random.default_rng(n).integers(0, 60, (n, 3))
    red = np.arange(n) % 2 == 0
    colours = noise + np.where(red[:, None], (180, 0, 0), (0, 0, 180))
    classes = np.where(red, HAPPINESS, SADNESS).astype(float)
    values = np.where(red, 0.8, -0.8)[:, None] * [1.0, 0.5]
    unknown = np.full(n, np.nan)
    return Crops(
        Jpegs.of((jpeg(tuple(colour)) for colour in colours.tolist()), 32),
        {
            "va": values if valued else np.column_stack([unknown, unknown]),
            "expr": unknown if valued else classes,
        },
    )


def joined(first: Crops, second: Crops) -> Crops:
    labels = {task: np.concatenate([first.labels[task], second.labels[task]]) for task in first.labels}
    return Crops(Jpegs.of((part.jpegs.read(n) for part in (first, second) for n in range(len(part))), 32), labels)


@pytest.mark.slow
def test_both_heads_learn_from_corpora_that_have_one_kind_of_label_each():
    torch.manual_seed(0)
    train = joined(coloured(24, valued=True), coloured(24, valued=False))
    val = joined(coloured(10, valued=True), coloured(10, valued=False))
    longer = phase(training=phase().training.model_dump() | {"epochs": 16, "learning_rate": 0.002})
    model, spec, history = train_static(train, val, longer, 1, CPU)
    assert spec.tasks == ("va", "expr")
    kept = history.epochs[history.best_epoch - 1]
    assert history.measure == "mean_measure"
    assert kept["mean_measure"] == pytest.approx((kept["ccc_mean"] + kept["f1_macro"]) / 2)
    assert kept["accuracy"] > 0.8
    assert kept["ccc_mean"] > 0.6
    outputs = predict_crops(model, val, spec, CPU)
    found = outputs["expr"][10:].argmax(axis=1)  # those with a class
    assert np.mean(found == val.labels["expr"][10:]) == pytest.approx(kept["accuracy"])


def test_a_head_without_any_label_stays_as_it_was_and_absent_classes_do_no_harm():
    torch.manual_seed(0)
    before = StaticModel(StaticSpec.of(("va", "expr"), phase())).heads["va"].state_dict()
    torch.manual_seed(0)
    one = phase(training=phase().training.model_dump() | {"epochs": 1})
    model, _, history = train_static(coloured(16, valued=False), coloured(6, valued=False), one, 1, CPU)
    assert history.measure == "f1_macro"
    assert np.isfinite(history.epochs[0]["train_loss"])
    for name, tensor in model.heads["va"].state_dict().items():
        assert torch.equal(tensor, before[name])
    with pytest.raises(UserError, match="none of 6 validation images has a label of expr"):
        train_static(coloured(16, valued=False), coloured(6, valued=True), one, 1, CPU)


def test_a_network_learns_from_smaller_pictures_than_it_is_judged_by(monkeypatch):
    sides, forward = set(), StaticModel.forward

    def watched(self: StaticModel, images: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        sides.add((self.training, images.shape[-1]))
        return forward(self, images)

    monkeypatch.setattr(StaticModel, "forward", watched)
    one = phase(input_px=64, learning_scale=0.75, training=phase().training.model_dump() | {"epochs": 1})
    _, spec, _ = train_static(coloured(16, valued=False), coloured(6, valued=False), one, 1, CPU)
    assert spec.input_px == 64
    assert {side for learns, side in sides if learns} == {48}
    assert (False, 64) in sides


def test_a_backbone_that_takes_one_size_says_that_it_cannot_be_shown_another(monkeypatch):
    monkeypatch.setattr(training, "load_backbone_weights", lambda model, settings: None)
    vit = phase(backbone="vit_tiny_patch16_224.augreg_in21k_ft_in1k", weights="hub", input_px=224)
    for own in ({"learning_scale": 0.5}, {"learning_scale": 1.0, "input_scales": [1.0, 0.5]}):
        with pytest.raises(UserError, match=r"vit_tiny.* cannot be shown pictures of 112 px .*set learning_scale to 1"):
            train_static(coloured(4, valued=False), coloured(2, valued=False), vit.model_copy(update=own), 1, CPU)


class Killed(Resume):
    """A state after which the process dies, in the second epoch."""

    def save(self, training: dict) -> None:
        if len(training["epochs"]) == 2:
            raise KeyboardInterrupt
        super().save(training)


def test_a_killed_pre_training_ends_with_the_same_weights_as_an_undisturbed_one(tmp_path):
    train, val = joined(coloured(10, valued=True), coloured(10, valued=False)), coloured(6, valued=False)
    settings = phase(augmentation="strong", mixup=0.2, training=phase().training.model_dump() | {"epochs": 3})

    def run(resume: Resume | None) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        return train_static(train, val, settings, 1, CPU, resume)[0].state_dict()

    undisturbed = run(None)
    with pytest.raises(KeyboardInterrupt):
        run(Killed(tmp_path / "resume.pt", "this"))
    found = run(Resume(tmp_path / "resume.pt", "this"))
    assert [name for name, tensor in undisturbed.items() if not torch.equal(tensor, found[name])] == []


def test_one_thread_or_four_that_decode_end_with_the_same_weights(monkeypatch):
    """Where pictures are not kept decoded, as all of AffWild2's cannot be."""
    monkeypatch.setattr(training, "Feed", partial(Feed, held_bytes=0))
    train, val = joined(coloured(22, valued=True), coloured(20, valued=False)), coloured(6, valued=False)
    settings = phase(augmentation="paper", training=phase().training.model_dump() | {"epochs": 2})

    def run(threads: int) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        return train_static(train, val, settings, 1, CPU, decoding_threads=threads)[0].state_dict()

    one, four = run(1), run(4)
    assert [name for name, tensor in one.items() if not torch.equal(tensor, four[name])] == []


def test_fine_tuning_starts_from_the_pre_trained_weights_and_from_no_others(tmp_path):
    torch.manual_seed(0)
    spec = StaticSpec.of(("va", "expr"), phase())
    model, files = StaticModel(spec), (tmp_path / "model.safetensors", tmp_path / "card.json")
    checkpoint.save(model, spec.as_card(), *files)
    card = read_card(files[1])
    for task in spec.tasks:
        own = StaticSpec.of((task,), phase())
        tuned = StaticModel(own)
        start_from(tuned, own, files[0], card)
        assert all(torch.equal(tensor, model.state_dict()[name]) for name, tensor in tuned.state_dict().items())
        assert f"heads.{task}.0.weight" in tuned.state_dict()
    other = StaticSpec.of(("va",), phase(backbone="efficientnet_b0.ra_in1k"))
    with pytest.raises(UserError, match="with heads for va, expr, expected efficientnet_b0"):
        start_from(StaticModel(other), other, files[0], card)
    with pytest.raises(UserError, match="with heads for va, expected"):
        start_from(tuned, own, files[0], card | {"tasks": ["va"]})
    with pytest.raises(UserError, match="but its card says"):
        start_from(tuned, own, files[0], card | {"sha256": "0" * 64})


MINE = """
static:
  backbones: {va: {input_px: 32}, expr: {input_px: 32}}
  pretraining: {training: {epochs: 1, batch_size: 4}}
pretraining: {fer_labels: labels, roots: {fer: fer, affectnet: affectnet}}
"""


@pytest.mark.workflow
def test_the_workflow_pre_trains_once_on_the_corpora_that_are_named(tmp_path):
    folder, target = copy_tree(tmp_path / "flow"), "results/static/pretraining/tf_efficientnet_lite0.in1k/card.json"
    tuned = "results/static/expr/tf_efficientnet_lite0.in1k/card.json"
    corpora.fer(folder / "fer")
    corpora.affectnet(folder / "affectnet")
    for path in (folder / "affectnet").rglob("*.jpg"):
        Image.fromarray(skimage.data.astronaut()).save(path)
    (folder / "mine.yaml").write_text(MINE)
    mine = ["--configfile", "mine.yaml"]
    snakemake(folder, target, "--cores", "1", *mine)
    card = json.loads((folder / target).read_text())
    assert card["tasks"] == ["va", "expr"]
    assert card["outputs"][:3] == ["valence", "arousal", "neutral"]
    made = folder / "results" / "corpus" / "pretraining"
    crops = {name: read_table("pretraining_crops", made / f"{name}.parquet") for name in card["corpora"]}
    assert card["corpora"] == {name: len(table) for name, table in crops.items()}
    assert crops["affectnet"]["valence"].null_count < len(crops["affectnet"])
    assert crops["fer"]["valence"].null_count == len(crops["fer"])

    (folder / "longer.yaml").write_text("static: {every_nth: 2, training: {epochs: 3}}")
    said = snakemake(folder, "-n", tuned, *mine, "longer.yaml")
    assert "rule train_static" in said
    assert "results/static/pretraining/tf_efficientnet_lite0.in1k/model.safetensors" in said  # an input
    assert "rule pretrain_static" not in said
    (folder / "other.yaml").write_text("static: {pretraining: {training: {epochs: 2}}}")
    said = snakemake(folder, "-n", target, *mine, "other.yaml")
    assert "rule pretrain_static" in said
    assert "rule crop_pretraining" not in said
    (folder / "off.yaml").write_text("static: {pretraining: {enabled: false}}")
    assert "pretrain_static" not in snakemake(folder, "-n", tuned, *mine, "off.yaml")
    (folder / "results/static/pretraining").rename(folder / "kept")
    (folder / "former.yaml").write_text("static: {pretraining: {weights: kept}}")
    said = snakemake(folder, "-n", tuned, *mine, "former.yaml")
    assert "kept/tf_efficientnet_lite0.in1k/model.safetensors" in said  # an input
    assert "rule pretrain_static" not in said
    assert "rule crop_pretraining" not in said


def test_mixed_pictures_have_the_losses_of_both_by_their_shares(monkeypatch):
    """A model that says of each picture how bright it is, so that the loss of what it saw is known."""
    shares = []

    def share(self: torch.distributions.Beta) -> torch.Tensor:
        shares.append(torch.tensor(0.25))
        return shares[-1]

    monkeypatch.setattr(torch.distributions.Beta, "sample", share)
    spec = StaticSpec(("va",), "none", 2, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), dropout=0.0, drop_path=0.0)
    seen = []

    def brightness(images: torch.Tensor) -> tuple[None, dict[str, torch.Tensor]]:
        seen.append(images.mean(dim=(1, 2, 3)))
        return None, {"va": seen[-1][:, None].expand(-1, 2)}

    labels = {"va": np.array([[0.0, 0.0], [1.0, 1.0]])}
    loss = picture_loss(brightness, spec, labels, phase(augmentation="none", mixup=0.4, va_loss="rmse"), CPU)
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 2, 2, 3)
    found = {round(loss(Batch(torch.arange(2), pixels)).item(), 5): seen[-1].tolist() for _ in range(20)}
    swapped = {brightness[0]: value for value, brightness in found.items()}
    assert set(swapped) == {0.0, 0.75}  # each with itself, or with the other
    assert swapped[0.0] == pytest.approx(0, abs=1e-4)
    assert swapped[0.75] == pytest.approx(0.25 * 0.75 + 0.75 * 0.25)
    assert len(shares) == 20
