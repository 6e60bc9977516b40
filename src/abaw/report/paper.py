"""What the paper reports in its Tables 2 to 6, all on AffWild2's development set (Dresvyanskiy et al., CVPRW 2024)."""

from abaw.config import SystemConfig
from abaw.tasks import TaskName

Row = dict[str, float]

ACOUSTIC: dict[TaskName, tuple[int, dict[str, Row]]] = {
    "expr": (
        2,
        {
            "AudioModelV3": {"f1_macro": 0.347, "recall_macro": 0.350, "precision_macro": 0.376},
            "AudioModelV2": {"f1_macro": 0.335, "recall_macro": 0.342, "precision_macro": 0.343},
            "AudioModelV1": {"f1_macro": 0.319, "recall_macro": 0.312, "precision_macro": 0.341},
        },
    ),
    "va": (
        3,
        {
            "AudioModelV3": {"ccc_arousal": 0.400, "ccc_valence": 0.290, "ccc_mean": 0.345},
            "AudioModelV1": {"ccc_arousal": 0.377, "ccc_valence": 0.282, "ccc_mean": 0.329},
            "AudioModelV2": {"ccc_arousal": 0.375, "ccc_valence": 0.241, "ccc_mean": 0.308},
        },
    ),
}
"""Tables 2 and 3: windows of 4 s, unvoiced parts excluded."""

FUNCTIONALS: dict[tuple[str, ...], Row] = {
    ("mean", "max", "min"): {"f1_macro": 0.354, "accuracy": 0.478, "precision_macro": 0.338, "recall_macro": 0.416},
    ("mean", "max"): {"f1_macro": 0.344, "accuracy": 0.462, "precision_macro": 0.328, "recall_macro": 0.412},
    ("mean", "min"): {"f1_macro": 0.352, "accuracy": 0.469, "precision_macro": 0.336, "recall_macro": 0.419},
}
"""Table 4: windows of 2 s of ViT embeddings, expressions."""

FUNCTIONALS_VA: Row = {"ccc_mean": 0.489, "ccc_valence": 0.398, "ccc_arousal": 0.581}
"""§4.2: mean, max and min of EfficientNet-B1 embeddings, windows of 2 s."""

SYSTEMS: dict[TaskName, tuple[int, dict[tuple[tuple[str, ...], str], Row]]] = {
    "va": (
        5,
        {
            (("visual",), "none"): {"ccc_mean": 0.574, "ccc_valence": 0.523, "ccc_arousal": 0.626},
            (("acoustic", "visual"), "dirichlet"): {"ccc_mean": 0.591, "ccc_valence": 0.532, "ccc_arousal": 0.649},
            (("acoustic", "functional", "visual"), "dirichlet"): {
                "ccc_mean": 0.584,
                "ccc_valence": 0.528,
                "ccc_arousal": 0.641,
            },
            (("acoustic", "functional", "visual"), "forest"): {
                "ccc_mean": 0.763,
                "ccc_valence": 0.738,
                "ccc_arousal": 0.787,
            },
        },
    ),
    "expr": (
        6,
        {
            (("visual",), "none"): {"f1_macro": 0.397},
            (("acoustic", "visual"), "dirichlet"): {"f1_macro": 0.458},
            (("acoustic", "functional", "visual"), "dirichlet"): {"f1_macro": 0.457},
            (("acoustic", "functional", "visual"), "forest"): {"f1_macro": 0.999},
        },
    ),
}
"""Tables 5 and 6, by models and fusion; the text of §4.2 gives 0.387 for the system that Table 6 gives 0.397."""


def of_system(task: TaskName, system: SystemConfig) -> Row:
    """The paper's figures for a system of the same models and fusion; none where the paper has no such system."""
    return SYSTEMS[task][1].get((tuple(sorted(system.models)), system.fusion), {})
