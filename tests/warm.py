"""Snakemake and what the workflow imports, for dry runs that fork from a process that has them; nothing of ours."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import filelock  # noqa: F401  (these are here to be imported)
import numpy  # noqa: F401
import pyarrow.parquet  # noqa: F401
import pydantic  # noqa: F401
import snakemake.cli
import snakemake.workflow
import yaml  # noqa: F401


def dry_run(folder: Path, said: Path, arguments: Sequence[str], variables: Mapping[str, str]) -> None:
    """Run `snakemake` with these arguments in the folder, its output in the file `said`; ends the process."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    with said.open("wb") as handle:
        for stream in (1, 2):
            os.dup2(handle.fileno(), stream)
    # As `python -m snakemake` has it: the folder, then the libraries; nothing of this checkout.
    here = str(Path(__file__).parents[1])
    sys.path = [str(folder), *(path for path in sys.path if not path.startswith(here) or "site-packages" in path)]
    sys.argv = ["snakemake", *arguments]
    snakemake.cli.main(list(arguments))
