"""Networks: the frame-level model, the transformer over time, the acoustic model, and how they are trained."""

from abaw.nn import compat

compat.prepare()  # before any module in here imports timm, transformers or torchvision
