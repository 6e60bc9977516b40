"""What the trainings of all stages share: loop, losses, checkpoints, resuming, device.

In: a network, its batches and a `TrainingConfig`. Out: the weights of the best epoch as safetensors, a card beside them
and the history. Used by static, dynamic, acoustic and attention.
"""

from abaw.nn import compat

compat.prepare()  # whoever imports timm, transformers, torchvision or torchaudio imports this room first
