"""Weights that the author has put before the terms of the loss, read as declarations of its effective beta."""

from __future__ import annotations

import linecache
from typing import Any

import torch

from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.roles.weights import KL, LIKELIHOOD, Branch, Evaluation
from vae_conformance.binding.trace.tape import Line
from vae_spec.elbo import closed_form_kl, negative_log_likelihood
from vae_spec.strategies import Pixels, images, outputs
from vae_spec.subject import Likelihood, Objective, SubjectFault

_ITEMS = 7
"""Items in a batch: no number of latent dimensions or entries is likelier to be another one."""
_POSTERIORS = ((0.0, 0.0), (1.0, 0.0), (-0.5, 0.4), (0.7, -0.9))
"""Mu and log-variance of the calls that are compared: each of the divergence's terms moves on its own."""


def author_weights(subject: InProcessSubject) -> dict[str, Any]:
    """Read the weights before the terms of a loss; return what they change of the facts, with each weight and its line in words.

    The effective beta is the weight of the KL against the negative log-likelihood. Where the KL is bent, as by free bits, the objective is
    no ELBO of any weight. Nothing changes where there are no weights, or the loss cannot be followed.
    """
    likelihood, facts = subject.facts.likelihood, subject.facts
    if likelihood is None:
        return {}
    try:
        evaluations = [_evaluation(subject, likelihood, *posterior) for posterior in _POSTERIORS]
    except (SubjectFault, RuntimeError):
        return {}
    whole = [one for one in evaluations if one is not None]
    if len(whole) < len(_POSTERIORS) or len({one.recording.operations for one in whole}) > 1:
        return {}
    squared = likelihood is Likelihood.SQUARED_ERROR
    counts = _ITEMS, facts.latent_dim, torch.Size(facts.input_shape).numel()
    divergence, likely = Branch(whole, KL, *counts), Branch(whole, LIKELIHOOD, *counts, halved=squared)
    if (bent := divergence.bend()) is not None:
        bent_at = f"a modified objective: the KL is bent{_where(bent)}"
        return {"objective": Objective.MODIFIED, "declared": (*facts.declared, bent_at)}
    kl, reconstruction = divergence.weight(), likely.weight()
    if kl is None and reconstruction is None:
        return {}
    accounts = [] if kl is None else [f"the KL weighs {kl.value:.6g}{_where(kl.line)}"]
    if reconstruction is not None:
        sigma = f", as of a Gaussian with sigma {reconstruction.value**-0.5:.6g}" if squared else ""
        accounts.append(f"the reconstruction weighs {reconstruction.value:.6g}{sigma}{_where(reconstruction.line)}")
    beta = (1.0 if kl is None else kl.value) / (1.0 if reconstruction is None else reconstruction.value)
    return {"effective_beta": beta, "declared": (*facts.declared, *accounts)}


def _where(line: Line | None) -> str:
    return "" if line is None else f" (line {line.number}: {' '.join(linecache.getline(line.file, line.number).split())})"


def _evaluation(subject: InProcessSubject, likelihood: Likelihood, mean: float, spread: float) -> Evaluation | None:
    facts = subject.facts
    rng = torch.Generator().manual_seed(round(1000 * (mean + 2)))
    x, x_hat = (draw(Pixels.BETWEEN, _ITEMS, facts, rng, torch.float64) for draw in (images, outputs))
    mu, logvar = (torch.full((_ITEMS, facts.latent_dim), value, dtype=torch.float64) for value in (mean, spread))
    raw = subject.raw(x_hat)
    recording, total = subject.recorded_loss(raw, x, mu, logvar)
    given = [frozenset(number for one in ones if (number := recording.number(one)) is not None) for ones in ((mu, logvar), raw)]
    if total is None or not all(given):
        return None
    kl, likely = closed_form_kl(mu, logvar), negative_log_likelihood(likelihood, raw, x)
    sums = {KL: float(kl.sum()), LIKELIHOOD: float(likely.sum())}
    return Evaluation(recording, total, dict(zip((KL, LIKELIHOOD), given, strict=True)), sums)
