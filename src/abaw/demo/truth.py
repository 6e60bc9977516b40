"""What is known about each person of the demo corpus, in files that the tests read."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from numpy.typing import NDArray

from abaw.demo.latent import latents
from abaw.demo.plan import CorpusPlan, TrackPlan, VideoPlan, corpus_truth_file, speech_file, truth_file
from abaw.demo.scene import Seen, frame_times
from abaw.demo.voice import RATE_HZ, Speech
from abaw.running.files import whole_file


def write_track_truth(folder: Path, video: VideoPlan, track: TrackPlan, seen: Seen) -> None:
    """Write a row for each frame and each annotation row: the latents, and what there is to see in the frame.

    Columns: frame (from 1), time_s, valence, arousal, expression, mouth_opening (lip gap over the distance between the
    eyes) and x0_px, y0_px, x1_px, y1_px of the face; the last five are null where there is no face or no frame.
    """
    n_rows = max(video.n_frames, track.n_rows)
    times_s = frame_times(video, n_rows)
    felt = latents(track, times_s)
    columns = {
        "frame": np.arange(1, n_rows + 1, dtype=np.int32),
        "time_s": times_s,
        "valence": felt.valence,
        "arousal": felt.arousal,
        "expression": felt.expression.astype(np.int8),
    }
    seen_columns = dict(zip(("x0_px", "y0_px", "x1_px", "y1_px"), seen.box_px.T, strict=True))
    seen_columns["mouth_opening"] = seen.opening
    table = pa.table(columns | {name: _with_nulls(values, n_rows) for name, values in seen_columns.items()})
    with whole_file(truth_file(folder, track)) as beside:
        pq.write_table(table, beside, compression="zstd")


def write_speech(folder: Path, video: VideoPlan, clean: NDArray[np.float32]) -> None:
    """Write what is said in a video, without noise."""
    with whole_file(speech_file(folder, video)) as beside:
        soundfile.write(beside, clean, RATE_HZ, subtype="PCM_16")


def write_corpus_truth(folder: Path, plan: CorpusPlan, spoken: Mapping[str, Speech]) -> None:
    """Write about each video its path, exact rate, frames, noise and SNR, and about each track when it speaks."""
    videos = {video.name: _about_video(video, spoken) for video in plan.videos}
    with whole_file(corpus_truth_file(folder)) as beside:
        beside.write_text(json.dumps({"videos": videos}, indent=1) + "\n", encoding="utf-8")


def _about_video(video: VideoPlan, spoken: Mapping[str, Speech]) -> dict[str, object]:
    return {
        "path": str(video.path),
        "fps_num": video.fps.numerator,
        "fps_den": video.fps.denominator,
        "n_frames": video.n_frames,
        "noise": video.noise,
        "snr_db": video.snr_db,
        "tracks": {track.sample: _about_track(track, spoken[track.sample]) for track in video.tracks},
    }


def _about_track(track: TrackPlan, speech: Speech) -> dict[str, object]:
    return {
        "identity": track.identity,
        "split": track.split,
        "tasks": track.tasks,
        "n_rows": track.n_rows,
        "invalid_frames": track.invalid,
        "away_s": track.away_s,
        "speech_runs_s": [[round(start_s, 3), round(end_s, 3)] for start_s, end_s in speech.runs_s],
    }


def _with_nulls(values: NDArray[np.float64], n_rows: int) -> pa.Array:
    padded = np.full(n_rows, np.nan)
    padded[: len(values)] = values
    return pa.array(padded, mask=np.isnan(padded))
