"""The ten pre-training corpora in the form they are distributed in, a few items each; every value is made up.

Each function writes one form into a folder; the numbers are chosen for the tests that read them.
"""

import csv
import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from clips import write_numbered
from PIL import Image
from scipy.io import savemat

DIMENSIONS = ("arousal", "valence")


def write_text(path: Path, lines: Iterable[str], end: str = "\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode())
    return path


def write_csv(path: Path, rows: Iterable[Sequence[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as handle:
        csv.writer(handle).writerows(rows)
    return path


def write_image(path: Path, size: int = 8) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (size, size), 128).save(path)
    return path


def write_video(path: Path, n_frames: int, fps: Fraction) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_numbered(path, n_frames, fps, codec="mpeg4")


def gold(root: Path, prefix: str, names: Sequence[str], seconds: float, end: str = "\n") -> None:
    """The authors' two files: valence rises by 0.001 each 0.01 s from -0.5 (+0.1 a name), arousal is half of it."""
    for dimension, factor in (("valence", 1), ("arousal", 0.5)):
        lines = ["name,label"]
        for index, name in enumerate(names):
            for step in range(round(100 * seconds)):
                lines.append(f"{name}_{step / 100:.2f},{factor * (-0.5 + 0.1 * index + 0.001 * step):.6f}")
        write_text(root / f"{prefix}_labels_{dimension}_100Hz_gold_shifted.csv", lines, end)


def recola(root: Path) -> None:
    """The authors' form: REC0016 is P16; labels end before the video does."""
    gold(root, "REC", ["REC0016", "REC0017"], 1.0)
    for name in ("P16", "P17"):
        write_video(root / "RECOLA_Video_recordings" / f"{name}.mp4", 50, Fraction(25))


def recola_native(root: Path) -> None:
    """Six raters, all but the last with a trailing space after their name in the header, every 0.04 s."""
    for dimension, sign in (("valence", 1), ("arousal", -1)):
        lines = ["time;FM1 ;FM2 ;FM3 ;FF1 ;FF2 ;FF3"]
        for step in range(25):
            values = ";".join(f"{sign * (0.01 * step + 0.1 * rater):.2f}" for rater in range(6))
            lines.append(f"{step * 0.04:.2f};{values}")
        write_text(root / "RECOLA-Annotation" / "emotional_behaviour" / dimension / "P16.csv", lines, "\r\n")
    write_video(root / "RECOLA-Video-recordings" / "P16.mp4", 50, Fraction(25))


def sewa(root: Path) -> None:
    gold(root, "SEW", ["SEW1101", "SEW1102"], 2.0, "\r\n")
    write_video(root / "Original" / "videos" / "SEW1101.avi", 60, Fraction(50))
    write_video(root / "Original" / "videos" / "SEW1102.mp4", 60, Fraction(50))


def semaine(root: Path) -> None:
    """A frame rate that is no divisor of 100 Hz: the times are rounded."""
    gold(root, "SEM", ["SEM25"], 2.0)
    write_video(root / "SEMAINE_videos" / "SEM25.avi", 60, Fraction(30000, 1001))


def sewa_native(root: Path) -> None:
    """Fifty rows a second; valence rises from 0 by 0.01 a row, arousal is its negative; raters of three kinds."""
    recording = "SSL_C2_S055_P109_VC1_004803_005542"
    folder = root / "SEWAv02" / recording
    for dimension, sign in (("Valence", 1), ("Arousal", -1), ("Liking", 0.5)):
        for rated, share in (("A", 0.5), ("V", 0.25), ("AV", 1)):
            lines = [dimension.lower(), *(f"{sign * share * 0.01 * step:.4f}" for step in range(60))]
            write_text(folder / f"{recording}_{dimension}_{rated}_Aligned.csv", lines, "\r\n")
    write_video(folder / f"{recording}.avi", 60, Fraction(50))


def sewa_avec(root: Path) -> None:
    """Rows of 100 ms; valence rises by 0.1 a row from 0, arousal is its negative."""
    for name in ("Train_DE_01", "Devel_HU_02"):
        rows = (f"'{name}';{step / 10:.1f};{-step / 10:.1f};{step / 10:.1f};0.0" for step in range(10))
        write_text(root / "labels" / f"{name}.csv", ["name;timeStamp;arousal;valence;liking", *rows])
        write_video(root / "video" / f"{name}.mp4", 60, Fraction(50))


def semaine_native(root: Path) -> None:
    """Two raters of the user, one shorter; a trace of the operator and one of power; several videos."""
    folder = root / "sessions" / "2"
    for rater, shift, rows in (("R1", 0.1, 50), ("A2", -0.1, 40)):
        for letter, factor in (("V", 1), ("A", -1)):
            times = [0.02 * step for step in range(rows)]
            traced = [f"{time:.4f} {factor * (time - 0.5) + shift:.4f}" for time in times]
            write_text(folder / f"{rater}S2TUCPoD{letter}.txt", traced, " \r\n")
    write_text(folder / "R1S2TUCPoDP.txt", ["0.0 0.9"])
    write_text(folder / "R1S2TOCPoDV.txt", ["0.0 0.9"])
    write_text(folder / "alignedTranscript_2.txt", ["words"])
    for camera in ("User Frontal Colour", "User Profile BlackWhite", "Operator Frontal Colour"):
        write_video(folder / f"2008.12.05.16.03.15_{camera}_Poppy.avi", 60, Fraction(50))


def semaine_avec(root: Path) -> None:
    """A column of times every 0.02 s from 0.1; valence is the time in seconds less one, arousal half of it."""
    for number in (3, 4):
        times = [0.1 + 0.02 * step for step in range(50)]
        rows = [f"{time:.2f},{time - 1:.3f},{(time - 1) / 2:.4f}" for time in times]
        folder = root / "TrainingInput" / str(number)
        write_text(folder / "TU_VA.csv", ["Time,Valence,Arousal", *rows])
        write_video(folder / f"session{number}.avi", 60, Fraction(50))


def afew_va(root: Path) -> None:
    """Ten clips of two frames; clip k has valence k and arousal -k, in tenths."""
    for number in range(1, 11):
        clip = root / "data" / f"{number:03}"
        frames = {
            f"{frame:05}": {"landmarks": [[1.5, 2.5]] * 68, "valence": float(number), "arousal": -number}
            for frame in range(2)
        }
        clip.mkdir(parents=True)
        (clip / f"{clip.name}.json").write_text(json.dumps({"video_id": clip.name, "frames": frames}))
        for frame in frames:
            write_image(clip / f"{frame}.png")


AFFECTNET_HEADER = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
)


def affectnet_line(name: str, label: object, valence: object, arousal: object, face: str = "10,20,30,40") -> str:
    return f"{name},{face},{';'.join(['12.5'] * 136)},{label},{valence},{arousal}"


def affectnet(root: Path) -> None:
    """All eleven codes; a tif; a class with -2; validation.csv has no header; no-face rows have no box."""
    lines = [affectnet_line(f"{code}/image{code}.jpg", code, code / 10, -code / 10) for code in range(8)]
    lines += [
        affectnet_line("8/none.jpg", 8, 0.1, 0.1),
        affectnet_line("9/uncertain.jpg", 9, -2, -2),
        affectnet_line("10/noface.jpg", 10, -2, -2, "NULL,NULL,NULL,NULL"),
        affectnet_line("1/scan.tif", 1, 0.5, 0.5),
        affectnet_line("1/IMAGE.JPEG", 1, -2, -2),
    ]
    write_text(root / "training.csv", [AFFECTNET_HEADER, *lines])
    write_text(root / "validation.csv", [affectnet_line("2/sad.png", 2, -0.694444, 0.099206, "5,6,7,8")], "\r\n")
    names = [f"{code}/image{code}.jpg" for code in range(8)] + ["1/IMAGE.JPEG", "2/sad.png"]
    for name in names:
        write_image(root / "Manually_Annotated_Images" / name)


def affectnet_npy(root: Path) -> None:
    """Numbers as text for the class, as numbers and as text for the dimensions."""
    for split, identifier, label, valence, arousal in (
        ("train", "0", "6", -0.5, 0.75),
        ("train", "12", "7", "-0.25", "0.5"),
        ("val", "3", 1, 1.0, 0.0),
    ):
        folder = root / f"{split}_set"
        write_image(folder / "images" / f"{identifier}.jpg")
        (folder / "annotations").mkdir(exist_ok=True)
        for key, value in (("exp", label), ("val", valence), ("aro", arousal), ("lnd", np.zeros(136))):
            np.save(folder / "annotations" / f"{identifier}_{key}.npy", np.asarray(value))


def savee(root: Path) -> None:
    """Names whose first letter is not the code: sa01 and su15 beside a01."""
    names = ("a01", "d02", "f03", "h04", "n30", "sa01", "su15")
    for speaker in ("DC", "JE", "JK", "KL"):
        for name in names if speaker == "DC" else names[-1:]:
            write_video(root / "AudioVisualClip" / speaker / f"{name}.avi", 45, Fraction(60))


def struct(**fields: object) -> dict[str, object]:
    return fields


def cells(*values: object) -> np.ndarray:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def structs(items: Sequence[dict[str, object]]) -> np.ndarray:
    """A struct array: every item has the same fields."""
    found = np.empty((1, len(items)), dtype=[(name, object) for name in items[0]])
    for index, item in enumerate(items):
        found[0, index] = tuple(item.values())
    return found


def continuous(valence: float, arousal: float) -> dict[str, object]:
    return struct(valence=valence, arousal=arousal, dominance=9.0)


def emotic_image(name: str, folder: str, *people: dict[str, object]) -> dict[str, object]:
    return struct(
        filename=name,
        folder=folder,
        image_size=struct(n_col=640.0, n_row=480.0),
        original_database=struct(name="made up", info=struct(image_id=1.0)),
        person=structs(people),
    )


def trained_on(categories: Sequence[str], valence: float, arousal: float) -> dict[str, object]:
    """A person of the training set: one annotator."""
    return struct(
        bbox=np.array([10.0, 20.0, 110.0, 220.0]),
        annotations_categories=struct(categories=cells(*categories)),
        annotations_continuous=continuous(valence, arousal),
        gender="Female",
        age="Adult",
    )


def tested_on(
    annotators: Sequence[tuple[Sequence[str], float, float]], combined: tuple[Sequence[str], float, float]
) -> dict[str, object]:
    """A person of val or test: several annotators and their combination, in another order of fields."""
    return struct(
        age="Adult",
        gender="Male",
        combined_continuous=continuous(*combined[1:]),
        annotations_continuous=structs([continuous(*values) for _, *values in annotators]),
        combined_categories=cells(*combined[0]),
        annotations_categories=structs([struct(categories=cells(*names)) for names, *_ in annotators]),
        bbox=np.array([-5.0, 0.0, 50.5, 60.0]),
    )


EMOTIC = {
    "train": [
        emotic_image("one.jpg", "mscoco/images", trained_on(["Peace"], 5.5, 1.0)),
        emotic_image("basic.jpg", "framesdb/images", trained_on(["Engagement", "Pleasure", "Fear", "Anger"], 10, 3.0)),
        emotic_image("late.jpg", "mscoco/images", trained_on(["Engagement", "Esteem", "Pain", "Anger"], 5, 5)),
        emotic_image("nan.jpg", "ade20k/images", trained_on(["Yearning", "Disapproval"], np.nan, 1.0)),
        emotic_image("contempt.jpg", "ade20k/images", trained_on(["Disapproval"], 1, 10)),
        emotic_image("two.jpg", "mscoco/images", trained_on(["Anger"], 1, 1), trained_on(["Happiness"], 9, 9)),
    ],
    "val": [
        emotic_image(
            "several.jpg",
            "emodb_small/images",
            tested_on([(["Sadness"], 3, 4), (["Surprise", "Peace"], 9, 9)], (["Surprise", "Peace"], 6, 6.5)),
        )
    ],
    "test": [
        emotic_image("only.jpg", "emodb_small/images", tested_on([(["Aversion"], 2, 2)], (["Aversion"], 2, 2))),
        emotic_image("none.jpg", "emodb_small/images", tested_on([(["Doubt/Confusion"], 2, 2)], (["Fear"], 2, 2))),
    ],
}


def emotic(root: Path, name: str = "Annotations.mat", content: dict[str, list[dict[str, object]]] = EMOTIC) -> None:
    root.mkdir(parents=True, exist_ok=True)
    savemat(root / name, {split: structs(images) for split, images in content.items()})
    for images in content.values():
        for image in images:
            write_image(root / "emotic" / str(image["folder"]) / str(image["filename"]))


def expw(root: Path) -> None:
    """Each class once, and an image with two faces."""
    lines = [f"web_{code}.jpg 0 {code} 20 70 90 65.5 {code}" for code in range(7)]
    lines += ["party.jpg 0 1 2 11 12 99.0 3", "party.jpg 1 5 30 45 20 80.0 4"]
    write_text(root / "label" / "label.lst", lines)
    for name in {line.split()[0] for line in lines}:
        write_image(root / "image" / "origin" / name)


FER_HEADER = ["Usage", "Image name", "neutral", "happiness", "surprise", "sadness"]
FER_HEADER += ["anger", "disgust", "fear", "contempt", "unknown", "NF"]
FER_ROWS = [
    ("Training", "fer0000000.png", 4, 0, 0, 1, 3, 2, 0, 0, 0, 0),
    ("Training", "fer0000001.png", 0, 6, 0, 1, 1, 0, 0, 0, 2, 0),
    ("Training", "fer0000002.png", 5, 0, 0, 5, 0, 0, 0, 0, 0, 0),  # a tie
    ("Training", "", 0, 6, 0, 0, 0, 0, 0, 0, 0, 4),  # most votes have a class, but there is no image name
    ("Training", "fer0000004.png", 0, 0, 0, 0, 0, 0, 0, 2, 7, 1),  # unknown
    ("Training", "fer0000005.png", 1, 0, 0, 0, 2, 0, 0, 6, 0, 0),  # contempt, nine votes
    ("Training", "fer0000006.png", 0, 0, 0, 0, 0, 0, 0, 0, 0, 10),  # no face
    ("PublicTest", "fer0000007.png", 0, 0, 9, 0, 0, 0, 1, 0, 0, 0),
    ("PublicTest", "fer0000008.png", 0, 0, 0, 8, 0, 1, 1, 0, 0, 0),
    ("PrivateTest", "fer0000009.png", 0, 0, 0, 0, 8, 1, 1, 0, 0, 0),
    ("PrivateTest", "fer0000010.png", 0, 0, 0, 0, 0, 7, 3, 0, 0, 0),
    ("PrivateTest", "fer0000011.png", 0, 0, 0, 0, 0, 2, 8, 0, 0, 0),
]
PIXELS = " ".join(["128"] * 48 * 48)


def fer(root: Path) -> None:
    """FER+ beside FER2013; the emotion of row k is k modulo 7."""
    write_csv(root / "fer2013new.csv", [FER_HEADER, *FER_ROWS])
    rows = [(index % 7, PIXELS, row[0]) for index, row in enumerate(FER_ROWS)]
    write_csv(root / "fer2013.csv", [("emotion", "pixels", "Usage"), *rows])


def fer_kaggle(root: Path) -> None:
    write_csv(root / "train.csv", [("emotion", "pixels"), (3, PIXELS), (6, PIXELS)])


def fer_folders(root: Path) -> None:
    """What FER+'s script writes: quoted boxes, votes, no header; rows without a name are gone."""
    folders = {"Training": "FER2013Train", "PublicTest": "FER2013Valid", "PrivateTest": "FER2013Test"}
    for usage, folder in folders.items():
        rows = [row for row in FER_ROWS if row[0] == usage and row[1]]
        write_csv(root / "data" / folder / "label.csv", [(row[1], "(0, 0, 48, 48)", *row[2:]) for row in rows])
        for row in rows:
            write_image(root / "data" / folder / row[1], 48)


def fer_parquet(root: Path, usage: str = "validation", label: str = "happy") -> None:
    root.mkdir(parents=True, exist_ok=True)
    image = write_image(root / "face.jpg", 48)
    columns = {"name": ["a.jpg", "b.jpg"], "usage": ["train", usage], "label": ["angry", label]}
    table = pa.table({**columns, "jpeg": pa.array([image.read_bytes()] * 2, pa.binary())})
    pq.write_table(table, root / "faces.parquet")
    image.unlink()


def raf_db(root: Path) -> None:
    lines = [f"train_{label:05}.jpg {label}" for label in range(1, 8)] + [f"test_000{k}.jpg {k}" for k in (1, 4, 7)]
    write_text(root / "EmoLabel" / "list_patition_label.txt", lines)
    for stem in (line.split(".")[0] for line in lines):
        write_image(root / "Image" / "original" / f"{stem}.jpg")
        write_image(root / "Image" / "aligned" / f"{stem}_aligned.jpg")


CORPORA = {
    "recola": recola,
    "sewa": sewa,
    "semaine": semaine,
    "afew_va": afew_va,
    "affectnet": affectnet,
    "savee": savee,
    "emotic": emotic,
    "expw": expw,
    "fer": fer,
    "raf_db": raf_db,
}


def write_all(folder: Path) -> dict[str, str]:
    """Write the ten, and say where each lies, as `pretraining.roots` does."""
    for name, write in CORPORA.items():
        write(folder / name)
    return {name: str(folder / name) for name in CORPORA}
