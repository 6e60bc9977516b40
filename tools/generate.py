"""Write what follows from other files: the configuration's page and schema, environments, measured figures.

    python tools/generate.py            write them
    python tools/generate.py --check    write nothing; fail, naming the files, where they differ

The first two follow from the typed configuration in src/abaw/config/ and the values in config/config.yaml, the page of
values from tools/values.yaml beside these, the environments from requirements.lock and requirements-spleeter.lock, and
all that is measured from docs/measured.json.
"""

import argparse
import inspect
import json
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import measured
import yaml
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tools")]

from values import values_page  # noqa: E402  (the folders need not be installed)

from abaw.config import Config, Section  # noqa: E402

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
"""

POST_DEPLOY = """#!/usr/bin/env bash
# Generated from {lock} by `make generate`: the lock as it stands, then what this machine's build of torch asks for.
set -euo pipefail
lock=$(mktemp)
trap 'rm -f "$lock"' EXIT
cat > "$lock" <<'PINS'
{pins}
PINS
python -m pip install --quiet --disable-pip-version-check --no-deps -r "$lock"
python -m pip install --quiet --disable-pip-version-check --constraint "$lock" torch
"""


def config_readme() -> str:
    """One table a section: key, type, embedded default, meaning."""
    values = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))
    lines = [README_HEAD]
    for path, model, here in _sections("", Config, values):
        fields = {name: info for name, info in model.model_fields.items() if not _section_of(info)}
        if not fields:
            continue
        lines += [f"## {path or 'top level'}", "", inspect.cleandoc(model.__doc__ or ""), ""]
        lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
        for name, info in fields.items():
            value = here.get(name, None if info.is_required() else info.default)
            default = yaml.safe_dump(value, default_flow_style=True).removesuffix("...\n").strip()
            default = "" if name not in here and info.is_required() else f"`{default}`"
            lines.append(f"| `{name}` | {_type(info)} | {default} | {info.description} |")
        lines.append("")
    return "\n".join(lines)


def config_schema() -> str:
    """JSON schema of the configuration, for editors."""
    return json.dumps(Config.model_json_schema(), indent=2) + "\n"


def environment(lock: str) -> str:
    """A conda environment whose pip section repeats the lock: Snakemake copies the yaml alone, a link would break."""
    return ENVIRONMENT_HEAD.format(lock=lock) + "  - pip:\n" + "".join(f"      - {pin}\n" for pin in _pins(lock))


def bare_environment(lock: str) -> str:
    """A conda environment with nothing but Python; `post_deploy` fills it."""
    return ENVIRONMENT_HEAD.format(lock=lock)


def post_deploy(lock: str) -> str:
    """What Snakemake runs in the new environment: a pip section cannot say --no-deps, and a script is copied alone."""
    return POST_DEPLOY.format(lock=lock, pins="\n".join(_pins(lock)))


def _pins(lock: str) -> list[str]:
    lines = (ROOT / lock).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _sections(path: str, model: type[Section], values: Any) -> Iterator[tuple[str, type[Section], Any]]:
    yield path, model, values
    for name, info in model.model_fields.items():
        inner = _section_of(info)
        if inner is None:
            continue
        here, below = f"{path}.{name}" if path else name, values[name]
        if typing.get_origin(info.annotation) is dict:  # sections by name, of which the first is shown
            below, here = next(iter(below.values()), {}), f"{here}.NAME"
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


def measured_files() -> dict[str, Callable[[], str]]:
    """docs/measured.md, and each page with tables of figures."""
    named, figures = measured.read_figures(), measured.read_measured()
    found: dict[str, Callable[[], str]] = {"docs/measured.md": partial(measured.measured_page, named, figures)}
    for path in measured.pages():
        text = path.read_text(encoding="utf-8")
        if measured.BLOCK.search(text):
            found[str(path.relative_to(ROOT))] = partial(measured.with_tables, text, named, figures)
    return found


FILES = {
    "config/README.md": config_readme,
    "config/schema.json": config_schema,
    "docs/values.md": partial(values_page, ROOT),
    "envs/main.yaml": partial(bare_environment, "requirements.lock"),
    "envs/main.post-deploy.sh": partial(post_deploy, "requirements.lock"),
    "envs/spleeter.yaml": partial(environment, "requirements-spleeter.lock"),
}


def generate(check: bool = False) -> list[str]:
    """Write every generated file that differs from what it follows from, or with `check` none; their names."""
    stale = []
    for name, make in {**FILES, **measured_files()}.items():
        path, text = ROOT / name, make()
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(name)
            if not check:
                path.write_text(text, encoding="utf-8", newline="\n")
    return stale


def main() -> None:
    """Write or check every generated file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where a file differs")
    check = parser.parse_args().check
    stale = generate(check)
    if check and stale:
        sys.exit(f"{', '.join(stale)} differ from what they are generated from; run `make generate` and commit them")
    print("nothing differs" if not stale else f"written: {', '.join(stale)}")


if __name__ == "__main__":
    main()
