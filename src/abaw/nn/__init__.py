"""What the trainings of all networks share: the loop, losses, checkpoints, resuming after a kill, and the device.

In: a network, its batches and a `TrainingConfig`. Out: the weights of the best epoch as safetensors, a card that says
what they are, and the history. Used by static, dynamic, acoustic and attention.
"""

from abaw.nn import compat

compat.prepare()  # whoever imports timm, transformers, torchvision or torchaudio imports this room first
