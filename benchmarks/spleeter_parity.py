"""How near the model in PyTorch comes to Spleeter's own program, on the same sound with the same weights.

    python benchmarks/spleeter_parity.py --python .venv-spleeter/bin/python

`make test-spleeter` makes that environment from requirements-spleeter.lock; weights are fetched. The sound is half a
minute or more of speech over music. Spleeter runs on the whole of it and, by the same command, in pieces of two
segments: those must give what the whole gives. Parity is the power of the program's voice over that of the difference.
The last line printed is a JSON object of both in dB; below 60 the exit code is 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from sounds import music, spoken  # noqa: E402  (the folders need not be installed)

from abaw.media.sound import MIXTURE_RATE_HZ  # noqa: E402
from abaw.speech import spleeter  # noqa: E402
from abaw.speech.audio import read_blocks, write_flac  # noqa: E402
from abaw.speech.spleeter_network import export_stems  # noqa: E402
from abaw.speech.spleeter_program import WEIGHTS  # noqa: E402

LEAST_DB = 60
SCRIPTS = ROOT / "workflow" / "scripts" / "speech"


def command(python: str, script: str, *arguments: str) -> None:
    """Run one of the workflow's commands; a failure ends this one, too."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([python, str(SCRIPTS / script), *arguments], env=environment, check=False)
    if done.returncode:
        sys.exit(f"{script} failed")


def parity_db(reference: np.ndarray, other: np.ndarray) -> float:
    """Power of a sound over that of the difference of another from it; 200 where there is none."""
    power = np.square(reference).sum()
    return float(10 * np.log10(power / (np.square(reference - other).sum() + 1e-20 * power)))


def main() -> None:
    """Fetch the weights, separate by both, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="the interpreter of an environment with Spleeter")
    parser.add_argument("--weights", type=Path, default=ROOT / "resources" / "spleeter" / "2stems")
    args = parser.parse_args()

    files = [str(args.weights / name) for name in WEIGHTS]
    if not all(Path(file).is_file() for file in files):
        command(sys.executable, "fetch_spleeter.py", "--output", *files)
    speech = np.tile(spoken(), 3)
    mixture = speech + music(len(speech)) * np.sqrt(0.05 * np.mean(speech**2))
    left, right = 0.9 * mixture, 0.6 * mixture + 0.1 * speech
    with tempfile.TemporaryDirectory() as folder:
        track = Path(folder) / "mixture.flac"
        write_flac([np.stack([left, right], axis=1).astype(np.float32)], MIXTURE_RATE_HZ, 2, track)
        voices = []
        for segments in (23, 2):
            voice = Path(folder) / f"voice_{segments}.flac"
            command(
                args.python,
                "run_spleeter.py",
                *[
                    "--mixture",
                    str(track),
                    "--weights",
                    files[0],
                    "--segments",
                    str(segments),
                    "--threads",
                    "1",
                    "--output",
                    str(voice),
                ],
            )
            voices.append(soundfile.read(voice)[0].T)
        stems = spleeter.load_stems(export_stems(Path(folder)), threads=1)
        ours = np.concatenate(list(spleeter.separate(read_blocks(track), stems)), axis=1)
    figures = {
        "parity_db": round(parity_db(voices[0], ours), 1),
        "pieces_parity_db": round(parity_db(voices[0], voices[1]), 1),
    }
    print(f"{ours.shape[1] / MIXTURE_RATE_HZ:.1f} s of speech over music")
    print(json.dumps(figures))
    if min(figures.values()) < LEAST_DB:
        sys.exit(f"the two differ: a parity of at least {LEAST_DB} dB was expected")


if __name__ == "__main__":
    main()
