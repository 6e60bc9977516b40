"""What `python` is in a run of the tests: it hands its command to the server of tests/warm.py, and ends as that ends.

    python -IS warm_call.py SOCKET ARGUMENTS...

What the server cannot do in the same way begins anew: all but scripts and Snakemake, and scripts on several threads, as
libraries read their number when they are loaded. So does, where FIRST_ANEW names a folder, each script that has not
been noted there: every command then runs once as it does for a user.
"""

import marshal
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGXCPU)


def begins_anew(arguments: list[str]) -> bool:
    """Whether Python itself has to run these arguments."""
    if arguments[:2] == ["-m", "snakemake"]:
        return False
    if not arguments or not arguments[0].endswith(".py") or os.environ.get("OMP_NUM_THREADS") != "1":
        return True
    notes = os.environ.get("FIRST_ANEW")
    return bool(notes) and is_first(f"{notes}/{arguments[0].rpartition('/')[2]}")


def is_first(note: str) -> bool:
    """Whether there is no such file yet; now there is."""
    try:
        os.close(os.open(note, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def main() -> None:
    """Hand over, wait, end."""
    place, *arguments = sys.argv[1:]
    if begins_anew(arguments):
        os.execv(sys.executable, [sys.executable, *arguments])
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(place)
        folder = os.getcwd()  # noqa: PTH109 - pathlib takes longer to load than all the rest
        said = marshal.dumps((folder, dict(os.environ), arguments))
        socket.send_fds(server, [len(said).to_bytes(4)], [0, 1, 2])
        server.sendall(said)
        for number in PASSED_ON:
            signal.signal(number, lambda number, _: server.sendall(bytes([number])))
        code = int.from_bytes(server.recv(2) or b"\0\1", signed=True)
    if code >= 0:
        sys.exit(code)
    for number in PASSED_ON:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), -code)


if __name__ == "__main__":
    main()
