"""What forward computes and does not return: mu, the second head and the output, read off its tape as it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.layout import by_keys
from vae_conformance.binding.passes import RETURNED, call_forward, stored_tensors
from vae_conformance.binding.roles.output import outputs_of
from vae_conformance.binding.roles.posterior import Roles, find_roles
from vae_conformance.binding.trace.tape import Recording, Replacement, Tape, record
from vae_conformance.binding.watching import in_mode
from vae_spec.subject import Mode, SubjectFault

MU, SECOND, OUTPUT = "mu", "second head", "output"
"""What is read off, by the names that a layout's paths have for it."""


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


def recorded_pass(found: Findings, run: Callable[[Tensor], Any], *, train: bool = True) -> Callable[..., Recording]:
    """How a pass is recorded under a seed, with some nodes replaced."""

    def recorded(seed: int, put: Mapping[int, Replacement]) -> Recording:
        with in_mode(found.model, Mode.TRAIN if train else Mode.EVAL):
            recording: Recording = found.call("forward", record, run, found.x, put, train=train, seed=seed)
        return recording

    return recorded


def follow(found: Findings, *, output: bool) -> Followed | None:
    """Find mu and the second head in forward, and its output if asked; None where its pass does not show them.

    Raises:
        SubjectFault: forward fails.
    """

    def run(x: Tensor) -> Any:
        return call_forward(found.model, x)

    recorded = recorded_pass(found, run)
    roles = find_roles(recorded, None, None, BATCH)
    if roles is None or not roles.noise:
        return _kept_by_name(found, run) if not output else None
    training = {MU: roles.mu.number} | ({} if roles.second is None else {SECOND: roles.second.number})
    if output:
        outputs = outputs_of(recorded(0, {}), roles, BATCH, found.x.numel())
        if outputs is None:
            return None
        training[OUTPUT] = outputs[0].number
    return Followed(training, _in_evaluation(found, run, roles, training))


def _kept_by_name(found: Findings, run: Callable[[Tensor], Any]) -> Followed | None:
    """Mu and the second head of a forward that draws nothing, where it keeps them under their usual names."""
    numbers = []
    for train in (True, False):
        recording = recorded_pass(found, run, train=train)(0, {})
        kept = {name.rpartition(".")[2]: value for name, value in stored_tensors(found.model).items()}
        keys = by_keys(kept)
        there = [None if role not in keys else recording.number(kept[keys[role]]) for role in ("mu", "logvar")]
        numbers.append({name: number for name, number in zip((MU, SECOND), there, strict=True) if number is not None})
    return Followed(numbers[0], numbers[1]) if len(numbers[0]) == len(numbers[1]) == len(there) else None


def _in_evaluation(found: Findings, run: Callable[[Tensor], Any], roles: Roles, training: Mapping[str, int]) -> Mapping[str, int] | None:
    """The same nodes in evaluation mode, where forward may decode mu, or leave its input as it is: in the operations that are the same."""
    try:
        operations = recorded_pass(found, run, train=False)(0, {}).operations
    except SubjectFault:
        return None
    blocks = SequenceMatcher(None, roles.operations, operations, autojunk=False).get_matching_blocks()
    same = {block.a + step: block.b + step for block in blocks for step in range(block.size)}
    return {name: same[number] for name, number in training.items()} if same.keys() >= set(training.values()) else None


@dataclass(frozen=True)
class SilentPass:
    """A training pass without noise.

    Attributes:
        result: what it gave.
        z: the latent.
        sigma: by how much noise of ones moves it.
    """

    result: Any
    z: Tensor
    sigma: Tensor


def silent_pass(found: Findings, run: Callable[[Tensor], Any]) -> SilentPass | None:
    """Run a pass without noise and with noise of ones; None where no latent shows in it.

    Raises:
        SubjectFault: it fails.
    """
    recorded = recorded_pass(found, run)
    roles = find_roles(recorded, None, None, BATCH)
    if roles is None or not roles.noise:
        return None
    silent, ones = (recorded(0, dict.fromkeys(roles.noise, value)) for value in (torch.zeros_like, torch.ones_like))
    z, moved = (one.nodes[roles.z.number].value for one in (silent, ones))
    return None if z is None or moved is None else SilentPass(silent.result, z, moved - z)
