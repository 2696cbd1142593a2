"""Passes of one model with z or its heads replaced, by the tape of a pass in the mode that the model is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.distributions import pair_of
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.layout import at
from vae_conformance.binding.roles.posterior import Roles, find_roles
from vae_conformance.binding.trace.tape import Recording, Replacement, record, replay, replay_to
from vae_conformance.binding.watching import in_mode
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Mode, SubjectFault

_FEW = 2
"""How many items a pass is run on where the number of draws is the heads' alone: BatchNorm takes no fewer in training mode."""


@dataclass(frozen=True)
class TracedPass:
    """Runs a pass with some of its nodes replaced.

    Attributes:
        model: the model.
        run: one pass over a batch.
        x: items to run it on; which, makes no difference to what is asked here.
        training, evaluation: the roles of its nodes in either mode; None where they are not known.
    """

    model: Any
    run: Callable[[Tensor], Any]
    x: Tensor
    training: Roles | None
    evaluation: Roles | None

    def roles(self) -> Roles:
        """The roles of the nodes in the mode that the model is in.

        Raises:
            SubjectFault: they are not known.
        """
        trains = self.model.training if isinstance(self.model, nn.Module) else True
        roles = self.training if trains else self.evaluation
        if roles is None:
            raise SubjectFault("forward", f"cannot be followed in {'training' if trains else 'evaluation'} mode")
        return roles

    def decoded(self, z: Tensor) -> Any:
        """What a pass gives where its latent is z, of shape (B, *latent)."""
        head = self.roles().z
        return replay(self.run, self._items(len(z)), {head.number: z.reshape(len(z), *head.shape)})

    def drawn(self, mu: Tensor, second: Tensor, *, few: bool) -> Tensor:
        """The latent that a pass draws where its heads are these, of shape (B, *latent).

        Args:
            mu: the mean.
            second: the second head, as the pass returns it.
            few: whether the pass may run on another number of items than the heads have.

        Raises:
            SubjectFault: the pass takes another way than it did.
        """
        roles = self.roles()
        replaced: dict[int, Replacement] = {roles.mu.number: mu.reshape(len(mu), *roles.mu.shape)}
        if roles.second is not None:
            replaced[roles.second.number] = roles.second.origin(second).reshape(len(second), *roles.second.shape)
        z = replay_to(self.run, self._items(_FEW if few else len(mu)), roles.z.number, replaced, roles.operations[roles.z.number])
        if z is None:
            raise SubjectFault("sampling step", "does not draw where it drew before")
        return z

    def _items(self, count: int) -> Tensor:
        return self.x[torch.arange(count, device=self.x.device) % len(self.x)]


def trace_pass(found: Findings) -> TracedPass:
    """Follow one pass of the model in both modes."""

    def run(x: Tensor) -> Any:
        return found.joint(found.model, x)

    return TracedPass(found.model, run, found.x, *(_roles(found, run, train=train) for train in (True, False)))


def _roles(found: Findings, run: Callable[[Tensor], Any], *, train: bool) -> Roles | None:
    def recorded(seed: int, replaced: Mapping[int, Replacement]) -> Recording:
        with in_mode(found.model, Mode.TRAIN if train else Mode.EVAL):
            recording: Recording = found.call("forward", record, run, found.x, replaced, train=train, seed=seed)
        return recording

    try:
        mu, second = _heads(found, recorded(0, {}), train=train)
        return find_roles(recorded, mu, second, BATCH)
    except SubjectFault:
        return None


def heads_of(found: Findings) -> tuple[Tensor | None, Tensor | None]:
    """Mu and the second head that a training pass of the model gives, as far as they can be read.

    Raises:
        SubjectFault: the pass fails.
    """

    def run(x: Tensor) -> Any:
        return found.joint(found.model, x)

    with in_mode(found.model, Mode.TRAIN):
        recording: Recording = found.call("forward", record, run, found.x, train=True)
    return _heads(found, recording, train=True)


def _heads(found: Findings, recording: Recording, *, train: bool) -> tuple[Tensor | None, Tensor | None]:
    """Mu and the second head of a recorded pass, as far as they are known without it."""
    layout = found.layout
    if layout is not None and layout.mu is not None and layout.logvar is not None:
        return at(recording.result, layout.mu), at(recording.result, layout.logvar)
    if layout is not None and layout.posterior is not None:
        return pair_of(at(recording.result, layout.posterior))
    if found.encode is None or found.form is None:
        return None, None
    return found.form.read(found.call("encode", part_of(found.model, found.encode), found.x.clone(), train=train))
