"""Which tables hold the frames of each model and system."""

from abaw.config import SystemConfig
from abaw.fusion.systems import Systems

MODELS = ["visual", "acoustic", "functional"]


def system(fusion, *models):
    return SystemConfig(title="a title", fusion=fusion, models=list(models))


SYSTEMS = Systems(
    MODELS,
    {
        "system_1": system("none", "visual"),
        "system_2": system("dirichlet", "visual", "acoustic"),
        "system_3": system("dirichlet", *MODELS),
        "system_4": system("forest", *MODELS),
    },
)


def test_a_system_of_one_model_has_that_model_s_frames_and_others_their_own():
    found = SYSTEMS.frames("va", "test")
    assert list(found) == [*MODELS, "system_1", "system_2", "system_3", "system_4"]
    assert found["system_1"] == found["visual"] == "results/frames/va/visual/test.parquet"
    assert found["system_3"] == "results/systems/va/system_3/test.parquet"


def test_training_has_the_models_alone_and_validation_what_forests_have_learned():
    assert list(SYSTEMS.frames("expr", "train")) == MODELS
    assert list(SYSTEMS.frames("expr", "val"))[-3:] == ["system_4", "system_4_out_of_bag", "system_4_in_sample"]
    assert SYSTEMS.frames("expr", "val")["system_4_in_sample"] == "results/systems/expr/system_4/in_sample.parquet"


def test_a_fusion_reads_its_models_and_writes_its_fit():
    assert SYSTEMS.fused_into("system_2", "va", "val") == [
        "results/frames/va/visual/val.parquet",
        "results/frames/va/acoustic/val.parquet",
    ]
    assert SYSTEMS.by_fusion("dirichlet") == ["system_2", "system_3"]
    assert SYSTEMS.fits("va", "forest") == ["results/systems/va/system_4/fit.json"]


def test_a_timeline_shows_both_modalities_and_the_last_two_that_fuse():
    assert list(SYSTEMS.shown("va")) == ["visual", "acoustic", "system_3", "system_4"]
