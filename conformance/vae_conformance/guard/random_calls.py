"""Interception of the random calls of a pass: the noise of Gaussian draws can be removed or replaced.

Gaussian draws are intercepted below autograd, at PyTorch's dispatcher, so that no change to the code that draws is needed. The draw itself
always happens first and is then replaced, so that the random stream advances as it does without interception.
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
    _aten.rand, _aten.rand_like, _aten.uniform_, _aten.bernoulli, _aten.bernoulli_, _aten.native_dropout, _aten.exponential_,
    _aten.randint,
)
_RANDOM = frozenset((*_STANDARD, *_WITH_MOMENTS, _aten.normal_, *_OTHER))
DROPPING = frozenset({"native_dropout", "bernoulli", "bernoulli_"})
"""Names of the random operations that dropout uses."""


class _Eager(TorchDispatchMode):
    """A dispatch mode that PyTorch does not guard against its compiler, whose import takes as long as that of PyTorch itself."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class RandomCalls(_Eager):
    """Dispatch mode that records the random calls within the block and replaces the noise of the Gaussian ones.

    The model's own generators are replaced with the global one, which the caller has seeded, so that one seed determines everything. A
    generator that was reset to a state seen in an earlier call is kept: it repeats its draws, and claims must see that.

    Attributes:
        names: names of the random operations called, in order.
        private: whether any of them drew from the model's own generator.
        states: hashes of the states of the model's own generators seen in earlier calls; this call adds those it sees.
    """

    def __init__(self, noise: Noise, states: set[int] | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.noise = noise
        self.names: list[str] = []
        self.private = False
        self.states = set() if states is None else states
        self._found: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run one operation; record it and replace its noise if it is random."""
        packet = func.overloadpacket
        if packet not in _RANDOM:
            return func(*args, **kwargs) if kwargs else func(*args)
        self.names.append(packet.__name__)
        drawn = self._drawn(func, args, kwargs or {})
        return drawn if packet in _OTHER else self._replace(packet, drawn, args)

    def _drawn(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return the operation's draw, from the global generator or from a private one that was reset."""
        private = kwargs.get("generator")
        if private is None:
            return func(*args, **kwargs)
        self.private = True
        state = hash(private.get_state().numpy().tobytes())
        put_back = state in self.states and state not in self._found
        self.states.add(state)
        self._found.add(state)
        own = func(*args, **kwargs)  # the private generator advances as it would without interception
        return own if put_back else func(*args, **{**kwargs, "generator": None})

    def _replace(self, packet: Any, drawn: Tensor, args: tuple[Any, ...]) -> Tensor:
        given = self.noise.given
        mean, std = _moments(packet, args)
        if self.noise.zero:
            replacement = torch.zeros_like(drawn) + mean
        elif given is not None and given.numel() == drawn.numel():
            replacement = mean + std * given.to(drawn).reshape(drawn.shape)
        else:
            return drawn
        return drawn.copy_(replacement) if packet is _aten.normal_ else replacement.to(drawn.dtype)


def _moments(packet: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the mean and the standard deviation passed to a Gaussian operation."""
    if packet in _STANDARD:
        return 0.0, 1.0
    first = 1 if packet in (_aten.normal_, _aten.normal_functional) else 0
    mean = args[first] if len(args) > first else 0.0
    std = args[first + 1] if len(args) > first + 1 else 1.0
    return mean, std


class LastOperation(_Eager):
    """Dispatch mode that records the last operation within the block that computes something (views, casts and copies excluded)."""

    _PASSIVE = (
        "view", "_unsafe_view", "reshape", "unsqueeze", "squeeze", "permute", "transpose", "t", "expand", "clone", "detach",
        "alias", "_to_copy", "contiguous", "slice", "select", "unbind", "split", "chunk", "empty", "zeros", "ones",
        "_reshape_alias", "unflatten", "as_strided",
    )

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.name = ""

    def __torch_dispatch__(
        self, func: Callable[..., Any], types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run one operation and record its name."""
        name = func.overloadpacket.__name__  # type: ignore[attr-defined]
        if name not in self._PASSIVE:
            self.name = name
        return func(*args, **(kwargs or {}))
