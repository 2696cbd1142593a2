"""Adam in its functional form: an optimiser object imports PyTorch's compiler, which takes as long as PyTorch itself."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.optim.adam import adam


class Adam:
    """Adam (Kingma & Ba 2015) with the defaults, and bit for bit the updates, of `torch.optim.Adam`.

    Args:
        parameters: the leaves to update in place.
        lr: the learning rate.
        fused: update each parameter in one kernel, which rounds differently.
    """

    def __init__(self, parameters: Sequence[Tensor], *, lr: float, fused: bool = False) -> None:
        self._parameters = list(parameters)
        self._lr = lr
        self._fused = fused
        self._first: dict[Tensor, Tensor] = {}
        self._second: dict[Tensor, Tensor] = {}
        self._steps: dict[Tensor, Tensor] = {}

    def zero_grad(self) -> None:
        """Drop all gradients."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update the parameters that have a gradient."""
        moved = [parameter for parameter in self._parameters if parameter.grad is not None]
        for parameter in moved:
            if parameter not in self._steps:
                self._first[parameter] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                self._second[parameter] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
                self._steps[parameter] = torch.zeros((), dtype=torch.float32, device=parameter.device if self._fused else None)
        adam(
            moved,
            [parameter.grad for parameter in moved if parameter.grad is not None],
            [self._first[parameter] for parameter in moved],
            [self._second[parameter] for parameter in moved],
            [],
            [self._steps[parameter] for parameter in moved],
            fused=self._fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._lr,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
