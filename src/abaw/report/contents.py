"""What the report consists of, and what a run says when it has ended."""

from pathlib import Path

from abaw.config import CorpusConfig
from abaw.tasks import TASKS


def figures_of_page(with_weights: bool) -> dict[str, str]:
    """The figures of the report's page, with their titles; those of fusion weights where a system has some."""
    kinds = {"timeline": "Timelines", "weights": "Fusion weights", "curves": "Learning curves", "sweep": "Windows"}
    if not with_weights:
        del kinds["weights"]
    found = {
        f"results/report/{kind}_{task}.png": f"{title}, {TASKS[task].title}"
        for kind, title in kinds.items()
        for task in TASKS
    }
    return found | {"results/report/confusion_expr.png": "Confusion, validation"}


def corpus_in_words(corpus: CorpusConfig) -> str:
    """What the report calls the corpus that ran."""
    if corpus.source == "demo":
        return "the embedded corpus"
    return "AffWild2" if corpus.edition == "affwild2" else f"the corpus in {corpus.videos}"


def last_words(folder: Path) -> list[str]:
    """The last words of a run in a folder: the files to look at, and what each system scored."""
    scores = Path("results/report/scores.csv")
    looked_at = [Path("results/report/index.html"), scores]
    submissions = [path.relative_to(folder) for path in folder.glob("results/submission_*.zip")]
    said = [f"wrote {path}" for path in sorted([*submissions, *looked_at]) if (folder / path).is_file()]
    if (folder / scores).is_file():
        measures = {task.challenge_measure for task in TASKS.values()}
        for row in (line.split(",") for line in (folder / scores).read_text(encoding="utf-8").splitlines()[1:]):
            if row[3] in measures:
                said.append(f"{row[0]:5} {row[1]:21} {row[2]:5} {row[3]} {row[4]}")
    return said
