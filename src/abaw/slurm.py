"""What a SLURM cluster still runs in a folder, from a run that has ended before its jobs."""

import getpass
import subprocess
from pathlib import Path

from abaw.errors import UserError

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
        shown = " ".join(left[:20])
        more = f" (and {len(left) - 20} more)" if len(left) > 20 else ""
        raise UserError(
            f"an earlier run has left {len(left)} jobs in the queue that write in {folder.resolve()}{more}; wait until "
            f"they have ended, or end them: scancel {shown}"
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
