"""The candidates for the loss, in the order in which they are tried; and the KL that a model gives without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import permutations
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.inside import kl_inside
from vae_conformance.binding.layout import Path, at
from vae_conformance.binding.loss_arguments import POSITIONS, Signature
from vae_conformance.binding.loss_search import Candidate, loss_candidates
from vae_conformance.binding.loss_values import gives_distribution, posterior_path, two_outputs, what_is_returned
from vae_conformance.binding.losses import Loss, behind
from vae_conformance.binding.objective.driven import DRIVEN, driven_losses, loss_of_entries
from vae_conformance.binding.objective.replayed import replayed
from vae_conformance.binding.passes import RETURNED, call_forward, has_forward
from vae_conformance.binding.returns import Returns, entries
from vae_spec.elbo import negative_log_likelihood
from vae_spec.subject import Likelihood, SubjectFault

ORDERS = tuple(order for order in permutations(POSITIONS) if {"raw", "x"} == set(order[:2]))
"""The orders in which losses whose names say nothing take their arguments, the customary one first."""


def losses(found: Findings, asked: str | None = None) -> Iterator[Loss]:
    """Losses that may be meant, before they are called: those that take parts, those that take results, and passes that give the loss.

    Args:
        found: what is known of the model.
        asked: the loss that the user names, whatever word that is.
    """
    named = () if asked is None else (asked,)
    fillable = {"raw", "x", "mu", "logvar", "z", "batch"} | ({"spread"} if two_outputs(found) else set())
    for candidate in loss_candidates(found.model, found.target.namespace, named, what_is_returned(found)):
        for signature in _signatures(candidate):
            if candidate.whole or gives_distribution(found):
                if _can_be_given(found, signature):
                    yield loss_of_entries(found, replace(candidate, signature=signature))
            elif signature.roles.keys() - {"beta"} <= fillable:
                yield Loss(
                    candidate.account,
                    _reading(candidate.call),
                    signature.roles,
                    Returns.SCALAR,
                    needs_beta=signature.needs_beta,
                    known_by=_known_by(candidate),
                )
    yield from driven_losses(found, named)


def _can_be_given(found: Findings, signature: Signature) -> bool:
    """Whether a pass of the model gives what such a loss takes."""
    if found.layout is None or ("outputs" in signature.roles and found.joint.composition is not None):
        return False
    return "posterior" not in signature.roles or posterior_path(found) is not None


def _known_by(candidate: Candidate) -> str:
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


def kl_of_the_model(found: Findings, likelihood: Likelihood) -> Loss | None:
    """The KL that a pass of the model itself gives, beside the reconstruction term of a likelihood; None where it gives none.

    Its scale says nothing of it: the reconstruction term that it is made for stands in a script and may be a mean over anything. It is
    brought to that of the divergence, for which mu = 1 costs half a nat a dimension.
    """
    if not has_forward(found.model) or found.joint.composition is not None:
        return None

    try:
        path = kl_inside(found)
        run = partial(_kl_of_a_pass, found, path or ())
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


def _kl_of_a_pass(found: Findings, path: Path, x: Tensor) -> Tensor:
    """The KL that a pass leaves at this path."""
    result = call_forward(found.model, x)
    kl = at(result, path[1:]) if path[0] == RETURNED else at(found.model, tuple(str(path[0]).removeprefix("self.").split(".")))
    return kl if isinstance(kl, Tensor) else torch.as_tensor(kl)


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
