"""What foreign bytes are decoded in: a process with bounded memory, without a network, that writes no files.

`python -m abaw.media.confined PROGRAM ARGUMENT ...` becomes such a process and then the program.
"""

import ctypes
import os
import resource
import sys

MEMORY_BYTES = 4_000_000_000
"""Address space: 8K of ten bits on a few threads fits in."""
_LARGEST_FILE_BYTES = 1 << 20
"""Of what it says on its standard error, the one file that it has open for writing."""
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # CLONE_NEWUSER and CLONE_NEWNET of <linux/sched.h>


def confine() -> bool:
    """Confine this process, which has one thread as yet; whether the system let it leave the network.

    Where the system has no namespaces for it, `protocol_whitelist` still keeps ffmpeg from the network.
    """
    for limit, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, _LARGEST_FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(limit)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (least, least))
    unshare = getattr(ctypes.CDLL(None), "unshare", None)  # Linux has it, as root or with a user namespace around it
    return unshare is not None and (not unshare(_NEW_NETWORK) or not unshare(_NEW_USER | _NEW_NETWORK))


if __name__ == "__main__":
    confine()
    os.execv(sys.argv[1], sys.argv[1:])
