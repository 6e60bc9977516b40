"""Make the embedded demo corpus in AffWild2's form, with its ground truth.

In: the settings of the demo and of the corpus's four folders; faces and voices come from packages.
Out: videos, annotations, test lists and submission templates in those folders; in the folder of the truth, who speaks
when, and the latents, mouth opening and face box of every frame. The same settings give the same files.
"""

from pathlib import Path

from abaw.commands.base import parser, run, settings_from
from abaw.config import CorpusConfig, DemoConfig
from abaw.demo.corpus import write_corpus
from abaw.demo.plan import plan_corpus


def main() -> None:
    """Parse the arguments and write the corpus."""
    arguments = parser(__doc__)
    arguments.add_argument("--demo", required=True, type=settings_from(DemoConfig), help="section demo, as JSON")
    arguments.add_argument("--corpus", required=True, type=settings_from(CorpusConfig), help="section corpus, as JSON")
    arguments.add_argument("--threads", default=1, type=int, help="processes; they do not change the files")
    arguments.add_argument("--truth", required=True, type=Path, help="folder of the ground truth")
    options = arguments.parse_args()
    plan = plan_corpus(options.demo)
    write_corpus(plan, options.corpus, options.truth, options.threads)
    corpus: CorpusConfig = options.corpus
    print(f"{len(plan.videos)} videos with {len(plan.tracks)} annotated tracks are in {corpus.videos}")
    print(f"their annotations are in {corpus.annotations}")
    print(f"test lists and templates are in {corpus.test_lists} and {corpus.templates}, the truth in {options.truth}")


if __name__ == "__main__":
    run(main)
