"""Read one split of a challenge: its label files or its template, and the metadata of its videos.

In: the folders that the corpus section names. Out: the tables tracks and labels of the split.
"""

from pathlib import Path

from abaw.commands.base import add_task, parser, run, settings_from
from abaw.config import CorpusConfig
from abaw.corpus.index import index_split
from abaw.corpus.layout import read_folders
from abaw.tables.files import write_table
from abaw.tables.schemas import labels
from abaw.tasks import SPLITS


def main() -> None:
    """Parse the arguments, index, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--corpus", type=settings_from(CorpusConfig), required=True)
    add_task(arguments)
    arguments.add_argument("--split", choices=SPLITS, required=True)
    arguments.add_argument("--tracks", type=Path, required=True, help="output")
    arguments.add_argument("--labels", type=Path, required=True, help="output")
    args = arguments.parse_args()

    index = index_split(read_folders(args.corpus), args.task, args.split, args.corpus)
    write_table(labels(args.task), index.labels, args.labels)
    write_table("tracks", index.tracks, args.tracks)
    for row in index.tracks.to_pylist():
        if row["problems"]:
            print(f"{row['sample']}: {row['problems']}")
    print(f"{len(index.tracks)} tracks, {len(index.labels)} rows: {args.tracks}")


if __name__ == "__main__":
    run(main)
