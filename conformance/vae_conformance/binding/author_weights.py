"""Weights that the author has put before the terms of the loss, read as declarations of its effective beta."""

from __future__ import annotations

import linecache
from dataclasses import dataclass

import torch

from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.roles.weights import Counts, Evaluation, Weight, bent_kl, weight_of_kl, weight_of_reconstruction
from vae_spec.elbo import closed_form_kl, negative_log_likelihood
from vae_spec.strategies import Pixels, images
from vae_spec.subject import Likelihood, SubjectFault

_ITEMS = 7
"""Items in a batch: no number of latent dimensions or entries is likelier to be another one."""
_POSTERIORS = ((0.0, 0.0), (1.0, 0.0), (-0.5, 0.4), (0.7, -0.9))
"""Mu and log-variance of the calls that are compared: each of the divergence's terms moves on its own."""


@dataclass(frozen=True)
class AuthorWeights:
    """What the author's weights make of the ELBO.

    Attributes:
        effective_beta: the weight of the KL against the negative log-likelihood.
        modified: whether the KL is bent, as by free bits: the objective is no ELBO of any weight.
        accounts: each weight with its line, in words.
    """

    effective_beta: float
    accounts: tuple[str, ...]
    modified: bool = False


def author_weights(subject: InProcessSubject) -> AuthorWeights | None:
    """Read the weights before the terms of a loss; None where there are none, or the loss cannot be followed."""
    likelihood, facts = subject.facts.likelihood, subject.facts
    if likelihood is None:
        return None
    try:
        evaluations = [_evaluation(subject, likelihood, *posterior) for posterior in _POSTERIORS]
    except (SubjectFault, RuntimeError):
        return None
    whole = [one for one in evaluations if one is not None]
    if len(whole) < len(_POSTERIORS) or len({one.recording.operations for one in whole}) > 1:
        return None
    counts = Counts(_ITEMS, facts.latent_dim, torch.Size(facts.input_shape).numel())
    if (bent := bent_kl(whole, counts)) is not None:
        return AuthorWeights(1.0, (f"a modified objective: the KL is bent{_where(Weight(1.0, bent))}",), modified=True)
    squared = likelihood is Likelihood.SQUARED_ERROR
    kl, reconstruction = weight_of_kl(whole, counts), weight_of_reconstruction(whole, counts, halved=squared)
    if kl is None and reconstruction is None:
        return None
    accounts = [] if kl is None else [f"the KL weighs {kl.value:.6g}{_where(kl)}"]
    if reconstruction is not None:
        sigma = f", as of a Gaussian with sigma {reconstruction.value**-0.5:.6g}" if squared else ""
        accounts.append(f"the reconstruction weighs {reconstruction.value:.6g}{sigma}{_where(reconstruction)}")
    beta = (1.0 if kl is None else kl.value) / (1.0 if reconstruction is None else reconstruction.value)
    return AuthorWeights(beta, tuple(accounts))


def _where(weight: Weight) -> str:
    if weight.line is None:
        return ""
    return f" (line {weight.line.number}: {' '.join(linecache.getline(weight.line.file, weight.line.number).split())})"


def _evaluation(subject: InProcessSubject, likelihood: Likelihood, mean: float, spread: float) -> Evaluation | None:
    facts = subject.facts
    rng = torch.Generator().manual_seed(round(1000 * (mean + 2)))
    x, x_hat = (images(Pixels.BETWEEN, _ITEMS, facts.input_shape, facts.input_range, rng, torch.float64) for _ in range(2))
    mu, logvar = (torch.full((_ITEMS, facts.latent_dim), value, dtype=torch.float64) for value in (mean, spread))
    raw = subject.raw(x_hat)
    recording, total = subject.recorded_loss(raw, x, mu, logvar)
    given = [frozenset(number for one in ones if (number := recording.number(one)) is not None) for ones in ((mu, logvar), raw)]
    if total is None or not all(given):
        return None
    kl, likely = closed_form_kl(mu, logvar), negative_log_likelihood(likelihood, raw, x)
    return Evaluation(recording, total, given[0], given[1], float(kl.sum()), float(likely.sum()))
