"""What each phase of the frame-level model reads of the configuration."""

import yaml
from runs import ROOT

from abaw.config import BackboneConfig
from abaw.static.phases import settings_of

STATIC = yaml.safe_load((ROOT / "config" / "config.yaml").read_text(encoding="utf-8"))["static"]
FORM = BackboneConfig(**STATIC["backbones"]["va"])


def test_a_phase_does_not_see_the_other_s_values():
    tuned, pretrained = (settings_of(phase, STATIC, FORM) for phase in ("fine_tuning", "pretraining"))
    changed = {**STATIC, "pretraining": {**STATIC["pretraining"], "augmentation": "other", "enabled": False}}
    assert settings_of("fine_tuning", changed, FORM) == tuned
    assert settings_of("pretraining", changed, FORM) == pretrained | {"augmentation": "other"}
    assert settings_of("pretraining", {**STATIC, "class_weights": "other"}, FORM) == pretrained
    assert pretrained["input_px"] == tuned["input_px"] == FORM.input_px
