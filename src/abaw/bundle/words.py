"""What a bundle knows, in plain words."""

from collections.abc import Iterator

from abaw.bundle.form import Bundle, StoredScore, StoredTask
from abaw.tasks import TASKS, TaskName

_MEASURES = {
    "ccc_valence": "CCC of valence",
    "ccc_arousal": "CCC of arousal",
    "ccc_mean": "mean CCC",
    "f1_macro": "macro F1",
}


def in_words(bundle: Bundle) -> str:
    """What it recognises, what it was trained on, how good it is, and what it is not valid for."""
    return "\n".join(_lines(bundle))


def _lines(bundle: Bundle) -> Iterator[str]:
    commit = bundle.commit or "unknown"
    yield f"A bundle of abaw-flow, version {bundle.version}, made by {bundle.package} (commit {commit})."
    for name, task in TASKS.items():
        known = bundle.tasks.get(name)
        yield ""
        if known is None:
            yield f"It has no model for {task.title}: these columns stay empty."
            continue
        yield from _of_task(name, known)
    yield ""
    on = bundle.trained_on
    corpus = "the embedded corpus" if on.corpus == "demo" else "AffWild2" if on.edition == "affwild2" else "a corpus"
    corpus = " and ".join(on.data) or corpus
    first = f", after pre-training on {', '.join(on.pretraining)}" if on.pretraining else ""
    yield f"Trained on {corpus}{first}. Faces are looked for {bundle.settings.faces.analysis_rate_hz:g} times a second."
    yield from bundle.limits
    for entry in bundle.left_out:
        yield f"Not in it: {entry}."
    yield "Licences: " + "; ".join(f"{name}, {licence}" for name, licence in sorted(bundle.licences.items())) + "."


def _of_task(name: TaskName, known: StoredTask) -> Iterator[str]:
    task = TASKS[name]
    chosen = known.systems[known.preferred]
    yield f"{task.title.capitalize()}: {known.preferred}, {chosen.title} ({', '.join(chosen.models)})."
    for system, said in (
        (
            f"{known.preferred}_nested",
            "on validation videos on which none of its windows, models or weights was chosen",
        ),
        (known.preferred, "on the validation videos on which it was chosen, so rather too good"),
    ):
        if score := _challenge_score(known, system, task.challenge_measure):
            yield f"  {_value(score)} {said}: {score.videos} videos, {score.rows} frames"
    for model in chosen.models if len(chosen.models) > 1 else ():
        if score := _challenge_score(known, model, task.challenge_measure):
            yield f"  {model} alone, on the same videos: {_value(score)}"
    others = sorted(set(known.systems) - {known.preferred})
    if others:
        yield f"  Others in it: {', '.join(others)}."


def _challenge_score(known: StoredTask, system: str, measure: str) -> StoredScore | None:
    return next((score for score in known.scores if (score.system, score.measure) == (system, measure)), None)


def _value(score: StoredScore) -> str:
    return f"{_MEASURES.get(score.measure, score.measure)} {score.value:.2f} ({score.low:.2f} to {score.high:.2f})"
