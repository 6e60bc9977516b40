"""Files for annotators, read by programs that are not ours: pympi, praatio, webvtt-py and a structural check of EAF."""

import re
from fractions import Fraction
from pathlib import Path
from xml.etree import ElementTree

import export_annotations
import numpy as np
import pandas as pd
import pytest
import webvtt
from clips import ffmpeg, write_numbered
from formats import elan_schema, installed
from hypothesis import given
from hypothesis import strategies as st
from people import blanked, made_table
from praatio import textgrid
from pympi import Elan

from abaw.media.video import first_shown_s
from abaw.outputs.people import CLASSES, people_of
from abaw.outputs.tiers import in_order, tiers_of
from abaw.running.errors import UserError
from abaw.tables.files import write_table

FPS = Fraction(30000, 1001)


def exported(monkeypatch, folder, table, video, ending):
    write_table("people", table, folder / "frames.parquet")
    out = folder / f"{video.stem}{ending}"
    monkeypatch.setattr(
        "sys.argv", ["", "--frames", str(folder / "frames.parquet"), "--video", str(video), "--out", str(out)]
    )
    export_annotations.main()
    return out


@pytest.fixture
def late(tmp_path):
    """A film whose sound begins 0.4 s before the first picture."""
    plain = write_numbered(tmp_path / "plain.mp4", 60, FPS)
    sound = ("-f", "lavfi", "-i", "sine=r=44100:d=2.4")
    return ffmpeg("-itsoffset", "0.4", "-i", plain, *sound, "-c:v", "copy", "-c:a", "aac", tmp_path / "l ä&t'e.mp4")


TABLE = made_table(n_frames=60, fps=FPS)
BOUNDS_MS = [round(1001 * k / 30) for k in (0, 15, 30, 45, 60)]


def test_a_player_shows_the_first_picture_after_the_sound_began(late, tmp_path):
    assert first_shown_s(late) == pytest.approx(0.4, abs=1e-3)
    assert first_shown_s(tmp_path / "plain.mp4") == 0


def test_elan_finds_expressions_speech_vocabulary_and_files(monkeypatch, tmp_path, late):
    path = exported(monkeypatch, tmp_path / "out", TABLE, late, ".eaf")
    eaf = Elan.Eaf(str(path))
    assert list(eaf.get_tier_names()) == ["expression_1", "speaking_1", "expression_2", "speaking_2"]
    first = sorted(eaf.get_annotation_data_for_tier("expression_1"))
    assert first == [(*BOUNDS_MS[k : k + 2], CLASSES[k + 1]) for k in range(4)]
    second = sorted(eaf.get_annotation_data_for_tier("expression_2"))
    assert second[-1][1] == round(1001 * 40 / 30)  # not seen any more
    assert {values[0][0] for values, _ in eaf.get_cv_entries("expressions").values()} == set(CLASSES)
    [media] = eaf.get_linked_files()
    assert media["TIME_ORIGIN"] == "400" and media["MEDIA_URL"] == f"file://{late}"
    assert (path.parent / media["RELATIVE_MEDIA_URL"]).resolve() == late.resolve()
    links = [path.parent / link["RELATIVE_LINK_URL"] for link in eaf.get_secondary_linked_files()]
    assert [link.name for link in links] == ["l ä&t'e.csv", "l ä&t'e_tsconf.xml"] and all(map(Path.is_file, links))


def test_elan_finds_each_curve_in_the_column_that_it_is_told(monkeypatch, tmp_path, late):
    path = exported(monkeypatch, tmp_path / "out", blanked(TABLE, "p_fear"), late, ".eaf")
    curves = pd.read_csv(path.with_suffix(".csv"))
    source = ElementTree.parse(path.with_name(f"{path.stem}_tsconf.xml")).getroot().find("tracksource")
    assert source.get("sample-type") == "Discontinuous Rate"
    assert source.get("source-url") == f"file://{path.with_suffix('.csv')}"
    assert curves.columns[int(source.get("time-column"))] == "time_s"
    named = {track.get("name"): int(track.find("sample-position/pos").get("col")) for track in source.iter("track")}
    assert [curves.columns[column] for column in named.values()] == list(named) and len(named) == 20
    assert np.allclose(curves["valence_2"], TABLE["valence"].to_numpy()[60:], atol=1e-6)
    assert curves["p_fear_1"].isna().all() and np.allclose(curves["time_s"], np.arange(60) * 1.001 / 30, atol=1e-6)


def assert_sound(path):
    """What ELAN's schema asks of the form: elements in order, times that rise, references that lead somewhere."""
    root = ElementTree.parse(path).getroot()
    order = [
        "HEADER",
        "TIME_ORDER",
        "TIER",
        "LINGUISTIC_TYPE",
        "LOCALE",
        "LANGUAGE",
        "CONSTRAINT",
        "CONTROLLED_VOCABULARY",
    ]
    places = [order.index(child.tag) for child in root]
    assert places == sorted(places) and root.tag == "ANNOTATION_DOCUMENT"
    slots = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert list(slots.values()) == sorted(slots.values())
    types = {one.get("LINGUISTIC_TYPE_ID"): one for one in root.iter("LINGUISTIC_TYPE")}
    words = {
        one.get("CV_ID"): {value.text for value in one.iter("CVE_VALUE")} for one in root.iter("CONTROLLED_VOCABULARY")
    }
    ids = [one.get("ANNOTATION_ID") for one in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(ids)) == len(ids)
    for tier in root.iter("TIER"):
        vocabulary = types[tier.get("LINGUISTIC_TYPE_REF")].get("CONTROLLED_VOCABULARY_REF")
        last = 0
        for one in tier.iter("ALIGNABLE_ANNOTATION"):
            begin, end = slots[one.get("TIME_SLOT_REF1")], slots[one.get("TIME_SLOT_REF2")]
            assert last <= begin < end
            last = end
            assert vocabulary is None or one.find("ANNOTATION_VALUE").text in words[vocabulary]


def test_an_eaf_is_sound_also_of_nobody(monkeypatch, tmp_path, late):
    for subjects in (0, 1, 3):
        table = made_table(n_frames=60, subjects=subjects, fps=FPS)
        path = exported(monkeypatch, tmp_path / str(subjects), table, late, ".eaf")
        assert_sound(path)
        again = exported(monkeypatch, tmp_path / str(subjects), table, late, ".eaf")
        assert again.read_bytes() == path.read_bytes() and not list(path.parent.glob("*.bak"))


@pytest.mark.formats
@pytest.mark.parametrize("version", ["2.8", "3.0"])
@pytest.mark.parametrize("subjects", [0, 1, 3])
def test_an_eaf_is_valid_by_elan_s_schema(monkeypatch, tmp_path, late, subjects, version):
    """The schema of the version that pympi writes, and the newest one."""
    etree = installed("lxml.etree")
    table = made_table(n_frames=60, subjects=subjects, fps=FPS)
    path = exported(monkeypatch, tmp_path / "out", table, late, ".eaf")
    schema = etree.XMLSchema(etree.fromstring(elan_schema(version)))
    schema.assertValid(etree.parse(str(path)))
    broken = etree.parse(str(path))
    broken.getroot().append(etree.Element("NO_SUCH_THING"))
    assert not schema.validate(broken)


def test_praat_has_a_label_or_none_for_every_moment(monkeypatch, tmp_path, late):
    path = exported(monkeypatch, tmp_path / "out", TABLE, late, ".TextGrid")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True)
    assert grid.maxTimestamp == pytest.approx(2.402)
    assert grid.validate(reportingMode="error") and grid.tierNames[0] == "expression_1"
    for tier in grid.tiers:
        assert tier.entries[0].start == 0 and tier.entries[-1].end == grid.maxTimestamp
        assert all(one.end == other.start for one, other in zip(tier.entries, tier.entries[1:], strict=False))
    named = [entry for entry in grid.getTier("expression_1").entries if entry.label]
    assert [(entry.start, entry.label) for entry in named] == [
        (pytest.approx(0.4 + ms / 1000), CLASSES[k + 1]) for k, ms in enumerate(BOUNDS_MS[:4])
    ]
    empty = exported(monkeypatch, tmp_path / "nobody", made_table(subjects=0), late, ".TextGrid")
    assert list(textgrid.openTextgrid(str(empty), includeEmptyIntervals=True).tierNames) == ["nobody"]


def test_subtitles_are_read_by_another_parser(monkeypatch, tmp_path, late):
    cues = webvtt.read(str(exported(monkeypatch, tmp_path / "out", TABLE, late, ".vtt"))).captions
    assert [cue.start_in_seconds for cue in cues] == sorted(cue.start_in_seconds for cue in cues)
    assert (cues[0].start, cues[0].end, cues[0].voice, cues[0].text) == (
        "00:00:00.400",
        "00:00:00.900",
        "subject 1",
        "1: anger",
    )
    assert len(cues) == 4 + 3
    alone = exported(monkeypatch, tmp_path / "alone", made_table(n_frames=60, subjects=1, fps=FPS), late, ".vtt")
    assert [cue.text for cue in webvtt.read(str(alone)).captions] == list(CLASSES[1:5])
    assert not webvtt.read(str(exported(monkeypatch, tmp_path / "no", made_table(subjects=0), late, ".vtt"))).captions


def test_rttm_says_who_speaks_when(monkeypatch, tmp_path, late):
    table = made_table(video="a b\tc", n_frames=60, fps=FPS)
    lines = exported(monkeypatch, tmp_path / "out", table, late, ".rttm").read_text().splitlines()
    # pyannote's reader splits at blanks and takes ten fields of NIST's form
    form = re.compile(r"SPEAKER a_b_c 1 (\d+\.\d{3}) (\d+\.\d{3}) <NA> <NA> subject_(\d) <NA> <NA>")
    found = [tuple(map(float, form.fullmatch(line).groups())) for line in lines]
    third = 1001 * 20 / 30 / 1000
    expected = [(0, third, 2), (third, third, 1), (2 * third, third, 2)]
    assert found == [pytest.approx((start + 0.4, length, who), abs=1.1e-3) for start, length, who in expected]
    silent = blanked(table, "speaking")
    assert exported(monkeypatch, tmp_path / "silent", silent, late, ".rttm").read_text() == ""


@given(st.lists(st.floats(1e-4, 0.3), min_size=1, max_size=40), st.floats(0, 2))
def test_no_stretch_is_empty_or_over_another_at_any_times(gaps, start_s):
    people = people_of(made_table(time_s=np.cumsum([0.0, *gaps])), "here")
    for tier in tiers_of(people, start_s):
        bounds = [bound for stretch in tier.stretches for bound in stretch[:2]]
        assert bounds == sorted(bounds) and all(start < end for start, end, _ in tier.stretches)
    every = in_order(tiers_of(people, start_s), "expression")
    assert [stretch.start_ms for _, stretch in every] == sorted(stretch.start_ms for _, stretch in every)


def test_another_suffix_is_refused(monkeypatch, tmp_path, late):
    with pytest.raises(UserError, match=r"has the suffix '.srt', expected one of .eaf, .TextGrid, .vtt, .rttm"):
        exported(monkeypatch, tmp_path / "out", TABLE, late, ".srt")
