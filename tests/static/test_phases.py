"""What each phase of the frame-level model reads of the configuration."""

import pytest
import yaml
from pydantic import ValidationError
from runs import ROOT

from abaw.config import BackboneConfig, JointPhaseConfig, PretrainingPhaseConfig
from abaw.running.errors import UserError
from abaw.static.phases import pretrained_files, settings_of

STATIC = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["static"]
FORM = BackboneConfig(**STATIC["backbones"]["va"])


def test_a_phase_does_not_see_the_other_s_values():
    tuned, pretrained = (settings_of(phase, STATIC, FORM) for phase in ("fine_tuning", "pretraining"))
    changed = {**STATIC, "pretraining": {**STATIC["pretraining"], "augmentation": "other", "weights": "w"}}
    assert settings_of("fine_tuning", changed, FORM) == tuned
    assert settings_of("pretraining", changed, FORM) == pretrained | {"augmentation": "other"}
    assert settings_of("pretraining", {**STATIC, "class_weights": "other"}, FORM) == pretrained
    assert pretrained["input_px"] == tuned["input_px"] == FORM.input_px


def pretraining(**changed) -> PretrainingPhaseConfig:
    return PretrainingPhaseConfig.model_validate(STATIC["pretraining"] | changed)


def test_fine_tuning_starts_from_the_phase_before_or_from_a_former_run(tmp_path):
    files = ["model.safetensors", "card.json"]
    assert pretrained_files(pretraining(), False, ["b1"]) == []
    assert pretrained_files(pretraining(enabled=False), True, ["b1"]) == []
    own = pretrained_files(pretraining(), True, ["b1"])
    assert own == [f"results/static/pretraining/{{backbone}}/{name}" for name in files]
    for name in files:
        (tmp_path / "b1").mkdir(exist_ok=True)
        (tmp_path / "b1" / name).touch()
    former = pretraining(weights=str(tmp_path))
    for named in (False, True):
        assert pretrained_files(former, named, ["b1"]) == [f"{tmp_path}/{{backbone}}/{name}" for name in files]
    with pytest.raises(UserError, match=r"there is no file .*/vit/model.safetensors; expected the folder"):
        pretrained_files(former, False, ["b1", "vit"])
    with pytest.raises(ValidationError, match="weights is 'w', but enabled is false"):
        pretraining(weights="w", enabled=False)


ALL = settings_of("pretraining", STATIC, FORM)["training"]["epochs"]


@pytest.mark.parametrize(("most", "epochs"), [(None, ALL), (1, 1), (299, 2), (300, 3), (10**9, ALL)])
def test_pretraining_sees_no_more_images_than_it_may(most, epochs):
    settings = JointPhaseConfig(**settings_of("pretraining", STATIC, FORM) | {"max_images": most})
    assert settings.within(100).training.epochs == epochs
