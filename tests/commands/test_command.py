"""What ends a command in a sentence: too little memory or disk, and a signal that asks it to end."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
from abaw.commands.base import run
import os, resource, signal, sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
import numpy as np
from abaw.running.files import whole_file

def main():
    with whole_file(Path(sys.argv[1])) as beside:
        beside.write_text("half")
        {work}

if __name__ == "__main__":
    run(main)
"""
LIMIT = "resource.setrlimit(resource.RLIMIT_AS, (1 << 33, 1 << 33)); "


@pytest.mark.parametrize(
    ("work", "says"),
    [
        (LIMIT + "np.ones(1 << 33)", "the memory is used up (Unable to allocate 64.0 GiB"),
        (LIMIT + "import torch; torch.empty(1 << 34)", "the memory is used up ("),
        ("ProcessPoolExecutor(1).submit(signal.raise_signal, 9).result()", "the memory is used up ("),
        ("os.kill(os.getpid(), signal.SIGTERM)", "the job was told to end (SIGTERM) before it was done"),
        ("open('/dev/full', 'wb', 0).write(b'x')", "out.txt cannot be written, for the disk is full"),
    ],
)
def test_a_command_ends_in_a_sentence_and_leaves_nothing(tmp_path, work, says):
    (tmp_path / "script.py").write_text(SCRIPT.format(work=work))
    done = subprocess.run(
        [sys.executable, "script.py", "folder/out.txt"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list((tmp_path / "folder").iterdir()) == []
