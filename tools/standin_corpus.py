"""Write a stand-in for AffWild2 out of real voices and real faces of the same emotion, in AffWild2's own form.

    media=../shared/media
    python tools/standin_corpus.py $media/ravdess-speech $media/fer2013-full/full.parquet results/standin
    snakemake --cores 2 --configfile config/standin.yaml bundle results/submission_expr.zip

Voices are RAVDESS's (Livingstone and Russo 2018), 16 kHz mono under their own names; faces FER2013's (Goodfellow et al.
2013), a Parquet table of name, usage, label and jpeg. A video is one actor who says some sentences, each with another
emotion, while pictures of people with that emotion are shown, a new one each second. Actors 1 to 8 are for training, 9
and 10 for validation, 11 and 12 for the test; a picture stands in one split only, those of validation and test are of
FER2013's validation. Where there are fewer pictures of an expression than seconds, they come again. RAVDESS's calm has
no faces and is left out.

The pairing is synthetic: nobody here has the face of the voice, and lips do not move. So the corpus says what fusing a
voice and a face gains, and nothing about people in videos. Valence and arousal are not annotated. Voices are CC
BY-NC-SA 4.0, faces for research: do not publish what this writes.
"""

import argparse
import io
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import sha256
from itertools import cycle, islice
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import soundfile
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from abaw.corpus.names import SPLIT_FOLDERS
from abaw.demo.film import write_video
from abaw.demo.plan import TEMPLATES
from abaw.pretraining.fer import WORDS
from abaw.running.files import whole_file
from abaw.tasks import EXPRESSIONS, TASKS, Split, TaskName

FPS, RATE_HZ, PICTURE_S = 25, 16_000, 1.0
SIDE_PX, FACE_PX, GREY = 256, 176, 127
CLIPS = 13
"""Sentences of a video."""
VOICES = {1: "Neutral", 3: "Happiness", 4: "Sadness", 5: "Anger", 6: "Fear", 7: "Disgust", 8: "Surprise"}
"""The third number of a RAVDESS clip's name; 2 is calm."""
SPLITS: dict[Split, range] = {"train": range(1, 9), "val": range(9, 11), "test": range(11, 13)}
"""Actors of each split."""
UNKNOWN = "-5,-5"


@dataclass(frozen=True)
class Said:
    """One sentence of a video: the clip, its expression, and the pictures that are shown meanwhile, by row."""

    clip: Path
    expression: str
    n_frames: int
    pictures: tuple[int, ...]


@dataclass(frozen=True)
class Film:
    """One video: its name, which is also its track's, its split, and what is said in it."""

    name: str
    split: Split
    said: tuple[Said, ...]

    @property
    def n_frames(self) -> int:
        """Frames of the video, each with a row of labels."""
        return sum(one.n_frames for one in self.said)


def plan(
    lengths_s: Mapping[Path, float],
    usages: Sequence[str],
    labels: Sequence[str],
    seed: int,
    most_clips: int | None = None,
) -> list[Film]:
    """Who says what in which video, before which pictures: `lengths_s` of each clip, usage and label of each picture.

    With `most_clips`, so many sentences of each actor at most. Ends with a sentence where an expression has no picture.
    """
    rng = np.random.default_rng(seed)
    pools = _pools(usages, labels, rng)
    films = []
    for split, actors in SPLITS.items():
        for actor in actors:
            clips = sorted(clip for clip in lengths_s if _number(clip, 6) == actor and _number(clip, 2) in VOICES)
            order = [clips[k] for k in rng.permutation(len(clips))[:most_clips]]
            for number, first in enumerate(range(0, len(order), CLIPS), start=1):
                said = (_said(clip, lengths_s[clip], pools[split]) for clip in order[first : first + CLIPS])
                films.append(Film(f"actor{actor:02d}_{number}", split, tuple(said)))
    return films


def _number(clip: Path, place: int) -> int:
    return int(clip.stem.split("-")[place])


def _pools(
    usages: Sequence[str], labels: Sequence[str], rng: np.random.Generator
) -> dict[Split, dict[str, Iterator[int]]]:
    """The pictures of each split and expression in a random order; those of FER2013's validation are parted in two."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row, (usage, label) in enumerate(zip(usages, labels, strict=True)):
        rows[usage, WORDS[label]].append(row)
    pools: dict[Split, dict[str, Iterator[int]]] = {split: {} for split in SPLITS}
    for (usage, expression), own in sorted(rows.items()):
        mixed = rng.permutation(own).tolist()
        parts = {"train": mixed} if usage == "train" else {"val": mixed[::2], "test": mixed[1::2]}
        for split, part in parts.items():
            pools[split][expression] = cycle(part)  # type: ignore[index]
    return pools


def _said(clip: Path, length_s: float, pool: Mapping[str, Iterator[int]]) -> Said:
    """A sentence with the next pictures of its expression's pool."""
    expression = VOICES[_number(clip, 2)]
    n_frames = int(length_s * FPS)
    wanted = -(-n_frames // round(PICTURE_S * FPS))
    pictures = tuple(islice(pool.get(expression, iter(())), wanted))
    if not pictures:
        sys.exit(f"there is no picture of {expression} for what is said with it in {clip}")
    return Said(clip, expression, n_frames, pictures)


def refuse_shared(usages: Sequence[str], jpegs: Sequence[bytes]) -> None:
    """End with a sentence where a picture of training stands elsewhere too: what judges must be new to the models."""
    seen = {sha256(jpeg).digest() for usage, jpeg in zip(usages, jpegs, strict=True) if usage == "train"}
    for row, (usage, jpeg) in enumerate(zip(usages, jpegs, strict=True), start=1):
        if usage != "train" and sha256(jpeg).digest() in seen:
            sys.exit(f"row {row} of the faces, of usage {usage}, is a picture of training too; take one of them out")


def film(one: Film, jpegs: Sequence[bytes], folder: Path) -> None:
    """Write a video: pictures of 48 x 48 enlarged on grey, and the clips one after the other."""
    sounds = []
    for said in one.said:
        sound, rate_hz = soundfile.read(said.clip, dtype="float32")
        if rate_hz != RATE_HZ or sound.ndim != 1:
            sys.exit(f"{said.clip} has {rate_hz} Hz and {sound.ndim} dimensions; {RATE_HZ} Hz mono was expected")
        sounds.append(sound[: said.n_frames * RATE_HZ // FPS])
    path = folder / "videos" / "batch1" / f"{one.name}.mp4"
    write_video(path, _frames(one, jpegs), Fraction(FPS), (SIDE_PX, SIDE_PX), np.concatenate(sounds), RATE_HZ)


def _frames(one: Film, jpegs: Sequence[bytes]) -> Iterator[NDArray[np.uint8]]:
    edge = (SIDE_PX - FACE_PX) // 2
    for said in one.said:
        for number in range(said.n_frames):
            at = number // round(PICTURE_S * FPS)
            if number % round(PICTURE_S * FPS) == 0:
                grey = np.asarray(Image.open(io.BytesIO(jpegs[said.pictures[at]])).convert("L"))
                face = cv2.resize(grey, (FACE_PX, FACE_PX), interpolation=cv2.INTER_CUBIC)
                shown = np.full((SIDE_PX, SIDE_PX, 3), GREY, np.uint8)
                shown[edge : edge + FACE_PX, edge : edge + FACE_PX] = face[..., None]
            yield shown


def write_lists(films: Sequence[Film], folder: Path) -> None:
    """Annotations, test lists and templates, in the form of the 6th edition."""
    for one in films:
        if one.split != "test":
            classes = [str(EXPRESSIONS.index(said.expression)) for said in one.said for _ in range(said.n_frames)]
            values: dict[TaskName, list[str]] = {"expr": classes, "va": [UNKNOWN] * one.n_frames}
            for task, rows in values.items():
                part = Path(TASKS[task].folder) / SPLIT_FOLDERS[one.split] / f"{one.name}.txt"
                _write(folder / "annotations" / part, [TASKS[task].label_header, *rows])
    tests = [one for one in films if one.split == "test"]
    for task in TASKS:
        _write(folder / "lists" / TASKS[task].test_list, [one.name for one in tests])
        rows = [f"{one.name}/{frame:05d}.jpg," for one in tests for frame in range(1, one.n_frames + 1)]
        _write(folder / "templates" / TEMPLATES[task], [TASKS[task].header, *rows])
    _write(folder / "README.txt", (__doc__ or "").splitlines())


def _write(path: Path, lines: Sequence[str]) -> None:
    with whole_file(path) as beside:
        beside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")


def main() -> None:
    """Plan, film, write the lists last: a corpus that was cut off has none and is made again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voices", type=Path, help="folder of RAVDESS clips")
    parser.add_argument("faces", type=Path, help="Parquet table of FER2013's pictures")
    parser.add_argument("output", type=Path, help="folder of the corpus")
    parser.add_argument("--most-clips", type=int, help="sentences of an actor at most, for a trial")
    parser.add_argument("--seed", type=int, default=2024)
    args = parser.parse_args()

    clips = sorted(path for path in args.voices.iterdir() if path.suffix in (".flac", ".wav"))
    lengths_s = {clip: soundfile.info(clip).duration for clip in clips}
    table = pq.read_table(args.faces, columns=["usage", "label", "jpeg"])
    usages, labels, jpegs = (table[name].to_pylist() for name in ("usage", "label", "jpeg"))
    refuse_shared(usages, jpegs)
    films = plan(lengths_s, usages, labels, args.seed, args.most_clips)
    cv2.setNumThreads(1)
    for one in tqdm(films, "videos", disable=None):
        film(one, jpegs, args.output)
    write_lists(films, args.output)
    minutes = sum(one.n_frames for one in films) / FPS / 60
    print(f"{len(films)} videos of {minutes:.0f} minutes, voices and faces paired by emotion: {args.output}")


if __name__ == "__main__":
    main()
