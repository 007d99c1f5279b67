"""Weights as a moving average of those that learn: steadier, and better on most clips that nobody trained on.

d(n) = min(decay, (1 + n) / (10 + n))        after n updates, so that a short run forgets its beginning
average = d(n) average + (1 - d(n)) weights
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["MovingAverage"]


class MovingAverage:
    """The average of a module's parameters and float buffers; counters are copied.

    Attributes:
        tensors: By the names of the module's state_dict.
        num_updates: How many steps it has seen.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self.num_updates = 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take in the module's weights after a step."""
        decay = min(self._decay, (1 + self.num_updates) / (10 + self.num_updates))
        self.num_updates += 1
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1 - decay)
            else:
                self.tensors[name].copy_(tensor)

    def state_dict(self) -> dict[str, Any]:
        """All of it, for a file."""
        return {"tensors": self.tensors, "num_updates": self.num_updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        loaded: Mapping[str, Tensor] = state["tensors"]
        for name, tensor in self.tensors.items():
            tensor.copy_(loaded[name])
        self.num_updates = state["num_updates"]
