"""Opening a bundle, a folder or a zip: nothing in it is trusted before its form and its digests have been checked."""

import hashlib
import json
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from abaw.bundle.form import FORM, JSON_NAME, VERSION, Bundle
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.tasks import TaskName
from abaw.weights.cards import Card

LARGEST_JSON_BYTES = 16 << 20
_PIECE = 1 << 20
_DAMAGED = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError, EOFError, OSError, RuntimeError)
"""What reading a zip raises that is cut off, altered, encrypted, or packed by a method that is not known here."""


def read_bundle(path: Path) -> Bundle:
    """What the `bundle.json` of a folder or a zip says; the other files are not looked at.

    Raises `UserError` with one sentence where there is none, or it is newer than this code, or of another form.
    """
    return _parsed(path, _json_text(path))


def _json_text(path: Path) -> bytes:
    text = b""
    for piece in _pieces(path, JSON_NAME):
        text += piece
        if len(text) > LARGEST_JSON_BYTES:
            raise UserError(f"{path} is no bundle: its {JSON_NAME} is longer than {LARGEST_JSON_BYTES >> 20} MiB")
    return text


def _parsed(path: Path, text: bytes) -> Bundle:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is no bundle: its {JSON_NAME} is not JSON ({error})") from error
    if not isinstance(said, dict) or said.get("form") != FORM:
        raise UserError(f"{path} is no bundle of abaw-flow: its {JSON_NAME} does not say form: {FORM!r}")
    version = said.get("version")
    if isinstance(version, int) and version > VERSION:
        raise UserError(
            f"{path} is a bundle of version {version}, newer than this code, which reads version {VERSION}; update "
            "abaw-flow"
        )
    try:
        return Bundle.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise UserError(
            f"{path} is a bundle of another form: {where}: {first['msg']}; export it anew with the version of "
            f"abaw-flow that reads it (it was made by {said.get('package')})"
        ) from error


def unpack_bundle(path: Path, folder: Path) -> Bundle:
    """Copy a bundle's files into `folder`, each checked against its digest while it is read.

    Raises `UserError` where a file is missing, is not the one that `bundle.json` means, or is a link.
    """
    text = _json_text(path)
    bundle = _parsed(path, text)
    for name, expected in bundle.files.items():
        digest = hashlib.sha256()
        left = expected.size_bytes
        with whole_file(folder / name) as beside, beside.open("wb") as target:
            for piece in _pieces(path, name):
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                target.write(piece)
            if left or digest.hexdigest() != expected.sha256:
                raise UserError(
                    f"{path} has been altered or cut off: {name} is not the file of {expected.size_bytes} bytes "
                    f"with the sha256 {expected.sha256}; get the bundle again"
                )
    with whole_file(folder / JSON_NAME) as beside:
        beside.write_bytes(text)
    return bundle


def files_of_bundle(path: Path) -> list[str]:
    """The files that a bundle lies in: the zip, or those of the folder."""
    if not path.is_dir():
        return [str(path)]
    return [str(path / name) for name in (JSON_NAME, *read_bundle(path).files)]


def stored_model(folder: Path, bundle: Bundle, task: TaskName, name: str) -> tuple[Path, Card]:
    """The weights of a model of the bundle in `folder`, and its card, which says in a sentence what it lacks."""
    stored = bundle.tasks[task].models[name]
    return folder / stored.weights, Card(stored.card, folder / JSON_NAME)


def _pieces(path: Path, name: str) -> Iterator[bytes]:
    """A file of the bundle, whose name comes from a form that has no way out of the folder, piece by piece."""
    if path.is_dir():
        with _checked(path, name).open("rb") as handle:
            yield from iter(lambda: handle.read(_PIECE), b"")
        return
    if not path.exists():
        raise UserError(f"there is no bundle {path}; give a folder or a zip that `abaw export` has made")
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as packed:
            while piece := packed.read(_PIECE):
                yield piece
    except KeyError as error:
        raise UserError(f"{path} is no complete bundle: it has no {name} at its top; get it again") from error
    except _DAMAGED as error:
        raise UserError(f"{path} is no bundle: it is neither a folder nor a whole zip ({error})") from error


def _checked(path: Path, name: str) -> Path:
    """A file in the folder of a bundle; `UserError` where it is not there or a link leads to it."""
    file = path / name
    if any(part.is_symlink() for part in (file, *(p for p in file.parents if p.is_relative_to(path) and p != path))):
        raise UserError(f"{file} is a link; a bundle must hold its files itself")
    if not file.is_file():
        raise UserError(f"{path} is no complete bundle: it has no {name}; export it or copy it again")
    return file


def zip_bundle(folder: Path, path: Path) -> None:
    """Write the bundle of a folder as a zip, whole or not at all; the same bundle gives the same bytes."""
    with whole_file(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (JSON_NAME, *read_bundle(folder).files):
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            with (folder / name).open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target)
