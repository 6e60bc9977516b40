"""The shell around every job: where the package is, a scratch folder, its GPU, and a last word where it has none."""

import re
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

# What the system ends without a word gets a sentence from the shell around it, by its exit code: 128 and the signal. So
# does what could not log why it ended, on a disk without a free block.
_EPITAPH = (
    "case $? in"
    " 0) ;;"
    " 137) echo 'error: the job was killed, most likely for want of memory; give it more (resources: mem_mb), or run"
    " fewer side by side (--cores); then run the same command again' >&2;;"
    " 134|135|139) echo 'error: a library ended the job, often for want of memory or by a broken file; its log says"
    " more; run the same command again' >&2;;"
    ' *) if [ "$(stat -f -c %a . 2>/dev/null)" = 0 ];'
    " then echo 'error: the disk is full; make room and run the same command again' >&2; fi;;"
    " esac"
)
# Each job has a scratch folder of its own, which goes with it.
_ENDING = f'{_EPITAPH}; rm -rf "$TMPDIR"'

LOCKS = ".snakemake/gpus"


def prefix(source: Path, gpus: Sequence[str] | None) -> str:
    """What comes before every job's command: `source` holds the package; `gpus` are the cards that a run may use.

    The function `take_gpu`, called with how many a job was given, takes cards of its own for the job, which sees these
    alone by `CUDA_VISIBLE_DEVICES`; a job that was given none sees none. A card that is named twice takes two jobs. The
    lock on a card's file is held by the job's processes and goes with the last of them, however it ends. Where `gpus`
    is None somebody else, such as SLURM, says which cards a job sees.
    """
    return (
        f"set -euo pipefail; export PYTHONPATH={shlex.quote(str(source))}; "
        f"TMPDIR=$(mktemp -d -t abaw.XXXXXXXX); export TMPDIR; trap {shlex.quote(_ENDING)} EXIT; "
        f"{_take_gpu(gpus)} "
    )


def _take_gpu(gpus: Sequence[str] | None) -> str:
    if gpus is None:
        return "take_gpu() { :; };"
    # Side by side there are never more jobs than cards; what a killed run has left may still hold one for a while.
    places = " ".join(shlex.quote(f"{lock}:{gpu}") for lock, gpu in zip(_locks(gpus), gpus, strict=True))
    return (
        "export CUDA_VISIBLE_DEVICES=; "
        "take_gpu() { "
        f'local wanted=$1 place gpu held taken=; if [ "$wanted" = 0 ]; then return; fi; mkdir -p {LOCKS}; '
        "while true; do "
        f"for place in {places}; do "
        'gpu="${place#*:}"; '
        'case ",$taken," in *",$gpu,"*) continue;; esac; '
        f'exec {{held}}>> "{LOCKS}/${{place%%:*}}"; '
        'if flock --nonblock "$held"; then taken="${taken:+$taken,}$gpu"; wanted=$((wanted - 1)); '
        "else exec {held}>&-; fi; "
        'if [ "$wanted" = 0 ]; then export CUDA_VISIBLE_DEVICES="$taken"; return; fi; '
        "done; sleep 1; "
        "done; };"
    )


def _locks(gpus: Sequence[str]) -> list[str]:
    """A file name for each card, and others for the second and further times that it is named."""
    seen: Counter[str] = Counter()
    found = []
    for gpu in gpus:
        found.append(re.sub("[^A-Za-z0-9-]", "_", gpu) + (f".{seen[gpu]}" if seen[gpu] else ""))
        seen[gpu] += 1
    return found


def gpus_of(count: int, visible: str | None) -> list[str]:
    """The names of `count` cards: the first of those that `CUDA_VISIBLE_DEVICES` leaves, or those numbered from 0.

    >>> gpus_of(2, None), gpus_of(2, "3,GPU-7a,5")
    (['0', '1'], ['3', 'GPU-7a'])
    """
    named = [name.strip() for name in visible.split(",")] if visible else [str(number) for number in range(count)]
    return named[:count]
