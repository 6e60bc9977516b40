"""The stage predict: what the people in any video express, second by second, by the models of a bundle.

In: a folder of videos and a bundle. Out: for each video the table `people`, a row for every frame and subject.
In Python, `abaw.predict("film.mp4")` calls `abaw.predict.calling.predict_file`: this package can be called.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """The package, which is a function too; what it runs is imported by its name, so that no rule depends on it."""

    def __call__(self, *arguments: Any, **settings: Any) -> Any:
        return import_module("abaw.predict.calling").predict_file(*arguments, **settings)


sys.modules[__name__].__class__ = _Callable
