"""torchvision and timm without torch's compiler. Import it before either.

They ask the compiler's package, which takes as long to load as torch itself, for two functions: whether an operator can
be compiled, which torchvision's Python part does not have, and to leave something alone when others compile.
"""

import sys
from types import ModuleType

from abaw.nn import compat

COMPILER = "torch._dynamo"


def _import_both() -> None:
    """Import them; where torchvision's operators do not load, with stand-ins for the two functions meanwhile."""
    python_only = compat.prepare()["torchvision"] == "python-only"
    hidden = _stand_ins() if python_only and COMPILER not in sys.modules else []
    try:
        import timm  # noqa: F401
        import torchvision.transforms.v2  # noqa: F401
    finally:
        for name in hidden:
            del sys.modules[name]


def _stand_ins() -> list[str]:
    package, utils = ModuleType(COMPILER), ModuleType(f"{COMPILER}.utils")
    vars(package)["disable"] = lambda function, *_, **__: function
    vars(utils)["is_compile_supported"] = lambda _: False
    sys.modules |= {package.__name__: package, utils.__name__: utils}
    return [package.__name__, utils.__name__]


_import_both()
