"""What a SLURM cluster still runs in a folder, from a run that has ended before its jobs."""

import getpass
import subprocess
from pathlib import Path

from abaw.running.errors import UserError

JOB_PREFIX = "abaw_"
"""How the jobs of workflow/profiles/slurm are named, before the number of their run."""
_PATIENCE_S = 10.0


def check_none_left(folder: Path) -> None:
    """Raise `UserError` where jobs that an earlier run has submitted in `folder` still wait or run.

    A run that is killed, or whose machine goes down, leaves its jobs in the queue. They would write and remove the same
    files as those of the next run. Without SLURM, or where SLURM does not answer, nothing is checked.
    """
    left = jobs_left(folder)
    if left:
        raise UserError(
            f"jobs of an earlier run still wait or run in {folder.resolve()} ({len(left)} of them); wait until they "
            f"have ended, or end them: scancel {' '.join(left)}"
        )


def jobs_left(folder: Path) -> list[str]:
    """The numbers of this user's waiting and running jobs that the workflow has submitted in `folder`."""
    command = ["squeue", "--noheader", "--user", getpass.getuser(), "--format", "%i|%j|%Z"]
    try:
        answer = subprocess.run(command, capture_output=True, check=True, text=True, timeout=_PATIENCE_S).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    jobs = (line.split("|", 2) for line in answer.splitlines())
    here = folder.resolve()
    return [number for number, name, place in jobs if name.startswith(JOB_PREFIX) and Path(place).resolve() == here]
