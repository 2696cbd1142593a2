"""Binding the loss: candidates are called for two posteriors and two outputs, as training would call them, and what they return is read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.inside import kl_inside
from vae_conformance.binding.knobs import knob_of
from vae_conformance.binding.layout import at, leaves
from vae_conformance.binding.loop_calls import differentiated_calls
from vae_conformance.binding.loss_arguments import POSITIONS, Signature, is_weight
from vae_conformance.binding.loss_search import Candidate, loss_candidates
from vae_conformance.binding.loss_values import available, keeping, kept_heads, result_holds_posterior, values_of, what_is_returned
from vae_conformance.binding.losses import Kind, Loss, behind, plain_values
from vae_conformance.binding.objective.driven import DRIVEN, driven_losses
from vae_conformance.binding.objective.replayed import replayed
from vae_conformance.binding.passes import RETURNED, call_forward, has_forward
from vae_conformance.binding.returns import Returns, entries, read_returns
from vae_conformance.target.source_code import source_tree
from vae_spec.elbo import negative_log_likelihood
from vae_spec.subject import Likelihood, Raw, SubjectFault

ORDERS = tuple(order for order in permutations(POSITIONS) if {"raw", "x"} == set(order[:2]))
"""The orders in which losses whose names say nothing take their arguments, the customary one first."""


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
    def other(self) -> Raw:
        """Another output, within the range of the first."""
        return tuple(one.flip(0) * 0.9 + 0.05 * one.amax() for one in self.raw)


def losses(found: Findings, asked: str | None = None) -> Iterator[Loss]:
    """Losses that may be meant, before they are called: those that take parts, those that take results, and passes that give the loss.

    Args:
        found: what is known of the model.
        asked: the loss that the user names, whatever word that is.
    """
    named = spoken_of(found, asked)
    kept = kept_heads(found)
    around, carries = partial(keeping, found.model, kept), bool(kept) or result_holds_posterior(found)
    for candidate in loss_candidates(found.model, found.target.namespace, named, what_is_returned(found)):
        if candidate.whole and not carries:
            continue  # it is run with forward, as losses that run the model are
        values = values_of(found, whole=candidate.whole)
        fillable = available(found, whole=candidate.whole)
        for signature in _signatures(candidate):
            if not signature.roles.keys() - {"beta"} <= fillable:
                continue
            yield Loss(
                candidate.account,
                _reading(candidate.call),
                signature.roles,
                Returns.SCALAR,
                values=values,
                around=around,
                needs_beta=signature.needs_beta,
                kind=Kind.WHOLE if candidate.whole else Kind.DIRECT,
                known_by=_known_by(candidate),
            )
    yield from driven_losses(found, named)


def spoken_of(found: Findings, asked: str | None) -> tuple[str, ...]:
    """The names of losses that their words do not say: the one that the user names, and those that the file's loops differentiate."""
    return (*(() if asked is None else (asked,)), *differentiated_calls(source_tree(found.target.namespace)))


def _known_by(candidate: Candidate) -> str:
    if candidate.whole:
        return "its arguments: it takes what forward returns"
    return "the order of its arguments, which its behaviour confirms" if candidate.signature.guessed else "the names of its arguments"


def _signatures(candidate: Candidate) -> Iterator[Signature]:
    """The signature, and where its order is a guess the other orders behind it."""
    yield candidate.signature
    if candidate.signature.guessed and not candidate.whole:
        roles = candidate.signature.roles
        rest = {role: name for role, name in roles.items() if role not in POSITIONS}
        for order in ORDERS[1:]:
            yield replace(candidate.signature, roles=dict.fromkeys(order, "") | rest)


def _reading(call: Callable[..., Any]) -> Callable[..., Any]:
    def read(*arguments: Any, **keywords: Any) -> Any:
        batch = next((len(one) for one in arguments if isinstance(one, Tensor)), 0)
        return entries(call(*arguments, **keywords), batch)

    return behind(call, read)


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
        if loss.whole and _takes_output(found, loss, trial):
            found.notes.append(
                f"{loss.name} takes the reconstruction and the input alone: it is a term of a loss, whose rest stands elsewhere"
            )
            return None
        weight = _missing_weight(fault)
        if weight is None or loss.takes_beta:
            raise
        return try_loss(found, replace(loss, roles={**loss.roles, "beta": weight}, needs_beta=True), trial)
    try:
        results.append(call(0.5, trial.other))
    except SubjectFault:
        results.append(None)
    if (loss.driven or loss.whole) and not _follows(results, both=loss.driven) and not (loss.whole and loss.by_name):
        return None
    read = read_returns(*results)
    return None if read is None else _with_knob(found, replace(loss, returns=read[0], order=read[1]), trial)


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


def _takes_output(found: Findings, loss: Loss, trial: Trial) -> bool:
    """Whether what was called with all that forward returns wants the output alone."""

    def values(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, z: Tensor | None) -> dict[str, Any]:
        given = plain_values(raw, x, mu, second, z)
        return given | {"outputs": given["raw"]}

    try:
        found.call("loss", replace(loss, values=values).result, trial.raw, trial.x, trial.code(0.5), trial.code(0.5), None, None)
    except SubjectFault:
        return False
    return True


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


def kl_of_the_model(found: Findings, likelihood: Likelihood) -> Loss | None:
    """The KL that a pass of the model itself gives, beside the reconstruction term of a likelihood; None where it gives none.

    Its scale says nothing of it: the reconstruction term that it is made for stands in a script and may be a mean over anything. It is
    brought to that of the divergence, for which mu = 1 costs half a nat a dimension.
    """
    if not has_forward(found.model) or found.joint.composition is not None:
        return None

    def run(x: Tensor) -> Tensor:
        result = call_forward(found.model, x)
        kl = at(result, path[1:]) if path[0] == RETURNED else at(found.model, tuple(str(path[0]).removeprefix("self.").split(".")))
        return kl if isinstance(kl, Tensor) else torch.as_tensor(kl)

    try:
        path = kl_inside(found)
        objective = None if path is None else replayed(found, run, output=False)
    except SubjectFault:
        return None
    if path is None or objective is None:
        return None

    def kl_of(x: Tensor, mu: Tensor, second: Tensor) -> Tensor:
        kl: Tensor = objective(run, (), x, mu, second)
        return kl

    try:
        grown = [float(_growth(found, kl_of, size)) for size in (2, BATCH)]
    except SubjectFault:
        return None
    if grown[0] == 0:
        return None
    summed = abs(grown[1] / grown[0] - 2) < 1e-3
    scale = _scale(found, grown[1] / (BATCH if summed else 1)) if summed or abs(grown[1] / grown[0] - 1) < 1e-3 else 1.0

    def loss(raw: Any, x: Tensor, mu: Tensor, second: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        items = negative_log_likelihood(likelihood, raw if isinstance(raw, tuple) else (raw,), x)
        kl = kl_of(x, mu, second)
        kl = (kl.sum() if summed else kl.mean()) / scale
        reconstruction = items.sum() if summed else items.mean()
        return reconstruction + beta * kl, reconstruction, kl

    shown = "what forward returns" if path[0] == RETURNED else str(path[0])
    account = f"{shown} is the KL; the script adds the reconstruction term: the suite supplies that of the {likelihood} likelihood"
    if scale != 1:
        account += f"; the KL is {scale:.4g} times the divergence and judged up to that factor, which belongs to the script's other term"
    known = "probe: the running model was handed posteriors, and it follows them"
    return Loss(account, loss, {**DRIVEN, "beta": "beta"}, Returns.TERMS, kl_alone=True, known_by=known)


def _scale(found: Findings, grown: float) -> float:
    """What a nat of an item reads in a KL that grows by so much from mu = 0 to mu = 1; 1 where it is one, or where the KL falls."""
    assert found.pair is not None
    scale = grown / (0.5 * found.pair[0][0].numel())
    return scale if scale > 0 and abs(scale - 1) > 1e-3 else 1.0


def _growth(found: Findings, kl_of: Callable[[Tensor, Tensor, Tensor], Tensor], size: int) -> Tensor:
    """How the KL grows from mu = 0 to mu = 1 in a batch of a size; a term of each item is averaged."""
    assert found.pair is not None
    shape = (size, *found.pair[0].shape[1:])
    half = torch.full(shape, 0.5)
    values = [found.call("loss", kl_of, found.x[:size], torch.full(shape, at), half) for at in (1.0, 0.0)]
    grown: Tensor = values[0].mean() - values[1].mean()
    return grown
