"""A bound model with its states, its modes, and what every call into it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.watching import in_mode
from vae_conformance.binding.wiring import Wiring
from vae_conformance.guard.calls import Caller
from vae_conformance.guard.random_calls import RandomCalls
from vae_conformance.guard.seeds import seeded
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Facts, Mode, Noise, State, SubjectFault


class BoundModel:
    """One instance, whose states are swapped in and out."""

    def __init__(self, model: Any, make: Callable[[], object] | None, wiring: Wiring, facts: Facts, device: torch.device) -> None:
        self.model = model
        self.facts = facts
        self.wiring = wiring
        self.device = device
        self.caller = Caller()
        self._streams: set[int] = set()
        self._global: set[tuple[object, ...]] = set()
        self._make = make

    def fresh(self, seed: int) -> State:
        """A new initialisation under the seed; a ready instance's own state."""
        if self._make is None or not isinstance(self.model, nn.Module):
            return self.state()
        with self.caller.calling("construction"), seeded(seed, self.device):
            made = self._make()
        return {name: value.detach().clone() for name, value in made.state_dict().items()}  # type: ignore[attr-defined]

    def load(self, state: State) -> None:
        """Take on a state."""
        if isinstance(self.model, nn.Module):
            with self.caller.calling("load_state_dict"):
                self.model.load_state_dict(dict(state))

    def state(self) -> dict[str, Tensor]:
        """A copy of the present state."""
        if not isinstance(self.model, nn.Module):
            return {}
        return {name: value.detach().clone() for name, value in self.model.state_dict().items()}

    @contextmanager
    def operation(
        self, name: str, mode: Mode, noise: Noise, *, grad: bool = False, given: tuple[bool, ...] | None = ()
    ) -> Iterator[RandomCalls]:
        """Guard one call into the model: time limit, mode, seed, gradients and control of the noise.

        `given` tells which optional arguments the call has. The random calls of one that was watched and drew from no generator of the
        model's own are not watched again, because that takes as long as a small model's own work; `given` is None to watch all.
        """
        watch, kind = RandomCalls(noise, self._streams), (name, mode, grad, given)
        watching = noise.zero or noise.given is not None or given is None or kind not in self._global
        with (
            self.caller.calling(name),
            in_mode(self.model, mode),
            seeded(noise.seed, self.device),
            torch.set_grad_enabled(grad),
            watch if watching else nullcontext(),
        ):
            yield watch
        if watching and not watch.private:
            self._global.add(kind)

    def part(self, part: str | Callable[..., Any] | None, operation: str) -> Callable[..., Any]:
        """A part to call, by its name on the model or as it is.

        Raises:
            SubjectFault: it is missing.
        """
        if part is None:
            raise SubjectFault(operation, "is missing")
        return part_of(self.model, part) if isinstance(part, str) else part

    def construct(self) -> object:
        """A new instance under the current random state.

        Raises:
            SubjectFault: it is a ready instance, or its construction fails.
        """
        if self._make is None:
            raise SubjectFault("construction", "a ready instance cannot be initialised anew")
        with self.caller.calling("construction"):
            return self._make()
