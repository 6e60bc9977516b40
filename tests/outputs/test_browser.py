"""The pages in a real browser: it plays, seeks, switches, and asks nobody for anything."""

import io
from fractions import Fraction

import cv2
import numpy as np
import pyarrow as pa
import pytest
import write_index
import write_summary
import write_viewer
from browser import address, asked_for, browser, complaints, needs_browser, opened, wait
from clips import ffmpeg, number_of, write_clip, write_numbered
from people import blanked, made_table
from PIL import Image

from abaw.outputs.people import BOX
from abaw.tables.files import write_table

pytestmark = pytest.mark.browser
FPS = Fraction(25)


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    needs_browser()
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


def page_of(monkeypatch, folder, video, table):
    """The viewer of a video, by the command."""
    write_table("people", table, folder / "frames.parquet")
    places = {"frames": "frames.parquet", "out": "viewer.html", "thumbnail": "thumbnail.jpg"}
    options = [text for name, place in places.items() for text in (f"--{name}", str(folder / place))]
    monkeypatch.setattr("sys.argv", ["", *options, "--video", str(video)])
    write_viewer.main()
    return folder / "viewer.html"


def screen(driver, selector):
    """What is seen of an element, BGR."""
    driver.execute_script("for (const v of document.querySelectorAll('video')) v.controls = false")
    element = driver.find_element("css selector", selector)
    return np.asarray(Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB"))[:, :, ::-1]


def frame_on_screen(driver):
    """The number that `numbered` drew on the frame that the player shows."""
    wait(driver, "return !document.getElementById('video').seeking")
    driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
    x, y, width, height = driver.execute_script("const r = abaw.pictureRect(); return [r.x, r.y, r.width, r.height]")
    picture = screen(driver, "#stage")[round(y) : round(y + height), round(x) : round(x + width)]
    return number_of(cv2.resize(picture, (640, 480), interpolation=cv2.INTER_AREA))


def click_curve(driver, time_s):
    """Click where the curves have a time."""
    from selenium.webdriver import ActionChains

    curves = driver.find_element("id", "curves")
    place = driver.execute_script(
        "const f = abaw.state.views[0].frame.bbox, r = abaw.range;"
        "return f.left + (arguments[0] - r.start) / (r.end - r.start) * f.width",
        time_s,
    )
    size = curves.size
    ActionChains(driver).move_to_element_with_offset(
        curves, round(place - size["width"] / 2), round(60 - size["height"] / 2)
    ).click().perform()


@pytest.fixture
def shown(driver, monkeypatch, tmp_path):
    """A film of 50 numbered frames whose sound begins 0.4 s earlier, in a folder with a hostile name, opened."""
    plain = write_numbered(tmp_path / "plain.mp4", 50, FPS)
    video = tmp_path / "videos" / "<b onclick='x'>50% & #1? ü.mp4"
    video.parent.mkdir()
    sound = ("-f", "lavfi", "-i", "sine=r=44100:d=2.4")
    ffmpeg("-itsoffset", "0.4", "-i", plain, *sound, "-c:v", "copy", "-c:a", "aac", video)
    table = blanked(made_table(video=video.stem, n_frames=50, fps=FPS))
    page = page_of(monkeypatch, tmp_path / "results" / video.stem, video, table)
    driver.get_log("browser"), driver.get_log("performance")
    opened(driver, page)
    wait(driver, "return document.getElementById('video').readyState >= 2 && abaw.state.seen > 0")
    return driver, table, video


def test_it_plays_in_step_and_asks_nobody(shown):
    driver, _, video = shown
    assert driver.title == video.stem == driver.find_element("css selector", "h1").text
    cursor = "return document.getElementById('cursor').getBoundingClientRect().x"
    before = driver.execute_script(cursor)
    driver.execute_script("document.getElementById('video').play()")
    wait(driver, "return abaw.state.now > 1 && document.getElementById('video').ended")
    now_s, drawn = driver.execute_script("return [abaw.state.now, abaw.state.drawn.length]")
    assert now_s == pytest.approx(
        49 / 25, abs=1e-3
    )  # the last frame's own time, though the player's clock says 0.4 more
    assert drawn == 1  # the second person is not seen any more
    assert driver.execute_script(cursor) > before + 500
    assert complaints(driver) == []
    asked = asked_for(driver)
    assert {url for url in asked if not url.startswith(("file:", "data:", "blob:"))} == set()
    assert address(video) in asked


def test_a_click_on_a_curve_seeks_to_its_frame(shown):
    driver, *_ = shown
    for number in (31, 8, 50, 1):
        click_curve(driver, (number - 0.5) / 25)
        wait(driver, f"return Math.abs(abaw.state.now - {(number - 1) / 25}) < 1e-3")
        assert frame_on_screen(driver) == number
        assert driver.find_element("id", "readout").text.startswith(f"frame {number} ")
    assert complaints(driver) == []


def test_another_subject_shows_its_own_curves(shown):
    driver, table, _ = shown
    first, second = driver.find_elements("css selector", "#people button")
    for button, rows in ((second, slice(50, 100)), (first, slice(0, 50))):
        button.click()
        curves = driver.execute_script("return abaw.sources.values.map((source) => Array.from(source.data.y))")
        for curve, name in zip(curves, ("valence", "arousal"), strict=True):
            assert np.allclose(curve, table[name].to_numpy()[rows], atol=1e-4)
        assert button.get_attribute("aria-pressed") == "true"
    bars = driver.execute_script(
        "const d = abaw.sources.bars.data; return [d.left, d.right, d.bottom].map((c) => Array.from(c))"
    )
    speaks = [(left, right) for left, right, bottom in zip(*bars, strict=True) if bottom == pytest.approx(1.1)]
    assert speaks == [pytest.approx((0.8, 1.6))]  # frames 21 to 40
    assert complaints(driver) == []


def test_boxes_lie_where_the_picture_is_with_bars_beside_it_and_pixels_that_are_not_square(
    driver, monkeypatch, tmp_path
):
    white = write_clip(tmp_path / "white.mp4", [np.full((48, 64, 3), 255, np.uint8)] * 10, FPS)
    video = ffmpeg("-i", white, "-vf", "setsar=1/2", "-c:v", "libx264", tmp_path / "narrow.mp4")
    table = made_table(n_frames=10, subjects=1, fps=FPS)
    for name, side in zip(BOX, (0, 0, 64, 96), strict=True):  # the whole picture, in square pixels
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.array(np.full(10, side, np.float32)))
    opened(driver, page_of(monkeypatch, tmp_path / "out", video, table))
    wait(driver, "return abaw.state.seen > 0 && abaw.state.drawn.length > 0")
    drawn = driver.execute_script(
        "const { x, y, width, height } = abaw.state.drawn[0]; return [x, y, x + width, y + height]"
    )
    driver.execute_script("document.getElementById('boxes').hidden = true")
    lit = screen(driver, "#stage").min(axis=2) > 200
    rows, columns = (np.flatnonzero(lit.mean(axis=axis) > 0.2) for axis in (1, 0))
    assert drawn == pytest.approx([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], abs=1.5)
    assert columns[0] > 100  # there are bars beside it


def test_what_a_browser_cannot_play_is_said_and_the_curves_stay(driver, monkeypatch, tmp_path):
    video = write_clip(tmp_path / "old.avi", [np.zeros((48, 64, 3), np.uint8)] * 50, FPS, codec="mpeg4")
    opened(driver, page_of(monkeypatch, tmp_path / "out", video, made_table(n_frames=50, fps=FPS)))
    wait(driver, "return !document.getElementById('said').hidden")
    assert "This browser cannot play old.avi" in driver.find_element("id", "said").text
    click_curve(driver, 1.01)
    assert driver.find_element("id", "readout").text.startswith("frame 26 ")
    assert driver.execute_script("return abaw.sources.values[0].data.y.length") == 50


def test_an_hour_loads_and_loses_no_peak(driver, monkeypatch, tmp_path):
    video = write_numbered(tmp_path / "short.mp4", 5, FPS)
    table = made_table(n_frames=108_000, subjects=2, fps=Fraction(30), every=6)
    place = table.schema.get_field_index("valence")
    valence = table["valence"].to_numpy().copy()
    valence[[50_000, 77_777]] = 1, -1
    page = page_of(monkeypatch, tmp_path / "out", video, table.set_column(place, "valence", pa.array(valence)))
    assert page.stat().st_size < 8e6
    opened(driver, page)
    x, y = driver.execute_script("const d = abaw.sources.values[0].data; return [Array.from(d.x), Array.from(d.y)]")
    assert len(x) < 3000 and len(driver.execute_script("return Array.from(abaw.sources.bars.data.left)")) < 3000
    assert (x[int(np.argmax(y))], max(y)) == pytest.approx((50_000 / 30, 1))
    assert (x[int(np.argmin(y))], min(y)) == pytest.approx((77_777 / 30, -1))
    driver.execute_script("abaw.range.setv({ start: 1000, end: 1010 })")  # close up, every frame is there
    wait(driver, "return abaw.sources.values[0].data.x.length < 400")
    x = np.array(driver.execute_script("return Array.from(abaw.sources.values[0].data.x)"))
    assert np.allclose(x[(x >= 1000) & (x <= 1010)], np.arange(30_000, 30_301) / 30)
    assert complaints(driver) == []


def test_a_part_that_was_analysed_lies_where_it_is_in_the_video(driver, monkeypatch, tmp_path):
    video = write_numbered(tmp_path / "film.mp4", 50, FPS)
    part = made_table(n_frames=50, subjects=1, fps=FPS).slice(20, 20)
    opened(driver, page_of(monkeypatch, tmp_path / "out", video, part))
    wait(driver, "return abaw.state.seen > 0")
    assert driver.find_element("id", "readout").text == "This part was not analysed."
    assert driver.execute_script("return abaw.state.drawn.length") == 0
    click_curve(driver, 1.22)
    wait(driver, "return Math.abs(abaw.state.now - 1.2) < 1e-3")
    assert frame_on_screen(driver) == 31
    assert driver.find_element("id", "readout").text.startswith("frame 31 ")
    assert complaints(driver) == []


def test_a_video_without_anybody_has_a_page(driver, monkeypatch, tmp_path):
    video = write_numbered(tmp_path / "empty.mp4", 5, FPS)
    opened(driver, page_of(monkeypatch, tmp_path / "out", video, made_table(subjects=0)))
    assert driver.find_element("id", "readout").text == "Nobody was found in this video."
    assert complaints(driver) == []


def test_the_index_shows_every_video_and_leads_to_its_page(driver, monkeypatch, tmp_path):
    names = ["<script>alert(1)</script>", 'a "b" & c%20', "nobody"]
    for name in names:
        video = write_numbered(tmp_path / f"{names.index(name)}.mp4", 5, FPS)
        page_of(
            monkeypatch,
            tmp_path / "results" / name.replace("/", "\u2215"),
            video,
            made_table(name, 30, 2 * (name != "nobody")),
        )
    folders = [tmp_path / "results" / name.replace("/", "\u2215") for name in names]
    summary, page = tmp_path / "results" / "summary.csv", tmp_path / "results" / "index.html"
    monkeypatch.setattr(
        "sys.argv", ["", "--frames", *(str(f / "frames.parquet") for f in folders), "--out", str(summary)]
    )
    write_summary.main()
    pictures = [str(folder / "thumbnail.jpg") for folder in folders]
    monkeypatch.setattr("sys.argv", ["", "--summary", str(summary), "--thumbnails", *pictures, "--out", str(page)])
    write_index.main()
    driver.get_log("browser")
    driver.get(address(page))
    assert [link.text for link in driver.find_elements("css selector", "td > a") if link.text] == names
    assert driver.execute_script("return [...document.images].filter((one) => one.naturalWidth > 0).length") >= 2
    assert "nobody was found" in driver.find_element("css selector", "table").text
    assert complaints(driver) == []
    driver.find_element("link text", names[1]).click()
    wait(driver, "return document.documentElement.dataset.ready === 'yes'")
    assert driver.title == names[1]
