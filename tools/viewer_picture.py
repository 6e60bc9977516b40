"""The picture of the viewer in README: a video of the embedded corpus is predicted and its page photographed.

    make picture                                             of this folder's run of `make demo`, with its bundle
    python tools/viewer_picture.py --bundle BUNDLE --at-s 8

The page is opened in Chromium, as the tests of the pages do. The video is one that shows the astronaut alone, whose
portrait is in the public domain; the others of the corpus may not be published.
"""

import argparse
import io
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from browser import browser, opened, wait  # noqa: E402  (the folders need not be installed)

from abaw.predict.calling import predict_folder  # noqa: E402

VIDEO = Path("results", "demo", "videos", "batch1", "12-24-1920x1080.mp4")
PICTURE = ROOT / "docs" / "images" / "viewer.png"
COLOURS = 256
WINDOW_PX = 1100, 1400


def main() -> None:
    """Predict, open, seek, photograph."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--video", type=Path, default=VIDEO)
    parser.add_argument("--bundle", type=Path, default=Path("results", "bundle"))
    parser.add_argument("--at-s", type=float, default=5.0, help="the moment that is shown")
    parser.add_argument("--out", type=Path, default=PICTURE)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        predict_folder(args.video, out, args.bundle, {"subjects": "all"}, None)
        [page] = out.glob("*/viewer.html")
        with browser(Path(folder) / "profile") as driver:
            driver.set_window_size(*WINDOW_PX)
            opened(driver, page)
            photograph(driver, args.at_s).save(args.out, optimize=True)
    print(f"{args.out}: {args.out.stat().st_size / 1000:.0f} kB")


def photograph(driver: Any, at_s: float) -> Image.Image:
    """The page at a moment of its video, as much of it as is filled."""
    wait(driver, "return document.getElementById('video').readyState >= 2 && abaw.state.seen > 0")
    driver.execute_script(
        "const v = document.getElementById('video'); v.controls = false; v.currentTime = arguments[0]", at_s
    )
    wait(driver, f"return !document.getElementById('video').seeking && Math.abs(abaw.state.now - {at_s}) < 0.2")
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    whole = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
    height = driver.execute_script("return document.querySelector('main').getBoundingClientRect().bottom + 8")
    shown = whole.crop((0, 0, whole.width, min(whole.height, round(height))))
    return shown.quantize(COLOURS, dither=Image.Dither.NONE)


if __name__ == "__main__":
    main()
