"""Measurements of a trained subject on held-out items: reconstructions, KL per dimension, and the effective beta it optimised."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vae_spec.context import derive_seed
from vae_spec.elbo import closed_form_kl, reconstruction_fit
from vae_spec.evidence import HeldOut, Stationarity
from vae_spec.subject import Posterior, Subject

SCALE_STEP = 0.05
"""Relative step in the posterior's scale, up and down, for the derivative of the reconstruction."""
NOISE_DRAWS = 8
STATIONARITY_ITEMS = 1024
REPORTED_ITEMS = 128


def loss_scale(subject: Subject, batch: int) -> float | None:
    """Return the loss's value of one nat per item of negative log-likelihood at a batch size; None if no likelihood fits."""
    likelihood = subject.facts.likelihood
    if likelihood is None:
        return None
    fit = reconstruction_fit(subject, likelihood, batch=batch, trials=3)
    return fit.scale if fit.good else None


def _noise(shape: torch.Size, *labels: object) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(derive_seed("observation", *labels)))


def _sample(posterior: Posterior, *labels: object) -> Tensor:
    """Draw z ~ q(z | x) with the suite's own noise."""
    return posterior.mu + torch.exp(0.5 * posterior.logvar) * _noise(posterior.mu.shape, *labels).to(posterior.mu)


def held_out(subject: Subject, train: Tensor, test: Tensor, scale: float | None) -> HeldOut:
    """Measure a trained subject on held-out items.

    Args:
        subject: the subject in its trained state.
        train: the training items, for their mean image.
        test: the held-out items, of shape (items, *input_shape).
        scale: scale of the loss at `REPORTED_ITEMS` items, measured before training because a learned variance changes it.

    Raises:
        SubjectFault: the implementation's code failed.
    """
    posterior = subject.posterior(test)
    z = _sample(posterior, "held out")
    mean_image = train.mean(0, keepdim=True)
    spread = float((test - mean_image).square().sum())

    def r2(latent: Tensor) -> float:
        x_hat = subject.data(subject.decode(latent)).to("cpu")
        return 1 - float((test - x_hat).square().sum()) / spread

    kl = 0.5 * (posterior.mu.square() + torch.expm1(posterior.logvar) - posterior.logvar).double()
    items = min(REPORTED_ITEMS, len(test))
    part = Posterior(posterior.mu[:items], posterior.logvar[:items])
    terms = subject.terms(subject.decode(z[:items]), test[:items], part.mu, part.logvar, z=z[:items])
    unit = scale if scale is not None else math.nan
    return HeldOut(
        items=len(test),
        r2=r2(z),
        r2_shuffled=r2(z.roll(1, 0)),
        r2_mean_code=r2(posterior.mu),
        kl_per_dim=kl.mean(0).numpy(force=True),
        mu_variance=posterior.mu.double().var(0).numpy(force=True),
        reported_kl=float(terms.kl) / unit,
        analytic_kl=float(closed_form_kl(part.mu, part.logvar).mean()),
        reconstruction=float(terms.reconstruction) / unit,
    )


def stationarity(subject: Subject, train: Tensor, scale: float | None) -> Stationarity | None:
    """Estimate the effective beta that training optimised.

    At a stationary point of reconstruction + beta KL the derivative with respect to a common factor c of all posterior standard deviations
    vanishes, so that beta = [d/d log c  E reconstruction(decode(mu + c sigma eps))] / E sum_j (1 - sigma_j^2) at c = 1: a central
    difference with common random numbers, in units of the negative log-likelihood. None if the loss has no known scale (`scale`, measured
    before training at `STATIONARITY_ITEMS` items).

    Raises:
        SubjectFault: the implementation's code failed.
    """
    x = train[:STATIONARITY_ITEMS]
    if scale is None:
        return None
    posterior = subject.posterior(x)
    sigma = torch.exp(0.5 * posterior.logvar)
    slopes = []
    for draw in range(NOISE_DRAWS):
        eps = _noise(sigma.shape, "stationarity", draw).to(sigma)
        ends = []
        for factor in (1 + SCALE_STEP, 1 - SCALE_STEP):
            z = posterior.mu + factor * sigma * eps
            ends.append(float(subject.terms(subject.decode(z), x, posterior.mu, posterior.logvar, z=z).reconstruction) / scale)
        slopes.append((ends[0] - ends[1]) / (math.log(1 + SCALE_STEP) - math.log(1 - SCALE_STEP)))
    room = float((1 - sigma.double().square()).sum(1).mean())
    values = torch.tensor(slopes, dtype=torch.float64) / room
    return Stationarity(
        beta=float(values.mean()),
        standard_error=float(values.std()) / math.sqrt(NOISE_DRAWS),
        kl=float(closed_form_kl(posterior.mu, posterior.logvar).mean()),
        items=len(x),
    )
