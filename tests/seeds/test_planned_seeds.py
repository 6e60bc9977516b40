"""What a run with several seeds does more than one with a single seed: trainings and what reads them, and no more."""

import pytest
from runs import copy_tree, planned

from abaw.tasks import TASKS

ONCE = (
    "make_demo_corpus digest_video check_corpus index_corpus track_faces export_spleeter separate_speech"
    " measure_mouths gate_speech describe_voice train_voice_functional predict_voice_functional compare_paper"
    " write_report"
)
AGAIN = "train_static embed_faces train_dynamic train_functional train_acoustic train_attention"


@pytest.mark.workflow
def test_what_no_seed_changes_is_made_once_and_what_it_changes_for_each(tmp_path):
    folder = copy_tree(tmp_path / "flow")
    one, three = planned(folder), planned(folder, "--config", "seeds=3")
    assert {rule: three.jobs[rule] for rule in ONCE.split()} == {rule: one.jobs[rule] for rule in ONCE.split()}
    assert {rule: three.jobs[rule] for rule in AGAIN.split()} == {rule: 3 * one.jobs[rule] for rule in AGAIN.split()}
    for rule in ("zip_submissions", "estimate_nested"):  # one more of each challenge, of the mean
        assert three.jobs[rule] == 2 * one.jobs[rule]
    assert "join_seeds" not in one.jobs and "split_corpus" not in one.jobs
    assert one.wildcards["task"] == set(TASKS)
    assert three.wildcards["task"] == {f"{task}{end}" for task in TASKS for end in ("", "_seed2", "_seed3", "_seeds")}
