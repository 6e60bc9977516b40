"""What the commands of the stage outputs share: their arguments, and the people of a table."""

import argparse
from dataclasses import replace
from pathlib import Path

from abaw.outputs.people import People, people_of
from abaw.tables.files import read_table


def add_output_arguments(arguments: argparse.ArgumentParser, video: bool = True) -> None:
    """The table of a video, its path where `video`, and where the file goes."""
    arguments.add_argument("--frames", type=Path, required=True, help="the table people of one video")
    if video:
        arguments.add_argument("--video", type=Path, required=True, help="the video itself")
    arguments.add_argument("--out", type=Path, required=True, help="the file to write")


def read_people(path: Path) -> People:
    """The people of one video; `UserError` where the table cannot be read or is of another form.

    A table without rows does not say its video: the folder does, in which `predict` writes it.
    """
    people = people_of(read_table("people", path), str(path))
    return people if people.persons else replace(people, video=path.absolute().parent.name)
