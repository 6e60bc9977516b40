"""A stand-in for conda, for tests: solver and installer are rattler's, the channel is a folder with two packages.

    python standin.py make FOLDER    write FOLDER/bin/conda, FOLDER/bin/activate and FOLDER/channel
    FOLDER/bin/conda info|config|env create|--version ...    what Snakemake calls conda for

It is not conda. The channels that an environment's file names are not asked, FOLDER/channel stands in for them. Its
package python is the executable of this machine with the standard library where it is, as in a virtual environment; its
pip is that of the interpreter which has made it. What `pip:` lists is installed by that pip, as conda does.
"""

import argparse
import asyncio
import io
import json
import os
import platform
import shlex
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

import rattler
import yaml
from rattler.index import index_fs

VERSION = "24.7.1"
SITE = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def make_channel(channel: Path) -> None:
    """Write both packages and their index."""
    executable = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    about_python = f"home = {executable.parent}\ninclude-system-site-packages = false\n".encode()
    (channel / "noarch").mkdir(parents=True)
    write_package(
        channel, "python", platform.python_version(), {"bin/python": executable, "pyvenv.cfg": about_python}, []
    )
    import pip

    folder = Path(pip.__file__).parent
    of_pip = {
        f"{SITE}/{path.relative_to(folder.parent)}": path
        for part in (folder, folder.parent / f"pip-{pip.__version__}.dist-info")
        for path in sorted(part.rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    }
    write_package(channel, "pip", pip.__version__, of_pip, ["python >=3.11,<3.12"])
    asyncio.run(index_fs(channel))


def write_package(
    channel: Path, name: str, version: str, files: Mapping[str, Path | bytes], depends: list[str]
) -> None:
    """One package in conda's older format, a tar with its files and what it says of itself in info/."""
    subdir = str(rattler.Platform.current())
    (channel / subdir).mkdir(parents=True, exist_ok=True)
    index = {
        "name": name,
        "version": version,
        "build": "0",
        "build_number": 0,
        "depends": depends,
        "subdir": subdir,
        "timestamp": int(time.time() * 1000),
    }
    paths = {"paths": [{"_path": path, "path_type": "hardlink"} for path in files], "paths_version": 1}
    about = {"info/index.json": json.dumps(index).encode(), "info/paths.json": json.dumps(paths).encode()}
    about["info/files"] = "\n".join(files).encode()
    with tarfile.open(channel / subdir / f"{name}-{version}-0.tar.bz2", "w:bz2") as archive:
        for path, content in {**about, **files}.items():
            if isinstance(content, Path):
                archive.add(content, path)
            else:
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))


async def create(channel: Path, prefix: Path, wanted: list[str]) -> None:
    """Solve for the packages that are wanted, and install them into `prefix`."""
    records = await rattler.solve([channel.as_uri()], wanted, platforms=[str(rattler.Platform.current()), "noarch"])
    await rattler.install(records, prefix, show_progress=False)


def create_environment(channel: Path, file: Path, prefix: Path) -> None:
    """What `conda env create` does: conda's packages first, then pip in the file's folder with what `pip:` lists."""
    listed = yaml.safe_load(file.read_text(encoding="utf-8"))["dependencies"]
    asyncio.run(create(channel, prefix, [item for item in listed if isinstance(item, str)]))
    pins = [pin for item in listed if isinstance(item, dict) for pin in item["pip"]]
    if pins:
        requirements = prefix / "pip-requirements.txt"
        requirements.write_text("\n".join(pins) + "\n", encoding="utf-8")
        install = [prefix / "bin/python", "-m", "pip", "install", "--quiet", "-r", requirements]
        without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run(install, cwd=file.parent, env=without, check=True)


def make(folder: Path) -> None:
    """The command, what it is activated by, and the channel."""
    make_channel(folder / "channel")
    (folder / "bin").mkdir()
    call = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).resolve()))}"
    conda = folder / "bin" / "conda"
    conda.write_text(f'#!/bin/sh\nCONDA_STANDIN={shlex.quote(str(folder))} {call} "$@"\n', encoding="utf-8")
    conda.chmod(0o755)
    (folder / "bin" / "activate").write_text('export CONDA_PREFIX="$1" PATH="$1/bin:$PATH"\n', encoding="utf-8")


def main() -> None:
    """Answer as conda would."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", action="version", version=f"conda {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make").add_argument("folder", type=Path)
    commands.add_parser("info").add_argument("--json", action="store_true")
    commands.add_parser("config").add_argument("--get", choices=["channel_priority"])
    commands.add_parser("clean", help="nothing is kept that could be removed")
    env = commands.add_parser("env").add_subparsers(dest="verb", required=True).add_parser("create")
    for flag in ("--quiet", "--no-default-packages", "--yes"):
        env.add_argument(flag, action="store_true")
    env.add_argument("--file", type=Path, required=True)
    env.add_argument("--prefix", type=Path, required=True)
    args, _ = parser.parse_known_args()
    if args.command == "make":
        make(args.folder.resolve())
    elif args.command == "info":
        print(json.dumps({"conda_prefix": os.environ["CONDA_STANDIN"], "platform": str(rattler.Platform.current())}))
    elif args.command == "config":
        print(json.dumps({"get": {"channel_priority": "strict"}}))
    elif args.command == "env":
        create_environment(Path(os.environ["CONDA_STANDIN"]) / "channel", args.file, args.prefix)


if __name__ == "__main__":
    main()
