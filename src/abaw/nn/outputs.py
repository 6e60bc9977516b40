"""What the last layer of every network says, in the form of its challenge."""

from torch import nn

from abaw.tasks import TASKS, TaskName


def activation(task: TaskName) -> nn.Module:
    """From the last layer to outputs: values in (-1, 1) by tanh, probabilities of flags, logits of classes."""
    return {"values": nn.Tanh, "flags": nn.Sigmoid, "classes": nn.Identity}[TASKS[task].kind]()
