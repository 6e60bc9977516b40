"""How long `check_corpus` takes on a corpus of AffWild2's real shape, in how much memory, and how long planning takes.

    python benchmarks/check_corpus.py --stats ../shared/media/affwild2-stats

The last line printed is a JSON object: `seconds` and `peak_mb` of the check, and `plan_s` of `snakemake -n all`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from affwild2 import write_affwild2  # noqa: E402  (the folders need not be installed)


def timed(command: list[str]) -> tuple[float, float]:
    """Run a command quietly; its wall-clock time in seconds and its peak resident memory in MB."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    begin = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begin
    if status:
        sys.exit(f"{' '.join(command[:3])} failed")
    return seconds, usage.ru_maxrss / 1024


def main() -> None:
    """Make the corpus, check it, plan a run on it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stats", type=Path, default=ROOT.parent / "shared" / "media" / "affwild2-stats")
    stats = parser.parse_args().stats
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        corpus = write_affwild2(root, stats).model_dump()
        settings = root / "config.json"
        settings.write_text(json.dumps({"corpus": corpus}))
        script = str(ROOT / "workflow" / "scripts" / "corpus" / "check_corpus.py")
        outputs = ["--problems", str(root / "problems.csv"), "--page", str(root / "corpus.html")]
        seconds, peak_mb = timed([sys.executable, script, "--corpus", json.dumps(corpus), *outputs])
        plan_s, _ = timed([sys.executable, "-m", "snakemake", "-n", "all", "--configfile", str(settings)])
    print(json.dumps({"seconds": round(seconds, 2), "peak_mb": round(peak_mb, 1), "plan_s": round(plan_s, 2)}))


if __name__ == "__main__":
    main()
