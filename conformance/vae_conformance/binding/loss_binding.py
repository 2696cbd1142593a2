"""The candidates for the loss, in the order in which they are tried; and the KL that a model gives without one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.inside import kl_inside
from vae_conformance.binding.layout import at
from vae_conformance.binding.loss_arguments import Kind, Signature
from vae_conformance.binding.loss_search import loss_candidates
from vae_conformance.binding.loss_values import gives_distribution, posterior_path, two_outputs, what_is_returned
from vae_conformance.binding.losses import BY_ORDER, Loss
from vae_conformance.binding.objective.driven import DRIVEN, driven_losses, loss_of_entries, own_pass
from vae_conformance.binding.objective.replayed import replayed
from vae_conformance.binding.passes import RETURNED, call_forward, has_forward
from vae_conformance.binding.returns import Returns
from vae_conformance.target.adapter import part_of
from vae_spec.elbo import negative_log_likelihood
from vae_spec.subject import Likelihood, SubjectFault


def losses(found: Findings, asked: str | None = None) -> Iterator[Loss]:
    """Losses that may be meant, before they are called: those that take parts, those that take results, and passes that give the loss.

    Args:
        found: what is known of the model.
        asked: the loss that the user names, whatever word that is.
    """
    fillable = {"raw", "x", "mu", "logvar", "z", "batch"} | ({"spread"} if two_outputs(found) else set())
    # Without a forward that passes a distribution on, a loss is called with tensors.
    of_distribution = gives_distribution(found) and found.joint.composition is None
    for kind in (Kind.DIRECT, Kind.WHOLE, Kind.DRIVEN):
        if kind is Kind.DRIVEN:
            yield from own_pass(found)
        for candidate in loss_candidates(found.model, found.target.namespace, kind, asked, what_is_returned(found)):
            signature = candidate.signature
            if kind is Kind.DRIVEN:
                yield from driven_losses(found, candidate)
            elif kind is Kind.WHOLE or of_distribution:
                if _can_be_given(found, signature):
                    yield loss_of_entries(found, candidate)
            elif fillable.issuperset(signature.places):
                needs, known_by = signature.needs_weight, BY_ORDER if signature.guessed else "the names of its arguments"
                plain = Loss(candidate.account, candidate.call, signature.roles, Returns.SCALAR, needs_beta=needs, known_by=known_by)
                yield replace(plain, of_ids=found.target.vocabulary > 0)


def _can_be_given(found: Findings, signature: Signature) -> bool:
    """Whether a pass of the model gives what such a loss takes."""
    if found.layout is None or ("outputs" in signature.roles and found.joint.composition is not None):
        return False
    return "posterior" not in signature.roles or posterior_path(found) is not None


def kl_of_the_model(found: Findings, likelihood: Likelihood) -> Loss | None:
    """The KL that a pass of the model itself gives, beside the reconstruction term of a likelihood; None where it gives none.

    Its scale says nothing of it: the reconstruction term that it is made for stands in a script and may be a mean over anything. It is
    brought to that of the divergence, for which mu = 1 costs half a nat a dimension.
    """
    if not has_forward(found.model) or found.joint.composition is not None or found.pair is None:
        return None
    code = found.pair[0][0]

    def run(x: Tensor) -> Tensor:
        assert path is not None
        result = call_forward(found.model, x)
        kl = at(result, path[1:]) if path[0] == RETURNED else part_of(found.model, str(path[0]).removeprefix("self."))
        return kl if isinstance(kl, Tensor) else torch.as_tensor(kl)

    def grown(size: int) -> float:
        """How the KL grows from mu = 0 to mu = 1 in a batch of a size; a term of each item is averaged."""
        assert objective is not None
        zero = torch.zeros(size, *code.shape)
        low, high = (found.call("loss", objective, run, (), found.x[:size], mu, zero + 0.5) for mu in (zero, zero + 1))
        return float(high.mean() - low.mean())

    try:
        path = kl_inside(found)
        objective = None if path is None else replayed(found, run, output=False)
        growth = (0.0, 0.0) if objective is None else (grown(2), grown(BATCH))
    except SubjectFault:
        return None
    if path is None or growth[0] == 0:
        return None
    summed = abs(growth[1] / growth[0] - 2) < 1e-3
    nat = growth[1] / (0.5 * code.numel() * (BATCH if summed else 1))
    scale = nat if (summed or abs(growth[1] / growth[0] - 1) < 1e-3) and nat > 0 and abs(nat - 1) > 1e-3 else 1.0

    def loss(raw: Any, x: Tensor, mu: Tensor, second: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        assert objective is not None
        items, kl = negative_log_likelihood(likelihood, raw if isinstance(raw, tuple) else (raw,), x), objective(run, (), x, mu, second)
        reconstruction, kl = (one.sum() if summed else one.mean() for one in (items, kl / scale))
        return reconstruction + beta * kl, reconstruction, kl

    shown = "what forward returns" if path[0] == RETURNED else str(path[0])
    account = f"{shown} is the KL; the script adds the reconstruction term: the suite supplies that of the {likelihood} likelihood"
    if scale != 1:
        account += f"; the KL is {scale:.4g} times the divergence and judged up to that factor, which belongs to the script's other term"
    known = "probe: the running model was handed posteriors, and it follows them"
    return Loss(account, loss, {**DRIVEN, "beta": "beta"}, Returns.TERMS, kl_alone=True, known_by=known)
