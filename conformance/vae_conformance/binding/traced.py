"""The training pass of a model as it is recorded, once: its latent, what it computes and does not return, and replays of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.layout import ForwardLayout
from vae_conformance.binding.passes import RETURNED, Call, Joint, call_forward, has_forward, noting_calls, stored_tensors
from vae_conformance.binding.reading import by_keys
from vae_conformance.binding.roles.nodes import Roles
from vae_conformance.binding.roles.output import outputs_of
from vae_conformance.binding.roles.posterior import find_latent, find_roles
from vae_conformance.binding.trace.replay import matched, replay, replay_to
from vae_conformance.binding.trace.tape import Recording, Replacement, Tape, record
from vae_conformance.binding.watching import in_mode
from vae_conformance.guard.random_calls import RandomCalls
from vae_conformance.target.adapter import settled
from vae_spec.subject import Mode, Noise, SubjectFault

MU, SECOND, OUTPUT = "mu", "second head", "output"
"""What is computed inside of forward, by the names that a layout's paths have for it."""
_FEW = 2
"""How many items a pass is run on where the number of draws is the heads' alone: BatchNorm takes no fewer in training mode."""


def recorded_pass(found: Findings, run: Callable[[Tensor], Any], *, train: bool = True) -> Callable[..., Recording]:
    """How a pass is recorded under a seed, with some nodes replaced."""

    def recorded(seed: int, put: Mapping[int, Replacement]) -> Recording:
        with in_mode(found.model, Mode.TRAIN if train else Mode.EVAL):
            recording: Recording = found.call("forward", record, run, found.x, put, train=train, seed=seed)
        return recording

    return recorded


def with_pass(found: Findings) -> Findings:
    """Run a training pass: what it gives and calls, and its latent; or how it fails."""
    if not has_forward(found.model):
        return found

    watch = RandomCalls(Noise())

    def run() -> tuple[Any, list[Call]]:
        # A record names its parts: what else is called is nothing to it.
        given = settled(found.model, ("encode", "decode", "forward")) is not None
        noting: AbstractContextManager[list[Call]] = nullcontext([]) if given else noting_calls(found.model)
        with in_mode(found.model, Mode.TRAIN), watch, noting as calls:
            return found.forward(found.x), calls

    try:
        result, calls = found.call("forward", run, train=True)
        found = replace(found, result=result, calls=tuple(calls), random=frozenset(watch.names))
        recorded = recorded_pass(found, partial(call_forward, found.model))
        first, other = recorded(0, {}), recorded(1, {})
        return replace(found, again=other.result, latent=find_latent(recorded, first, other, BATCH))
    except SubjectFault as fault:
        return replace(found, fault=fault)


@dataclass(frozen=True)
class Followed:
    """Runs forward and gives what it returns, with what was computed inside of it.

    Attributes:
        training, evaluation: the numbers of the nodes by name, in either mode; None where forward cannot be followed in it.
    """

    training: Mapping[str, int]
    evaluation: Mapping[str, int] | None

    def __call__(self, model: Any, x: Tensor) -> dict[str, Any]:
        """Run it.

        Raises:
            SubjectFault: forward takes another way than it did.
        """
        trains = model.training if isinstance(model, nn.Module) else True
        numbers = self.training if trains else self.evaluation
        if numbers is None:
            raise SubjectFault("forward", "does not compute in evaluation mode what it does in training mode")
        tape = Tape(noting=False)
        batch = tape.take(x, "batch")
        with tape:
            result = call_forward(model, batch)
        if max(numbers.values()) >= len(tape.made):
            raise SubjectFault("forward", "takes another way than it did before")
        given: dict[str, Any] = {name: tape.made[number] for name, number in numbers.items()}
        if SECOND in given:
            given[SECOND] = given[SECOND].reshape(given[MU].shape)
        return {RETURNED: result, **given}


def followed(found: Findings) -> Findings:
    """Complete the layout by what forward computes and does not return; the same where its pass does not show that."""
    try:
        inside = _kept_by_name(found) if found.latent is None else _computed(found)
        if inside is None:
            return found
        joint = Joint(followed=inside)
        result = found.call("forward", joint, found.model, found.x, train=True)
    except SubjectFault:
        return found
    raw = (OUTPUT,) if found.layout is None else (RETURNED, *found.layout.raw)
    return replace(found, joint=joint, result=result, layout=ForwardLayout(raw, (MU,), (SECOND,) if SECOND in result else None))


def _computed(found: Findings) -> Followed | None:
    """Mu, the second head, and the output where no layout has it, by the nodes that make the latent."""
    latent = found.latent
    assert latent is not None
    first, second = latent.passes["drawn"], latent.second(None)
    training = {MU: latent.mean.number} | ({} if second is None else {SECOND: second.number})
    if found.layout is None:
        outputs = outputs_of(first, latent.roles(None), BATCH, found.x.numel())
        if outputs is None:
            return None
        training[OUTPUT] = outputs[0].number
    try:
        operations = recorded_pass(found, partial(call_forward, found.model), train=False)(0, {}).operations
    except SubjectFault:
        return Followed(training, None)
    # In evaluation mode forward may decode mu, or leave its input as it is: the nodes are looked for in the operations that are the same.
    same = matched(first.operations, operations)
    there = same.keys() >= set(training.values())
    return Followed(training, {name: same[number] for name, number in training.items()} if there else None)


def _kept_by_name(found: Findings) -> Followed | None:
    """Mu and the second head of a forward that draws nothing, where it keeps them under their usual names."""
    if found.layout is None:
        return None
    numbers = []
    for train in (True, False):
        recording = recorded_pass(found, partial(call_forward, found.model), train=train)(0, {})
        kept = {name.rpartition(".")[2]: value for name, value in stored_tensors(found.model).items()}
        keys = by_keys(kept)
        there = [None if role not in keys else recording.number(kept[keys[role]]) for role in ("mu", "logvar")]
        numbers.append({name: number for name, number in zip((MU, SECOND), there, strict=True) if number is not None})
    return Followed(numbers[0], numbers[1]) if len(numbers[0]) == len(numbers[1]) == len(there) else None


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
        roles = self.roles()
        return replay(self.run, self._items(len(z)), {roles.z.number: z.reshape(len(z), *roles.z.shape)}, roles.operations)

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
        z = replay_to(self.run, self._items(_FEW if few else len(mu)), roles.z.number, replaced, roles.operations)
        if z is None:
            raise SubjectFault("sampling step", "does not draw where it drew before")
        return z

    def _items(self, count: int) -> Tensor:
        return self.x[torch.arange(count, device=self.x.device) % len(self.x)]


def trace_pass(found: Findings) -> TracedPass:
    """Follow one pass of the model in both modes."""
    run = partial(found.joint, found.model)
    mu, second = found.heads
    shared = found.latent if found.joint.plain else None
    training = evaluation = None
    try:
        recorded = recorded_pass(found, run)
        training = find_roles(recorded, mu, second, BATCH) if shared is None else shared.roles(second)
        recorded = recorded_pass(found, run, train=False)
        first = recorded(0, {})
        # A pass that is the same in both modes has the same nodes.
        if training is None or not training.noise or first.operations != training.operations:
            mu, second = found.heads_in(first.result, found.pair)
            evaluation = find_roles(recorded, mu, second, BATCH)
        else:
            evaluation = training
    except SubjectFault:
        pass
    return TracedPass(found.model, run, found.x, training, evaluation)


def heads_of(found: Findings) -> tuple[Tensor | None, Tensor | None]:
    """Mu and the second head that a training pass of the model gives, as far as they can be read."""
    return found.heads
