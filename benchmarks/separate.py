"""How much the separator gains over music and noise, how fast it is, and how much memory an hour needs.

    python benchmarks/separate.py --voice ../shared/media/dialogue/sample.wav --minutes 60

Speech of espeak-ng, and that of a recording where one is named, is given music and noise at 0 dB; the gain is that of
its scale-invariant signal-to-distortion ratio, the smallest of them. Memory is the peak of a child that runs the rule's
own command on a track of `--minutes`, made on the spot. It runs on one thread.
The last line printed is a JSON object: `real_time_factor`, `seconds` of the track, `si_sdr_gain_db`, `peak_mb_60min`
(`null` for another length), and each gain: `speech_` (espeak-ng) and `recording_`, `over_music_db` and `over_noise_db`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from clips import ffmpeg  # noqa: E402  (the folders need not be installed)
from sounds import music, si_sdr_db, spoken  # noqa: E402  (the folders need not be installed)

from abaw.media.sound import MIXTURE_RATE_HZ  # noqa: E402
from abaw.speech import spleeter  # noqa: E402
from abaw.speech.audio import write_flac  # noqa: E402
from abaw.speech.resampling import resampled  # noqa: E402
from abaw.speech.spleeter_network import export_stems  # noqa: E402


def gains(name: str, clean: np.ndarray) -> dict[str, float]:
    """The gain in dB over each background, of mono speech at MIXTURE_RATE_HZ."""
    with tempfile.TemporaryDirectory() as folder:
        stems = spleeter.load_stems(export_stems(Path(folder)), threads=1)
    found = {}
    backgrounds = {"music": music(len(clean)), "noise": np.random.default_rng(0).standard_normal(len(clean))}
    for kind, behind in backgrounds.items():
        mixture = (clean + behind * np.sqrt(np.mean(clean**2) / np.mean(behind**2))).astype(np.float32)
        parts = list(spleeter.separate([np.stack([mixture, mixture])], stems))
        before, after = (si_sdr_db(sound, clean) for sound in (mixture, np.concatenate(parts, axis=1).mean(axis=0)))
        found[f"{name}_over_{kind}_db"] = float(after - before)
        print(f"{name} over {kind}: {before:.1f} dB before, {after:.1f} dB after")
    return found


def recording(path: Path) -> np.ndarray:
    """Up to half a minute of a recording, mono at MIXTURE_RATE_HZ."""
    sound, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    return np.concatenate(list(resampled([sound.mean(axis=1)[: 30 * rate_hz]], rate_hz, MIXTURE_RATE_HZ)))


def long_track(minutes: float) -> tuple[float, float]:
    """Wall-clock seconds and peak memory in MB of the rule's command on noise of a length."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        mixture, video, vocals = (Path(folder) / name for name in ("mixture.flac", "video.mkv", "vocals.flac"))
        seconds = ((0.1 * rng.standard_normal((MIXTURE_RATE_HZ, 2))) for _ in range(round(minutes * 60)))
        write_flac(seconds, MIXTURE_RATE_HZ, 2, mixture)
        script = str(ROOT / "workflow" / "scripts" / "speech" / "separate_speech.py")
        black = ["-f", "lavfi", "-i", f"color=black:s=16x16:r=1:d={minutes * 60}"]
        ffmpeg(*black, "-i", mixture, "-c:v", "mpeg4", "-c:a", "copy", video)
        command = [sys.executable, script, "--video", str(video), "--on-unreadable", "stop", "--sound-track", "default"]
        command += ["--networks", *map(str, export_stems(Path(folder)))]
        command += ["--settings", json.dumps({"sample_rate_hz": 16000}), "--output", str(vocals)]
        begin = time.perf_counter()
        process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            sys.exit("the separation failed")
        return time.perf_counter() - begin, usage.ru_maxrss / 1024


def main() -> None:
    """Measure the gain, then speed and memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", type=Path, help="a recording of clean speech")
    parser.add_argument("--minutes", type=float, default=60)
    args = parser.parse_args()
    found = gains("speech", spoken())
    if args.voice:
        found |= gains("recording", recording(args.voice))
    seconds, peak_mb = long_track(args.minutes)
    print(f"{args.minutes:g} minutes: {seconds:.0f} s, {peak_mb:.0f} MB")
    figures = {
        "real_time_factor": round(seconds / (60 * args.minutes), 4),
        "seconds": round(seconds),
        "si_sdr_gain_db": round(min(found.values()), 2),
        "peak_mb_60min": round(peak_mb) if args.minutes == 60 else None,
    }
    print(json.dumps(figures | {name: round(value, 2) for name, value in found.items()}))


if __name__ == "__main__":
    main()
