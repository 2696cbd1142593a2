"""Stand-ins for what a training loop uses and the suite does not have: a loader, an optimiser, a device, numbers from a command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn

from vae_conformance.binding.loss_arguments import is_weight, names_model

_LOADER = re.compile(r"load|data|batches|iterator|(^|_)(dl|ds)$|train_?(set|iter)", re.IGNORECASE)
_DEVICE = re.compile(r"device|^dev$", re.IGNORECASE)


class StandIn(float):
    """Stands for anything: a number that is 1, an object with any attribute, or a call that passes on the tensor it is given."""

    def __new__(cls, stage: Stage, name: str, value: float = 1.0) -> Self:
        """Make one of a name."""
        made = super().__new__(cls, value)
        made._stage, made.name = stage, name
        return made

    _stage: Stage
    name: str

    def __getattr__(self, name: str) -> Any:
        """Any attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self._stage.of(name)

    def __getitem__(self, key: object) -> Any:
        """Any entry."""
        return self._stage.of(key if isinstance(key, str) else self.name)

    def __call__(self, *arguments: Any, **_keywords: Any) -> Any:
        """The tensor, or the batches, that a helper is given; else a stand-in."""
        passed = (one for one in arguments if isinstance(one, Tensor | Batches))
        return next(passed, self._stage.of(self.name))

    def backward(self, loss: Tensor, *_arguments: Any) -> None:
        """Differentiate a loss for the author, as helpers for several devices do."""
        loss.backward()

    def __index__(self) -> int:
        """The number as a count."""
        return int(self)

    def __iter__(self) -> Iterator[Any]:
        """Nothing to go over."""
        return iter(())

    def __len__(self) -> int:
        """One entry."""
        return 1

    def __bool__(self) -> bool:
        """It is there."""
        return True

    def __setitem__(self, key: object, value: object) -> None:
        """Take an entry, and forget it."""

    def __enter__(self) -> Self:
        """Be its own context."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Leave it."""


class Batches:
    """Stands for a loader, or the data set behind it: it gives one batch, again and again."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __iter__(self) -> Iterator[Any]:
        """Give the batch once."""
        yield self._stage.batch

    def __next__(self) -> Any:
        """The batch."""
        return self._stage.batch

    def __getitem__(self, _index: object) -> Any:
        """The batch, whichever is asked for."""
        return self._stage.batch

    def __len__(self) -> int:
        """One batch."""
        return 1

    def __getattr__(self, name: str) -> Any:
        """Anything else that a loader has."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self if _LOADER.search(name) else self._stage.of(name)


@dataclass
class Stage:
    """What a training loop is run with.

    Attributes:
        model: the model.
        batch: what the loader gives.
        weight: the value of the KL's weight where nothing but the loop says what it is.
        weights: the names of such weights that the loop has asked for.
    """

    model: Any
    batch: Any = None
    weight: float = 1.0
    weights: dict[str, None] = field(default_factory=dict)

    def of(self, name: str) -> Any:
        """The stand-in for what has this name."""
        if is_weight(name):
            self.weights[name] = None
            return StandIn(self, name, self.weight)
        if _DEVICE.search(name):
            return torch.device("cpu")
        if _LOADER.search(name):
            return Batches(self)
        if names_model(name):
            return self.model
        return StandIn(self, name)

    def refresh(self, names: dict[str, Any]) -> None:
        """Give weights among the names of a loop their present value."""
        for name, value in names.items():
            if isinstance(value, StandIn) and is_weight(value.name):
                names[name] = self.of(value.name)

    def settled(self, value: Any) -> Any:
        """A value of the author's; the model, or its part, in place of another of its kind, and the batches in place of any data."""
        if isinstance(value, torch.utils.data.DataLoader | torch.utils.data.Dataset):
            return Batches(self)
        if not isinstance(value, nn.Module) or not isinstance(self.model, nn.Module):
            return value
        if type(value) is type(self.model):
            return self.model
        parts = [one for one in self.model.children() if type(one) is type(value)]
        return parts[0] if len(parts) == 1 and not type(value).__module__.startswith("torch.") else value


class Differentiated(BaseException):
    """The author's code has come to the point where it differentiates its loss."""

    def __init__(self, loss: Tensor) -> None:
        super().__init__()
        self.loss = loss


def until_backward(call: Callable[[], object]) -> Tensor | None:
    """Run code until it differentiates a tensor, and return this; None if it never does.

    Optimisers neither move nor import PyTorch's compiler meanwhile.
    """
    try:
        with _interrupting(), _idle_optimisers():
            call()
    except Differentiated as there:
        return there.loss
    return None


@contextmanager
def _interrupting() -> Iterator[None]:
    def stop(loss: Any, *_arguments: Any, **_keywords: Any) -> None:
        raise Differentiated(loss if isinstance(loss, Tensor) else loss[0])

    with _patched(torch.Tensor, {"backward": stop}), _patched(torch.autograd, {"backward": stop}):
        yield


@contextmanager
def _idle_optimisers() -> Iterator[None]:
    def made(self: Any, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults, self.state = defaults, {}
        self.param_groups = [{"params": list(params), "initial_lr": defaults.get("lr"), **defaults}]

    def still(*_arguments: Any, **_keywords: Any) -> None:
        return None

    with _patched(torch.optim.Optimizer, {"__init__": made, "zero_grad": still, "step": still}):
        yield


@contextmanager
def _patched(owner: Any, values: Mapping[str, Any]) -> Iterator[None]:
    before = {name: getattr(owner, name) for name in values}
    for name, value in values.items():
        setattr(owner, name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(owner, name, value)
