"""Interception of the random calls of a pass: the noise of the Gaussian ones can be left out or given.

Gaussian draws are intercepted below autograd, at PyTorch's dispatcher, so that the noise can be left out or given without touching the code
that draws it. The draw itself always happens first and is then replaced, so that the random stream advances as it does without
interception.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from vae_spec.subject import Noise

_aten = torch.ops.aten
_STANDARD = (_aten.randn, _aten.randn_like)
_WITH_MOMENTS = (_aten.normal, _aten.normal_functional)
_OTHER = (
    _aten.rand,
    _aten.rand_like,
    _aten.uniform_,
    _aten.bernoulli,
    _aten.bernoulli_,
    _aten.native_dropout,
    _aten.exponential_,
    _aten.randint,
)
_RANDOM = frozenset((*_STANDARD, *_WITH_MOMENTS, _aten.normal_, *_OTHER))
DROPPING = frozenset({"native_dropout", "bernoulli", "bernoulli_"})
"""The names of the random operations of dropout."""


class RandomCalls(TorchDispatchMode):
    """Watches the random calls of the code inside, and replaces the noise of the Gaussian ones.

    A private generator is set aside for the global one, which the caller has seeded: then one seed decides everything. One that somebody
    has put back to a state in which an earlier call found it stays: it draws the same again, and that is to be seen.

    Attributes:
        names: the random operations that were called, in order.
        private: whether any of them drew from a generator of the model's own.
        states: hashes of the states in which earlier calls found generators of the model's own; this one adds what it finds.
    """

    def __init__(self, noise: Noise, states: set[int] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.noise = noise
        self.names: list[str] = []
        self.private = False
        self.states = set() if states is None else states
        self._found: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run one operation, watching for random ones."""
        packet = func.overloadpacket
        if packet not in _RANDOM:
            return func(*args, **kwargs) if kwargs else func(*args)
        kwargs = dict(kwargs or {})
        if packet in _STANDARD or packet in _WITH_MOMENTS or packet is _aten.normal_:
            self.names.append(packet.__name__)
            return self._replace(packet, self._drawn(func, args, kwargs), args)
        self.names.append(packet.__name__)
        return self._drawn(func, args, kwargs)

    def _drawn(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What an operation draws from the global stream, or from a private one that has been put back."""
        private = kwargs.get("generator")
        if private is None:
            return func(*args, **kwargs)
        self.private = True
        state = hash(private.get_state().numpy().tobytes())
        put_back = state in self.states and state not in self._found
        self.states.add(state)
        self._found.add(state)
        own = func(*args, **kwargs)  # it goes on as it would
        return own if put_back else func(*args, **{**kwargs, "generator": None})

    def _replace(self, packet: Any, drawn: Tensor, args: tuple[Any, ...]) -> Tensor:
        if not self.noise.zero and self.noise.given is None:
            return drawn
        mean, std = _moments(packet, args)
        if self.noise.zero:
            replacement = torch.zeros_like(drawn) + mean
        else:
            given = self.noise.given
            if given is None or given.numel() != drawn.numel():
                return drawn
            replacement = mean + std * given.to(drawn).reshape(drawn.shape)
        return drawn.copy_(replacement) if packet is _aten.normal_ else replacement.to(drawn.dtype)


def _moments(packet: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """The mean and the standard deviation that a Gaussian operation was asked for."""
    if packet in _STANDARD:
        return 0.0, 1.0
    first = 1 if packet in (_aten.normal_, _aten.normal_functional) else 0
    mean = args[first] if len(args) > first else 0.0
    std = args[first + 1] if len(args) > first + 1 else 1.0
    return mean, std


class LastOperation(TorchDispatchMode):
    """Remembers the last operation of the code inside that computes something (views, casts and copies apart)."""

    _PASSIVE = (
        "view",
        "_unsafe_view",
        "reshape",
        "unsqueeze",
        "squeeze",
        "permute",
        "transpose",
        "t",
        "expand",
        "clone",
        "detach",
        "alias",
        "_to_copy",
        "contiguous",
        "slice",
        "select",
        "unbind",
        "split",
        "chunk",
        "empty",
        "zeros",
        "ones",
        "_reshape_alias",
        "unflatten",
        "as_strided",
    )

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.name = ""

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run one operation and remember its name."""
        name = func.overloadpacket.__name__  # type: ignore[attr-defined]
        if name not in self._PASSIVE:
            self.name = name
        return func(*args, **(kwargs or {}))
