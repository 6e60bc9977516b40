"""The stage fusion: several models into one, by Dirichlet weights or a random forest (paper §2.3).

In: the models' predictions at the frames, and the labels of validation. Out: fused values at the same rows, and what
was fitted. Read by submission and report.

`abaw.fusion.DirichletWeightedFusion` is the class of `abaw.fusion.dirichlet`, looked up when it is asked for, so that
what needs another module of this package does not depend on that one.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "DirichletWeightedFusion":
        return import_module("abaw.fusion.dirichlet").DirichletWeightedFusion
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
