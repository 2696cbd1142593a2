"""Stand-ins for what a training loop uses and the suite does not have: a loader, an optimiser, a device, numbers from a command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from tempfile import TemporaryDirectory
from typing import Any, Self
from unittest.mock import patch

import torch
from torch import Tensor, nn

from vae_conformance.binding.loss_arguments import is_weight, names_batch, names_model, names_network
from vae_conformance.target.adapter import inner_of

_SCHEDULE = re.compile(r"^(w(eight)?$|beta|kld?_?(weight|coeff?|beta|lambda|anneal|factor|scale)|anneal|warm_?up)", re.IGNORECASE)
"""Names of what gives a KL's weight, beside those of the weight itself."""
_PASSING = frozenset({"prepare", "tqdm", "enumerate", "to"})
"""Names of helpers that give back what they are given."""
_LOADER = re.compile(r"load|data|batches|iterator|(^|_)(dl|ds|tr|te)$|(train|test|val|valid)(ing)?_?(set|iter)", re.IGNORECASE)
_DATA = torch.utils.data.DataLoader, torch.utils.data.Dataset
_DEVICE = re.compile(r"device|^dev$", re.IGNORECASE)


class StandIn(float):
    """Stands for anything: a number that is 1, an object with any attribute, or a call that passes on the tensor it is given."""

    def __new__(cls, stage: Stage, name: str, value: float = 1.0, holder: str = "") -> Self:
        """Make one of a name, which something of another name holds."""
        made = super().__new__(cls, value)
        made._stage, made.name, made.holder = stage, name, holder or name
        return made

    _stage: Stage
    name: str
    holder: str

    def __getattr__(self, name: str) -> Any:
        """Any attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        if name in self._stage.own:
            return getattr(self._stage.model, name)  # what has a part of the model's is the model
        value = self._stage.of(name, self.name)
        return Held(self._stage, value) if value is self._stage.model else value

    def __getitem__(self, key: object) -> Any:
        """Any entry."""
        return self._stage.of(key if isinstance(key, str) else self.name, self.name)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """The tensor, or the batches, that a helper is given; else a stand-in."""
        if self.name == "step" and arguments and callable(arguments[0]):
            return arguments[0]()  # a closure that an optimiser calls
        given = [one for one in (*arguments, *keywords.values()) if isinstance(one, Tensor | Batches)]
        if any(isinstance(one, Tensor) and not one.requires_grad for one in given):
            self._stage.called[self.name] = None
        passes = self.name in _PASSING or (self.name == "scale" and "scaler" in self.holder)
        if not passes and any(isinstance(one, Tensor) and one.requires_grad for one in given):
            self._stage.unknown[self.holder] = None
        return given[0] if given else self._stage.of(self.name, self.holder)

    def backward(self, loss: Tensor, *_arguments: Any, **_keywords: Any) -> None:
        """Differentiate a loss for the author, as helpers for several devices do."""
        loss.backward()

    manual_backward = backward

    def __index__(self) -> int:
        """The number as a count."""
        return int(self)

    def __iter__(self) -> Iterator[Any]:
        """The batch, where a loop goes over it."""
        return iter(Batches(self._stage))

    def __len__(self) -> int:
        """One entry."""
        return 1

    def __bool__(self) -> bool:
        """It is there, or it is not."""
        return self._stage.number == 1

    def __setitem__(self, key: object, value: object) -> None:
        """Take an entry, and forget it."""

    def __enter__(self) -> Self:
        """Be its own context."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Leave it."""


class Held:
    """The model where something holds it, or the part of a configuration that is called after it."""

    def __init__(self, stage: Stage, model: Any) -> None:
        self._stage = stage
        self._model = model

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        """Call the model."""
        return self._model(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        """What the model has, or anything else."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._model, name) if hasattr(self._model, name) else self._stage.of(name)


class Batches:
    """Stands for a loader, or the data set behind it: it gives one batch, again and again."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def __iter__(self) -> Iterator[Any]:
        """Give the batch as often as the stage has rounds, each time under the same seed."""
        for _ in range(self._stage.rounds):
            torch.default_generator.manual_seed(self._stage.seed)
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
        number: the value of all other numbers that only the loop knows.
        numbers: their names; one of them alone has that value where `varied` names it.
        varied: the one number that is varied; None for all.
        called: the names of missing functions that are called with the batch: one of them may be the model.
        models: names that stand for the model.
        unknown: the names of missing functions that the loss is computed with.
        label: of every item.
        rounds: how many batches the loader gives.
        seed: of each round.
    """

    model: Any
    batch: Any = None
    weight: float = 1.0
    weights: dict[str, None] = field(default_factory=dict)
    number: float = 1.0
    numbers: dict[str, None] = field(default_factory=dict)
    varied: str | None = None
    called: dict[str, None] = field(default_factory=dict)
    models: frozenset[str] = frozenset()
    unknown: dict[str, None] = field(default_factory=dict)
    label: int = 0
    rounds: int = 1
    seed: int = 0

    @cached_property
    def own(self) -> frozenset[str]:
        """The names of what the author's own classes give the model."""
        kinds = [kind for kind in type(inner_of(self.model)).__mro__ if not kind.__module__.startswith(("torch.", "builtins"))]
        return frozenset(name for kind in kinds for name in vars(kind) if not hasattr(nn.Module, name))

    def of(self, name: str, holder: str = "") -> Any:
        """The stand-in for what has this name, and is held by something of another name."""
        if gives_weight(name):
            self.weights[name] = None
            return StandIn(self, name, self.weight, holder)
        if _DEVICE.search(name):
            return torch.device("cpu")
        if _LOADER.search(name):
            return Batches(self)
        if name in self.models:
            return self.model
        if names_batch(name):
            return self.batch
        if name != "self" and names_model(name):
            return self.model
        if names_network(name) and isinstance(part := getattr(self.model, name, None), nn.Module):
            return part
        self.numbers[name] = None
        return StandIn(self, name, self.number if self.varied in (None, name) else 1.0, holder)

    def refresh(self, names: dict[str, Any]) -> None:
        """Give the numbers among the names of a loop their present value."""
        for name, value in names.items():
            if isinstance(value, StandIn):
                names[name] = self.of(value.name, value.holder)

    def batches(self, value: Any) -> Any:
        """What a loop over batches goes over: a list of data gives the batch too."""
        return Batches(self) if isinstance(value, (list, tuple, Tensor, StandIn, *_DATA)) else value

    def settled(self, value: Any) -> Any:
        """A value of the author's; the model, or its part, in place of another of its kind, and the batches in place of any data."""
        if isinstance(value, _DATA):
            return Batches(self)
        kind = value if isinstance(value, type) else type(value)
        if isinstance(inner_of(self.model), kind) and not kind.__module__.startswith(("torch.", "builtins")):
            # Where the model is constructed there is one already.
            return (lambda *_arguments, **_keywords: self.model) if kind is value else self.model
        if not isinstance(value, nn.Module) or not isinstance(self.model, nn.Module):
            return value
        parts = [one for one in self.model.children() if type(one) is type(value)]
        return parts[0] if len(parts) == 1 and not type(value).__module__.startswith("torch.") else value


def names_data(name: str) -> bool:
    """Whether a name is that of a data set, or of what loads one."""
    return _LOADER.search(name) is not None


def gives_weight(name: str) -> bool:
    """Whether a name is that of a KL's weight, or of a schedule of it."""
    return is_weight(name) or _SCHEDULE.search(name) is not None


class Differentiated(BaseException):
    """The author's code has come to the point where it differentiates its loss."""

    def __init__(self, loss: Tensor) -> None:
        super().__init__()
        self.loss = loss


def until_backward(call: Callable[[], object], rounds: int = 1) -> Tensor | None:
    """Run code until it differentiates a tensor for the last of some rounds, and return this; None if it never does.

    Optimisers neither move nor import PyTorch's compiler meanwhile, and tensors stay on their device. Folders and logs that it creates
    beside itself are in a temporary folder.
    """
    try:
        with TemporaryDirectory() as folder, chdir(folder), _interrupting(rounds), _idle_optimisers():
            call()
    except Differentiated as there:
        return there.loss
    return None


@contextmanager
def _interrupting(rounds: int) -> Iterator[None]:
    left = rounds

    def stop(loss: Any, *_arguments: Any, **_keywords: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise Differentiated(loss if isinstance(loss, Tensor) else loss[0])

    def here(value: Any, *_arguments: Any, **_keywords: Any) -> Any:
        return value

    with (
        patch.multiple(torch.Tensor, backward=stop, cuda=here),
        patch.multiple(nn.Module, cuda=here),
        patch.multiple(torch.autograd, backward=stop),
    ):
        yield


@contextmanager
def _idle_optimisers() -> Iterator[None]:
    def made(self: Any, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults, self.state = defaults, {}
        self.param_groups = [{"params": list(params), "initial_lr": defaults.get("lr"), **defaults}]

    def still(*arguments: Any, **_keywords: Any) -> None:
        for closure in arguments[1:]:
            if callable(closure):
                closure()

    with patch.multiple(torch.optim.Optimizer, __init__=made, zero_grad=still, step=still):
        yield
