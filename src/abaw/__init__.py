"""abaw-flow's science: one package for each stage of the workflow, and a few that all stages share.

A stage has the same name everywhere: abaw.faces is run by workflow/rules/faces.smk and described in docs/faces.md. The
packages are typed functions and estimators that know neither Snakemake nor the command line; only abaw.commands knows
argparse. Shared are media, tables, config, nn, running, commands, and the modules tasks and metrics.
"""

import os
from importlib import import_module
from typing import Any

# From 1.29 on, ONNX Runtime's wheels report their use to Microsoft unless this is set before. A user's word stands.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


def __getattr__(name: str) -> Any:
    """`abaw.predict`, which can be called, without its being imported wherever the package is."""
    if name == "predict":
        return import_module("abaw.predict")
    raise AttributeError(f"module 'abaw' has no attribute {name!r}")
