"""What a run of `predict` will do, by the configuration, the videos and the bundle."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from abaw.bundle.form import Bundle
from abaw.bundle.reading import files_of_bundle, read_bundle
from abaw.config import FacesConfig, PredictConfig, SpeechConfig
from abaw.config.predict import Also
from abaw.media.video import EVERY_FRAME_HZ
from abaw.predict.films import Films, find_films, readable
from abaw.running.errors import UserError
from abaw.tasks import TaskName
from abaw.weights.manifest import Weights, weights_of_recogniser

DEFAULT_BUNDLE = Path(__file__).resolve().parents[3] / "resources" / "bundles" / "default"

KINDS = ("frames.parquet", "frames.csv", "metadata.json", "viewer.html")
ALSO: dict[Also, str] = {
    "annotated": "annotated.mp4",
    "elan": "{film}.eaf",
    "praat": "{film}.TextGrid",
    "subtitles": "{film}.vtt",
    "speakers": "{film}.rttm",
}


@dataclass(frozen=True)
class Plan:
    """The videos, where the bundle lies, what it says, the settings of the stages, which are the bundle's, and what
    recognises people, if anything does.
    """

    films: Films
    source: Path
    bundle: Bundle
    faces: FacesConfig
    speech: SpeechConfig
    recogniser: Weights | None

    @property
    def hears(self) -> bool:
        """Whether a preferred system has a model that hears, or the gate asks for a voice."""
        models = {model for task in self.bundle.tasks.values() for model in task.systems[task.preferred].models}
        return bool(models - {"visual", "functional"}) or self.speech.gate.source != "mouth"

    def embedded_on(self, device: str) -> list[TaskName]:
        """The tasks for whose faces a network is exported: their systems see, and a CPU may be what runs them."""
        return [] if device == "cuda" else [name for name, task in self.bundle.tasks.items() if task.sees]

    @property
    def mouths_hz(self) -> float:
        """How many frames a second have their mouths measured: where the gate does not ask for them, the analysed."""
        gate = self.speech.gate
        return self.faces.analysis_rate_hz if gate.source == "vad" else gate.rate_hz or EVERY_FRAME_HZ

    def bundle_files(self) -> list[str]:
        """The files that the bundle lies in."""
        return files_of_bundle(self.source)

    @property
    def bundle_digest(self) -> str:
        """Of what the bundle says, the digests of its files too: a bundle may be replaced by an older one."""
        return sha256(self.bundle.model_dump_json().encode()).hexdigest()

    def bundle_names(self) -> list[str]:
        """The names of the bundle's files, bundle.json first."""
        return ["bundle.json", *self.bundle.files]


def default_bundle() -> Path:
    """The bundle that the repository carries; `UserError` where there is none."""
    if not DEFAULT_BUNDLE.exists():
        raise UserError(
            f"no bundle is named, and there is none in {DEFAULT_BUNDLE}; get a clone that has it, or train one (`make "
            "demo`, then `abaw export`) and name it: predict.bundle, --bundle or BUNDLE="
        )
    return DEFAULT_BUNDLE


def plan_prediction(settings: PredictConfig, with_probe: bool) -> Plan | None:
    """The plan, or None where no videos are named; `with_probe` says whether each video's head is read.

    Raises `UserError` where the videos, the bundle or the recogniser are not there or cannot be used.
    """
    if settings.videos is None:
        return None
    source = default_bundle() if settings.bundle is None else Path(settings.bundle)
    if "{" in str(source):
        raise UserError(f"predict.bundle is {str(source)!r}, whose braces Snakemake would take for its own; rename it")
    bundle = read_bundle(source)
    films = find_films(Path(settings.videos))
    faces = bundle.settings.faces
    faces = faces.model_copy(
        update={
            "analysis_rate_hz": settings.fps or faces.analysis_rate_hz,
            "subject": "prominent",
            "detect_every_s": settings.detect_every_s,
        }
    )
    speech = bundle.settings.speech
    if settings.mouths_hz is not None and speech.gate.rule == "movement":
        rate_hz = min(settings.mouths_hz, speech.gate.rate_hz or settings.mouths_hz)
        speech = speech.model_copy(update={"gate": speech.gate.model_copy(update={"rate_hz": rate_hz})})
    recogniser = None if settings.recogniser is None else weights_of_recogniser(settings.recogniser)
    films = readable(films) if with_probe else films
    return Plan(films, source, bundle, faces, speech, recogniser)


def wanted(plan: Plan | None, settings: PredictConfig) -> list[str]:
    """What the target `predict` asks for; `UserError` where no videos are named."""
    if plan is None:
        raise UserError("predict.videos is null, so there is nothing to predict; set it to the folder of your videos")
    kinds = [*KINDS, *(ALSO[name] for name in settings.also)]
    each = [f"{settings.out}/{film}/{kind.format(film=film)}" for film in plan.films.paths for kind in kinds]
    return each + [f"{settings.out}/{name}" for name in ("failed.csv", "summary.csv", "index.html")]
