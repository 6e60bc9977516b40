"""Start a training command on several cards: `python -m abaw.commands.cards 4 SCRIPT ARGUMENTS...`.

torch's launcher starts as many processes, which find each other by its variables, and ends all when one of them fails.
That one has said why; nothing is added to it, so that its sentence stays the last of the log.
"""

import logging
import os
import sys

from abaw.commands.base import out_of_time, run


def main() -> None:
    """Start the processes and wait for them; exit as the first that failed."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as launch

    count, script, *arguments = sys.argv[1:]
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # each sets its own by compute.threads
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    try:
        launch(["--standalone", f"--nproc-per-node={count}", script, *arguments])
    except ChildFailedError as error:
        code = error.get_first_failure()[1].exitcode
        sys.exit(128 - code if code < 0 else code)  # a signal, as a shell says it
    except SignalException as ended:
        sys.exit(out_of_time(ended.sigval))


if __name__ == "__main__":
    run(main)
