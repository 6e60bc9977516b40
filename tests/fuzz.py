"""Mutated videos through probe, frames, faces and sound: each gives a result or a sentence, and nothing else.

    python tests/fuzz.py --files 5000          (make test-fuzz)

The clips are encoded here, in ten containers, with a face, a voice-like tone and a title; beside them stand the real
ones of ../shared/media where they are there. Each is mutated by its number and the seed alone: bits, bytes, zeros,
truncation, pieces repeated, swapped, inserted and lost, lengths made wrong. A traceback, a decoder that ends other than
by its limits, memory beyond 2 GB, and a call of more than 30 s, twice, fail; the file that did it is left in --keep.

The last line printed is a JSON object with the counts of what came out.
"""

import argparse
import json
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from fractions import Fraction
from multiprocessing import get_context
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
import yaml
from clips import ffmpeg, write_clip
from skimage import data
from tqdm import tqdm

from abaw.config import FacesConfig
from abaw.faces.detectors import make_detector
from abaw.faces.pipeline import analyse_video
from abaw.faces.subjects import Subject
from abaw.media.process import DecoderDiedError
from abaw.media.sound import extract_stereo
from abaw.media.video import decisions, probe, sample_frames
from abaw.running.errors import BrokenVideoError, UserError
from abaw.speech.audio import as_long_as

ROOT = Path(__file__).parents[1]
MEDIA = ROOT.parent / "shared" / "media"
REAL = (
    *("grid/sbwe5n.mpg", "crema-d/1001_DFA_ANG_XX.flv", "pexels/single_face.mp4", "pexels/no_face.mp4"),
    *("pexels/face_noface.mov", "two-people/short_hamilton_clip.mp4"),
)
FORMS = {
    "a.mp4": ["-c:v", "libx264", "-c:a", "aac"],
    "fragments.mp4": ["-c:v", "libx264", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"],
    "a.mov": ["-c:v", "mjpeg", "-c:a", "pcm_s16le"],
    "a.mkv": ["-c:v", "libx264", "-c:a", "libmp3lame"],
    "a.webm": ["-c:v", "libvpx-vp9", "-cpu-used", "8", "-c:a", "libopus"],
    "a.avi": ["-c:v", "mpeg4", "-c:a", "libmp3lame"],
    "a.flv": ["-c:v", "flv1", "-c:a", "libmp3lame"],
    "a.ts": ["-c:v", "mpeg2video", "-c:a", "mp2"],
    "a.mpg": ["-c:v", "mpeg1video", "-c:a", "mp2", "-r", "25"],
    "a.wmv": ["-c:v", "wmv2", "-c:a", "wmav2"],
}
MOST_S, MOST_BYTES = 30.0, 2_000_000_000
RATE_HZ, MOST_SOUND_S = 3.0, 60.0
SHARE, SHARES_OF_A_PROCESS = 25, 20
"""Files of a task, and about how many tasks a process has: the limit that the pool itself offers can deadlock."""
LENGTHS = (0, 1, 7, 8, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def encoded_clips(folder: Path) -> list[Path]:
    """A second and a half of a moving face with a tone, in every container."""
    face = np.ascontiguousarray(data.astronaut()[20:220, 120:330, ::-1])
    pictures = (np.roll(cv2.resize(face, (192, 144)), 2 * number, axis=1) for number in range(15))
    film = write_clip(folder / "film.mkv", pictures, Fraction(10), codec="ffv1", pix_fmt="yuv420p")
    source = ["-i", film, "-f", "lavfi", "-i", "sine=f=220:d=1.5:r=44100", "-metadata", "title=A title, with ümlauts"]
    return [ffmpeg(*source, *options, folder / name) for name, options in FORMS.items()]


def real_clips(folder: Path) -> list[Path]:
    """The real clips that are there."""
    return [folder / name for name in REAL if (folder / name).is_file()]


def mutated(raw: bytes, rng: np.random.Generator) -> bytes:
    """A file with one to four mutations."""
    changed = bytearray(raw)
    for _ in range(rng.integers(1, 5)):
        changed = MUTATIONS[rng.integers(len(MUTATIONS))](changed, rng)
    return bytes(changed)


def _span(raw: bytearray, rng: np.random.Generator, most: int = 4096) -> slice:
    """Somewhere in the file; half the time near its beginning, where headers are."""
    reach = len(raw) if rng.random() < 0.5 else min(len(raw), 2048)
    start = int(rng.integers(0, max(reach, 1)))
    return slice(start, start + int(rng.integers(1, most)))


def _bits(raw: bytearray, rng: np.random.Generator) -> bytearray:
    for _ in range(rng.integers(1, 20)):
        at = _span(raw, rng).start
        if at < len(raw):
            raw[at] ^= 1 << rng.integers(8)
    return raw


def _noise(raw: bytearray, rng: np.random.Generator) -> bytearray:
    span = _span(raw, rng)
    raw[span] = rng.bytes(len(raw[span]))
    return raw


def _zeros(raw: bytearray, rng: np.random.Generator) -> bytearray:
    span = _span(raw, rng, 20_000)
    raw[span] = bytes(len(raw[span]))
    return raw


def _truncation(raw: bytearray, rng: np.random.Generator) -> bytearray:
    return raw[: int(rng.integers(0, len(raw) + 1))]


def _repeat(raw: bytearray, rng: np.random.Generator) -> bytearray:
    span = _span(raw, rng)
    raw[span.stop : span.stop] = raw[span]
    return raw


def _swap(raw: bytearray, rng: np.random.Generator) -> bytearray:
    one, other = sorted((_span(raw, rng), _span(raw, rng)), key=lambda span: span.start)
    if one.stop <= other.start:
        raw[one], raw[other] = raw[other], raw[one]  # of unequal lengths: what lies between moves
    return raw


def _insertion(raw: bytearray, rng: np.random.Generator) -> bytearray:
    at = _span(raw, rng).start
    raw[at:at] = rng.bytes(int(rng.integers(1, 300)))
    return raw


def _loss(raw: bytearray, rng: np.random.Generator) -> bytearray:
    del raw[_span(raw, rng)]
    return raw


def _length(raw: bytearray, rng: np.random.Generator) -> bytearray:
    at, size = _span(raw, rng).start, int(rng.choice([1, 2, 4, 8]))
    value = int(rng.choice(LENGTHS)) % 2 ** (8 * size)
    raw[at : at + size] = value.to_bytes(size, "big" if rng.random() < 0.5 else "little")
    return raw


MUTATIONS = (_bits, _noise, _zeros, _truncation, _repeat, _swap, _insertion, _loss, _length)


def readers() -> dict[str, Callable[[Path], object]]:
    """What is done with each file."""
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["faces"]
    settings = FacesConfig.model_validate(config | {"analysis_rate_hz": RATE_HZ})
    detector = make_detector(settings, 1)

    def sound(path: Path) -> None:
        length_s = min(probe(path).duration_s, MOST_SOUND_S)
        for _ in as_long_as(extract_stereo(path, length_s=length_s), length_s):
            pass

    return {
        "probe": lambda path: (probe(path), decisions(path)),
        "frames": lambda path: [frame.number for frame in sample_frames(path, RATE_HZ)],
        "faces": lambda path: list(analyse_video(path, [Subject("solo", None)], settings, 1, detector)),
        "sound": sound,
    }


def outcome(read: Callable[[Path], object], path: Path, again: bool = False) -> tuple[str, str]:
    """What came of one call, in a word, and what was said."""
    begin_s = time.monotonic()
    try:
        read(path)
        word, said = "result", ""
    except BrokenVideoError as error:
        word, said = "break", str(error)
        if isinstance(error.__cause__, DecoderDiedError):
            word = "death"
    except DecoderDiedError as error:
        word, said = "death", str(error)
    except UserError as error:
        word, said = "sentence", str(error)
    except Exception:
        word, said = "traceback", traceback.format_exc()
    if "\n" in said and word != "traceback":
        word = "traceback"
    took_s = time.monotonic() - begin_s
    if took_s > MOST_S and not again:  # a busy machine is slow once, a hang always
        return outcome(read, path, again=True)
    return ("hang", f"{took_s:.0f} s. {said}") if took_s > MOST_S else (word, said)


def peak_bytes() -> int:
    """The most memory that this process or one that it started has had."""
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


FAILURES = ("traceback", "death", "hang")


def fuzz(clips: list[Path], numbers: Iterable[int], seed: int, keep: Path) -> Iterator[tuple[str, str, str]]:
    """Yield reader, outcome and what was said, for each of the numbered files.

    A file lies in `keep` while it is read, and stays there if it fails or ends this process.
    """
    calls = readers()
    keep.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        clip, failed = clips[number % len(clips)], False
        rng = np.random.default_rng([seed, number, crc32(clip.name.encode())])
        path = keep / f"{number}_{clip.name}"
        path.write_bytes(mutated(clip.read_bytes(), rng))
        for name, read in calls.items():
            word, said = outcome(read, path)
            if word in FAILURES:
                failed = True
                print(f"{name} of {path}: {word}: {said}", flush=True)
            yield name, word, said
        if not failed:
            path.unlink()


def share(clips: list[Path], numbers: Sequence[int], seed: int, keep: Path) -> tuple[Counter[str], int]:
    """The counts of some of the files, and the peak of memory."""
    return Counter(f"{name}: {word}" for name, word, _ in fuzz(clips, numbers, seed, keep)), peak_bytes()


def main() -> None:
    """Fuzz, count, fail."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=2024)
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="folder for the files that fail")
    args = parser.parse_args()
    begin_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        clips = [*encoded_clips(Path(folder)), *real_clips(MEDIA)]
        counts, peak = Counter[str](), 0
        shares = [range(first, min(first + SHARE, args.files)) for first in range(0, args.files, SHARE)]
        with tqdm(total=len(shares), unit=f"{SHARE} files", disable=None) as progress:
            for first in range(0, len(shares), args.jobs * SHARES_OF_A_PROCESS):
                some = shares[first : first + args.jobs * SHARES_OF_A_PROCESS]
                with ProcessPoolExecutor(args.jobs, get_context("spawn")) as pool:
                    pending = [pool.submit(share, clips, numbers, args.seed, args.keep) for numbers in some]
                    for done in as_completed(pending):
                        try:
                            found, most = done.result()
                        except BrokenProcessPool:
                            sys.exit(f"a file ended the process that read it; it is among those in {args.keep}")
                        counts += found
                        peak = max(peak, most)
                        progress.update()
    with suppress(OSError):
        args.keep.rmdir()  # nothing is in it where nothing failed
    figures = {"files": args.files, "clips": len(clips), "seed": args.seed, **dict(sorted(counts.items()))}
    figures |= {"peak_mb": round(peak / 1e6), "seconds": round(time.monotonic() - begin_s)}
    print(json.dumps(figures))
    if peak > MOST_BYTES or any(key.endswith(FAILURES) for key in counts):
        sys.exit("a mutated file gave what is neither a result nor a sentence, or took too much")


if __name__ == "__main__":
    main()
