"""The `python` that has its libraries already does what Python does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import warm

pytestmark = pytest.mark.workflow

TELL = """
import os, sys
import own
lines = [sys.argv, sys.path[:2], __name__, __file__, own.__file__, os.getcwd(), os.environ["OMP_NUM_THREADS"]]
lines += [os.environ.get("SAID"), sys.stdin.read(), sorted(name for name in sys.modules if name.startswith("abaw"))]
print(*lines, sep="\\n")
print("to the other", file=sys.stderr)
"""


@pytest.fixture
def written(tmp_path):
    """Write a script, whose path is given from `tmp_path`."""

    def write(text: str) -> str:
        (tmp_path / "scripts").mkdir(exist_ok=True)
        (tmp_path / "scripts" / "it.py").write_text(text)
        return "scripts/it.py"

    return write


def begun(python: Path | str, folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    variables = {**os.environ, "OMP_NUM_THREADS": "1", **more}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([python, *arguments], cwd=folder, env=variables, text=True, **pipes)


def ended(process: subprocess.Popen[str], said: str = "") -> tuple[str, str, int]:
    return (*process.communicate(said), process.returncode)


@pytest.mark.parametrize("threads", ["1", "2"])
def test_a_script_finds_what_it_finds_elsewhere(written, tmp_path, threads):
    script = written(TELL)
    (tmp_path / "scripts" / "own.py").write_text("import sys\nassert sys.argv")
    more = {"OMP_NUM_THREADS": threads, "SAID": "a b=c\n", "PYTHONPATH": str(tmp_path / "else")}
    found, expected = (
        ended(begun(python, tmp_path, script, "--one", "two words", **more), "typed")
        for python in (warm.python(), sys.executable)
    )
    assert found == expected
    assert found[2] == 0 and found[1] == "to the other\n"


@pytest.mark.parametrize(
    "text", ["", "import sys; sys.exit(3)", "import sys; sys.exit('a sentence')", "import os; os.kill(os.getpid(), 9)"]
)
def test_it_ends_as_it_ends_elsewhere(written, tmp_path, text):
    script = written(text)
    found, expected = (ended(begun(python, tmp_path, script)) for python in (warm.python(), sys.executable))
    assert found == expected


def test_a_mistake_has_its_traceback_and_what_waits_for_the_end_is_done(written, tmp_path):
    script = written("import atexit\natexit.register(print, 'last')\nraise KeyError('nowhere')")
    said, error, code = ended(begun(warm.python(), tmp_path, script))
    assert (said, code) == ("last\n", 1)
    assert error.startswith("Traceback") and error.endswith("KeyError: 'nowhere'\n")


WAITS = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
child = subprocess.Popen(["sleep", "60"])
print(os.getpid(), child.pid, flush=True)
child.wait()
"""


def test_a_signal_reaches_it(written, tmp_path):
    process = begun(warm.python(), tmp_path, written(WAITS))
    _, child = map(int, process.stdout.readline().split())
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 1
    os.kill(child, signal.SIGKILL)  # it has the same stream, and would keep it open
    assert process.stderr.read() == "told to end\n"


def test_who_kills_its_caller_kills_it_and_what_it_has_begun(written, tmp_path):
    process = begun(warm.python(), tmp_path, written(WAITS))
    both = process.stdout.readline().split()
    process.kill()
    process.wait()
    end = time.monotonic() + 60
    while any(
        Path("/proc", pid).exists() and "\nState:\tZ" not in Path("/proc", pid, "status").read_text() for pid in both
    ):
        assert time.monotonic() < end
        time.sleep(0.05)
