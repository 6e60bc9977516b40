"""The weights of others that the project uses, as `resources/weights.yaml` lists them.

A file of weights is what its digest says, whatever its name and wherever it comes from.
"""

import hashlib
import importlib.util
from os import PathLike
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from abaw.running.errors import UserError

MANIFEST = Path(__file__).parents[3] / "resources" / "weights.yaml"
_SUFFIXES = {"retinaface": ".pth", "insightface": ".onnx"}
Colour = tuple[float, float, float]


class Weights(BaseModel):
    """A file of weights: `file` is its name where it is downloaded, and its place in the package that carries it.

    `mean` and `std` are of the three channels in the order that `input` says; None where the network takes no pixels.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]
    url: Annotated[str, Field(pattern=r"^https?://")] | None = None
    member: str | None = None
    package: str | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    licence: str
    input: str
    mean: Colour | None
    std: Colour | None

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> "Weights":
        if (self.url is None) == (self.package is None):
            raise ValueError("needs a url or a package, and not both")
        if ".." in Path(self.file).parts or (self.url is not None and "/" in self.file):
            raise ValueError(f"has the file {self.file}, expected a plain name")
        return self


def read_manifest(path: str | PathLike[str] = MANIFEST) -> dict[str, Weights]:
    """All weights by name; `UserError` where the manifest cannot be read or an entry is not as `Weights` wants it."""
    try:
        entries = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        return {name: Weights(name=name, **entry) for name, entry in entries.items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise UserError(f"the manifest {path} cannot be read ({error}); get it from the repository again") from error
    except ValidationError as error:
        details = "; ".join(f"{_place(detail)} {detail['msg']}" for detail in error.errors())
        raise UserError(f"an entry of the manifest {path} is wrong: {details}") from error


def known(name: str, path: str | PathLike[str] = MANIFEST) -> Weights:
    """The weights of this name; `UserError` with all names where the manifest has none."""
    manifest = read_manifest(path)
    if name not in manifest:
        raise UserError(f"there are no weights {name} in {path}, which knows {', '.join(manifest)}; add an entry")
    return manifest[name]


def weights_of_detector(detector: str, name: str | None) -> Weights | None:
    """The weights of a face detector (`faces.detector`, `faces.weights`); None for the one whose package has them.

    Raises `UserError` where the manifest has none of that name, or their file is not one that the detector reads.
    """
    if name is None:
        return None
    weights, suffix = known(name), _SUFFIXES[detector]
    if weights.url is None or Path(weights.file).suffix != suffix:
        fitting = [one.name for one in read_manifest().values() if one.url and Path(one.file).suffix == suffix]
        raise UserError(
            f"faces.weights is {name}, whose file {weights.file} is none for faces.detector {detector}; those of "
            f"resources/weights.yaml that end in {suffix} are {', '.join(fitting)}"
        )
    return weights


def packaged(name: str) -> list[str]:
    """The name itself where it is that of weights that an installed package has, such as an encoder's; else none."""
    weights = read_manifest().get(name)
    return [name] if weights and weights.package else []


def weights_of_recogniser(name: str) -> Weights:
    """The weights that recognise faces (`predict.recogniser`); `UserError` where there are none or they cannot be."""
    weights = known(name)
    if Path(weights.file).suffix != ".onnx" or None in (weights.url, weights.mean, weights.std):
        raise UserError(
            f"predict.recogniser is {name}, expected an entry of resources/weights.yaml with an ONNX file, a url, mean "
            "and std, such as sface"
        )
    return weights


def package_file(weights: Weights) -> Path:
    """Where an installed package has the file, found without running the package; the digest is not yet checked."""
    spec = importlib.util.find_spec(weights.package or weights.name)
    if spec is None or spec.origin is None:
        raise UserError(
            f"the weights {weights.name} come with the package {weights.package}, which is not installed; run make "
            "setup"
        )
    return Path(spec.origin).parent / weights.file


def sha256_of(path: str | PathLike[str]) -> str:
    """The hex digest of a file, read in pieces; `UserError` where it cannot be read."""
    try:
        with Path(path).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"the weights {path} cannot be read: {error}") from error


def check(weights: Weights, path: str | PathLike[str], origin: str | None = None) -> None:
    """Refuse a file that is not the known one, in a sentence that names `origin`, or the path."""
    digest = sha256_of(path)
    if digest != weights.sha256:
        raise UserError(
            f"{origin or path} has the sha256 {digest}, expected {weights.sha256} for {weights.name}: files of one "
            "name differ, and others may find false faces or hold anything; get the one with this digest"
        )


def _place(detail: Any) -> str:
    return ".".join(str(part) for part in detail["loc"])
