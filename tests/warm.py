"""A `python` that has the libraries: each command runs in a process of its own, forked from one that has run nothing.

Most of the time of most jobs of a small corpus goes into loading libraries. `python()` starts a server that loads them
once, and gives the path of a program that hands a command to it (tests/warm_call.py) and ends as the command ends. The
command has its caller's folder, environment and streams, and finds this project's modules where its caller would: the
server knows none of them. Who kills the caller kills the command, and all that it has started.
"""

import atexit
import gc
import importlib
import marshal
import os
import runpy
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

LIBRARIES = """
filelock pydantic yaml tqdm jinja2 numpy scipy.linalg scipy.optimize scipy.signal scipy.stats pandas
pyarrow.parquet pyarrow.compute pyarrow.csv sklearn.ensemble sklearn.kernel_approximation sklearn.model_selection
safetensors.numpy safetensors.torch torch cv2 av av.filter soundfile soxr matplotlib.pyplot
matplotlib.backends.backend_agg google.protobuf.message snakemake.cli snakemake.workflow snakemake.profiles
snakemake.report.html_reporter docutils.parsers.rst.directives.images requests smart_open platformdirs yte dpath
"""
"""What is loaded: all that the workflow and its commands load, but not what they load a part of (`abaw.nn.vision`), nor
what begins a thread when it is loaded, as onnxruntime does.
"""


class Command(NamedTuple):
    """What follows `python`, where, with which environment, standard input, output and error."""

    folder: str
    variables: dict[str, str]
    arguments: list[str]
    streams: list[int]


def compiling(variables: Mapping[str, str]) -> dict[str, str]:
    """These, in which Python keeps what it has compiled: hundreds of jobs load the same copy of the project."""
    return {name: value for name, value in variables.items() if name != "PYTHONDONTWRITEBYTECODE"}


@cache
def python() -> Path:
    """The path of a `python` that has the libraries, alone in its folder; the server ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="warm."))
    program, place = folder / "python", folder / "socket"
    words = [sys.executable, "-IS", Path(__file__).with_name("warm_call.py"), place]
    program.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n')
    program.chmod(0o755)
    variables = {name: value for name, value in compiling(os.environ).items() if name != "PYTHONPATH"}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(place))
        listener.listen(64)
        server = subprocess.Popen(
            [sys.executable, __file__, str(listener.fileno()), folder],
            env=variables | {"OMP_NUM_THREADS": "1"},
            pass_fds=[listener.fileno()],
            start_new_session=True,
            stdin=subprocess.PIPE,  # which is closed when this process ends, however it ends
            stdout=subprocess.DEVNULL,
        )
    atexit.register(server.communicate)
    return program


def next_command(listener: socket.socket) -> Command:
    """Fork a process for each command, in which this returns; the server itself ends with its standard input."""
    running: dict[int, socket.socket] = {}
    bell, clapper = socket.socketpair()  # rung by the end of a process
    clapper.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(clapper.fileno(), warn_on_full_buffer=False)
    while True:
        ready, _, _ = select.select([sys.stdin, bell, listener, *running.values()], [], [])
        if sys.stdin in ready:
            for pid in running:
                kill(pid)
            sys.exit()
        for pid in [pid for pid, caller in running.items() if caller in ready]:
            pass_on(pid, running)
        if bell in ready:
            bell.recv(4096)
            report_ended(running)
        if listener not in ready:
            continue
        caller, _ = listener.accept()
        command = received(caller)
        if command is None:
            caller.close()
        elif pid := os.fork():
            running[pid] = caller
            for stream in command.streams:
                os.close(stream)
        else:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for connection in (listener, bell, clapper, caller, *running.values()):
                connection.close()
            return command


def received(caller: socket.socket) -> Command | None:
    """The command of a caller; None where the caller ends before it is said."""
    head, streams, _, _ = socket.recv_fds(caller, 4, 3)
    said = caller.recv(int.from_bytes(head), socket.MSG_WAITALL) if head else b""
    if said and len(said) == int.from_bytes(head):
        return Command(*marshal.loads(said), streams)
    for stream in streams:
        os.close(stream)
    return None


def report_ended(running: dict[int, socket.socket]) -> None:
    """Tell the callers of processes that have ended how they did, and forget them."""
    while running:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        with running.pop(pid) as caller, suppress(OSError):
            caller.sendall(os.waitstatus_to_exitcode(status).to_bytes(2, signed=True))


def pass_on(pid: int, running: dict[int, socket.socket]) -> None:
    """Send a process the signal that its caller got; kill it where the caller is gone."""
    try:
        number = running[pid].recv(1)
    except OSError:
        number = b""
    if number:
        os.kill(pid, number[0])
    else:
        kill(pid)
        os.waitpid(pid, 0)
        running.pop(pid).close()


def kill(pid: int) -> None:
    """End a process and its session, which it may not have begun yet."""
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError):
            end(pid, signal.SIGKILL)


def stand_for(command: Command) -> None:
    """Take the caller's folder, environment, streams and search path."""
    os.chdir(command.folder)
    os.environ.clear()
    os.environ.update(command.variables)
    for number, stream in enumerate(command.streams):
        os.dup2(stream, number)
        os.close(stream)
    first, *_ = command.arguments
    own = command.folder if first == "-m" else str(Path(first).resolve().parent)
    named = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:1] = [own, *named]  # in place of the folder of this file


def run(command: Command) -> None:
    """Do what Python does with these arguments."""
    first, *others = command.arguments
    if first == "-m":
        sys.argv = others
        runpy.run_module(others[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command.arguments
        main = sys.modules["__main__"] = ModuleType("__main__")
        main.__file__ = str(Path.cwd() / first)
        exec(compile(Path(first).read_bytes(), main.__file__, "exec"), vars(main))


def serve(number: int, folder: str) -> Command:
    """Load the libraries and answer at the socket of this number; the folder goes at the end."""
    for name in LIBRARIES.split():
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is here stays, and is not looked through again in every process
    try:
        return next_command(socket.socket(fileno=number))
    except SystemExit:
        shutil.rmtree(folder)
        raise


def end(command: Command) -> None:
    """Run a command and end as Python does, without taking the libraries apart, which takes longer than most jobs."""
    code = 0
    try:
        run(command)
    except SystemExit as ended:
        said = ended.code
        code = int(said or 0) if isinstance(said, int | None) else 1
        if said and not isinstance(said, int):
            print(said, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # those that are no daemons have their time
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code & 255)


if __name__ == "__main__":
    asked = serve(int(sys.argv[1]), sys.argv[2])
    stand_for(asked)
    end(asked)
