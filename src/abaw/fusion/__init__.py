"""The stage fusion: combine several models, by Dirichlet weights or a random forest (paper §2.3).

In: the models' values at the rows, and the validation labels. Out: fused values at the same rows, and what was fitted.
Read by submission and report.

`abaw.fusion.DirichletWeightedFusion` is the class of `abaw.fusion.dirichlet`. It is imported only when it is asked for,
so that jobs which use another module of this package do not run again when that one changes.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    if name == "DirichletWeightedFusion":
        return import_module("abaw.fusion.dirichlet").DirichletWeightedFusion
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
