"""A candidate for the loss on trial: called for two posteriors and two outputs, as training would call it, and what it returns is read."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.knobs import knob_of
from vae_conformance.binding.layout import leaves
from vae_conformance.binding.loss_arguments import is_weight
from vae_conformance.binding.losses import Loss
from vae_conformance.binding.returns import Returns, read_returns, turned_kl
from vae_spec.subject import Raw, SubjectFault


@dataclass(frozen=True)
class Trial:
    """What a candidate is called with: the batch in the data's range, and an output as forward gives it."""

    x: Tensor
    raw: Raw
    codes: tuple[int, ...]

    def code(self, value: float) -> Tensor:
        """A code of one value."""
        return torch.full((len(self.x), *self.codes), value, device=self.x.device)

    @property
    def latent_dim(self) -> int:
        """The number of dimensions of a code."""
        return math.prod(self.codes)

    @property
    def other(self) -> Raw:
        """Another output, within the range of the first."""
        return tuple(one.flip(0) * 0.9 + 0.05 * one.amax() for one in self.raw)


def try_loss(found: Findings, loss: Loss, trial: Trial) -> Loss | None:
    """Call it for two posteriors and two outputs; None for what returns nothing that could be a loss.

    Raises:
        SubjectFault: it fails.
    """

    def call(code: float, raw: Raw) -> Any:
        mu = trial.code(code)
        return found.call("loss", loss.result, raw, trial.x, mu, trial.code(0.5), mu, None)

    try:
        results = [call(0.5, trial.raw), call(1.0, trial.raw)]
    except SubjectFault as fault:
        weight = _missing_weight(fault)
        if weight is None or loss.takes_beta:
            raise
        return try_loss(found, replace(loss, roles={**loss.roles, "beta": weight}, needs_beta=True), trial)
    try:
        results.append(call(0.5, trial.other))
    except SubjectFault:
        results.append(None)
    if loss.driven and not _follows(results, both=not loss.whole) and not (loss.whole and loss.by_name):
        return None
    read = read_returns(*results)
    if read is None:
        return None
    loss = replace(loss, returns=read[0], order=read[1])
    if loss.returns is Returns.TERMS and turned_kl(results[1], loss.order):
        loss = replace(loss, returns=Returns.SCALAR, order=(loss.order[0],) * 3, turned=True)
    if loss.returns is Returns.TERMS and loss.is_bound and not loss.adds_up(results[0]):
        # The terms beside a bound that is maximised may have either sign; its own value is what training uses.
        loss = replace(loss, returns=Returns.SCALAR, order=(loss.order[0],) * 3)
    return _with_knob(found, loss, trial)


def _with_knob(found: Findings, loss: Loss, trial: Trial) -> Loss:
    """The loss with the attribute that weighs its KL, where it takes no weight: one that its total follows, or that a loss object keeps."""
    knob = None if loss.takes_beta or loss.returns is Returns.PAIR else knob_of(loss.call)
    if knob is None:
        return loss
    turned, neutral = replace(loss, knob=knob), trial.code(0.5)

    def total(beta: float) -> float:
        return float(found.call("loss", turned.evaluate, trial.raw, trial.x, trial.code(1.0), neutral, neutral, None, beta).total)

    try:
        follows = total(1.0) != total(2.0)
    except SubjectFault:
        return loss
    # What a model keeps may be meant for another place; a loss object has no other.
    return turned if follows or loss.account.startswith(("class ", "object ")) else loss


def _missing_weight(fault: SubjectFault) -> str | None:
    """The name of a KL's weight that a loss looks for among its keywords and does not find."""
    named = re.search(r"KeyError: '(\w+)'", fault.what)
    return named[1] if named and is_weight(named[1]) else None


def _follows(results: list[Any], *, both: bool) -> bool:
    """Whether some value follows the posterior, and where `both` are wanted, some value the output."""
    if results[2] is None:
        return True
    first, code, output = ([float(one.float().mean()) for one in _tensors(result)] for result in results)
    moved = [(abs(a - b) > 1e-7, abs(a - c) > 1e-7) for a, b, c in zip(first, code, output, strict=False)]
    return any(by_code for by_code, _ in moved) and (not both or any(by_output for _, by_output in moved))


def _tensors(result: Any) -> list[Tensor]:
    return [leaf for _path, leaf in leaves(result) if isinstance(leaf, Tensor)]


def _totals(found: Findings, loss: Loss, trial: Trial) -> list[float]:
    """What a loss gives for some outputs and posteriors."""
    points = [(trial.raw, 0.2, 0.4), (trial.other, 0.2, 0.4), (trial.raw, 1.1, 0.4), (trial.raw, 0.2, 0.9), (trial.other, 0.7, 0.6)]
    return [
        float(found.call("loss", loss.evaluate, raw, trial.x, mu, trial.code(second), trial.code(0.5), mu, None).total)
        for raw, mean, second in points
        for mu in (trial.code(mean),)
    ]


def alike(found: Findings, loss: Loss, other: Loss, trial: Trial) -> bool:
    """Whether two losses give the same.

    Raises:
        SubjectFault: one of them fails.
    """
    pairs = zip(_totals(found, loss, trial), _totals(found, other, trial), strict=True)
    return all(abs(first - second) <= 1e-4 * (abs(first) + abs(second)) for first, second in pairs)


def contradicts(found: Findings, loop: Loss, loss: Loss, trial: Trial) -> bool:
    """Whether what a loop differentiates is no positive multiple of another loss, up to a constant."""
    try:
        theirs, ours = _totals(found, loop, trial), _totals(found, loss, trial)
    except SubjectFault:
        return False
    changes = [(b - theirs[0], a - ours[0]) for b, a in zip(theirs[1:], ours[1:], strict=True)]
    most = max(changes, key=lambda change: abs(change[1]))
    times = most[0] / most[1] if most[1] else 0.0
    return times <= 0 or any(abs(b - times * a) > 1e-3 * abs(most[0]) for b, a in changes)
