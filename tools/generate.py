"""Write the files that follow from others: config/README.md, config/schema.json and envs/*.yaml.

    python tools/generate.py            write them
    python tools/generate.py --check    write nothing; fail, naming the files, where they differ

The first two follow from the typed configuration in src/abaw/config/ and the values in config/config.yaml, the
environments from requirements.lock and requirements-spleeter.lock.
"""

import argparse
import json
import sys
import types
import typing
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from abaw.config import Config, Section  # noqa: E402  (the package need not be installed)

README_HEAD = """# Configuration

`config.yaml` is complete and is the embedded default. Give a file of your own with `--configfile my.yaml`: it needs
only the keys that differ. Unknown keys, wrong types and values out of range stop the run before any job, in a sentence.

This page is generated from `src/abaw/config/` by `make generate`.
"""

ENVIRONMENT_HEAD = """# Generated from {lock} by `make generate`, conda and make install the same pins.
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def config_readme() -> str:
    """One table a section: key, type, embedded default, meaning."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    lines = [README_HEAD]
    for path, model, here in _sections("", Config, values):
        fields = {name: info for name, info in model.model_fields.items() if not _section_of(info)}
        if not fields:
            continue
        lines += [f"## {path or 'top level'}", "", (model.__doc__ or "").strip(), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for name, info in fields.items():
            default = yaml.safe_dump(here[name], default_flow_style=True).removesuffix("...\n").strip()
            lines.append(f"| `{name}` | {_type(info)} | `{default}` | {info.description} |")
        lines.append("")
    return "\n".join(lines)


def config_schema() -> str:
    """JSON schema of the configuration, for editors."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def environment(lock: str) -> str:
    """A conda environment whose pip section repeats the lock: Snakemake copies the yaml alone, a link would break."""
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    pins = "".join(f"      - {line}\n" for line in lines if line and not line.startswith("#"))
    return ENVIRONMENT_HEAD.format(lock=lock) + pins


def _sections(path: str, model: type[Section], values: Any) -> Iterator[tuple[str, type[Section], Any]]:
    yield path, model, values
    for name, info in model.model_fields.items():
        inner = _section_of(info)
        if inner is None:
            continue
        here, below = f"{path}.{name}" if path else name, values[name]
        if typing.get_origin(info.annotation) is dict:  # sections by name, of which the first is shown
            below, here = next(iter(below.values())), f"{here}.NAME"
        yield from _sections(here, inner, below)


def _section_of(info: FieldInfo) -> type[Section] | None:
    """The section that a field is, or has by name; None where it is a value."""
    annotation = info.annotation
    if typing.get_origin(annotation) is dict:
        annotation = typing.get_args(annotation)[1]
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _type(info: FieldInfo) -> str:
    """The type in words, with its range."""
    return _words(info.annotation, info.metadata)


def _words(annotation: Any, constraints: Sequence[Any] = ()) -> str:
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is type(None):
        return "null"
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in parts)
    if origin is Annotated:
        inner = parts[1].metadata if isinstance(parts[1], FieldInfo) else parts[1:]
        return _words(parts[0], inner)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(_words(part) for part in parts)
    if origin is list:
        return f"list of: {_words(parts[0])}"
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {getattr(constraint, name)}"
        for constraint in constraints
        for name, sign in signs.items()
        if getattr(constraint, name, None) is not None
    ]
    names = {"str": "text", "int": "whole number", "float": "number", "bool": "`true` or `false`"}
    return ", ".join([names[annotation.__name__], *bounds])


FILES = {
    "config/README.md": config_readme,
    "config/schema.json": config_schema,
    "envs/main.yaml": partial(environment, "requirements.lock"),
    "envs/spleeter.yaml": partial(environment, "requirements-spleeter.lock"),
}


def main() -> None:
    """Write or check every generated file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a file differs")
    check = parser.parse_args().check
    stale = []
    for name, make in FILES.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8", newline="\n")
    if check and stale:
        sys.exit(f"{', '.join(stale)} differ from what they are generated from; run `make generate` and commit them")
    print(f"{'checked' if check else 'written'}: {', '.join(FILES)}")


if __name__ == "__main__":
    main()
