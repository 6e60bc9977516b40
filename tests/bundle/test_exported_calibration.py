"""Bias and temperature on their way from a fit into a bundle."""

import json

from abaw.bundle.export import _calibration
from abaw.bundle.form import StoredCalibration
from abaw.tasks import TASKS


def test_a_bias_keeps_the_order_of_the_classes(tmp_path):
    bias = {name: number / 10 for number, name in enumerate(TASKS["expr"].outputs)}
    path = tmp_path / "fit.json"
    path.write_text(json.dumps({"temperature": 1.5, "bias": bias}, sort_keys=True))  # as the command writes it
    found = StoredCalibration.model_validate(_calibration(path))
    assert found.bias == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert found.temperature == 1.5
