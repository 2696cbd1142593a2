"""The ELBO's two correct terms, and the scales of an implementation's loss relative to them.

An implementation may sum its loss over the batch, average it, or average over everything: each is the ELBO times a constant. The constant
is determined from finite differences of the loss. `reconstruction_fit` returns the scale r of the reconstruction term relative to the mean
negative log-likelihood of an item; `kl_weight` the weight of the KL in the total. Their quotient is the effective beta: 1 for the ELBO.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from vae_spec import continuous_bernoulli
from vae_spec.context import derive_seed
from vae_spec.lazy import Float, Tensor, torch
from vae_spec.strategies import Pixels, images, outputs
from vae_spec.subject import Facts, Likelihood, Raw, Subject

FIT_TOLERANCE = 1e-4
"""The largest residual of a straight line, as a share of the term's range, for a likelihood to fit (float32 losses leave 1e-6)."""
LEAST_RATE = 1e-6
"""The least mean of a count: at 0 no other count than 0 would be possible."""
NEAREST_END = 0.992
"""How near to the ends of their range trial outputs come: to 0.004 and 0.996 of it. A clamp beyond only keeps logarithms finite."""


def closed_form_kl(mu: Float[Tensor, "batch latent"], logvar: Float[Tensor, "batch latent"]) -> Float[Tensor, " batch"]:
    """Compute KL(N(mu, exp(logvar)) || N(0, I)) of each item, nats: sum over dimensions of (mu^2 + sigma^2 - 1 - log sigma^2) / 2."""
    return 0.5 * (mu.square() + torch.expm1(logvar) - logvar).flatten(1).sum(1)


def negative_log_likelihood(likelihood: Likelihood, raw: Raw, x: Tensor) -> Float[Tensor, " batch"]:
    """Compute -log p(x | z) of each item up to a constant, nats, summed over its entries; raw[0] has the shape of x or is flat."""
    mean = raw[0].reshape(x.shape)
    if likelihood is Likelihood.BERNOULLI:
        entries = torch.nn.functional.binary_cross_entropy(mean, x, reduction="none")
    elif likelihood is Likelihood.BERNOULLI_LOGITS:
        entries = torch.nn.functional.binary_cross_entropy_with_logits(mean, x, reduction="none")
    elif likelihood.pair:
        logvar = _LOGVAR_OF[likelihood](raw[1].reshape(x.shape))
        entries = 0.5 * ((x - mean).square() * torch.exp(-logvar) + logvar)
    elif likelihood is Likelihood.CATEGORICAL:
        entries = -x * torch.log_softmax(mean, -1)
    elif likelihood.of_counts:
        log_rate = mean if likelihood is Likelihood.POISSON_LOG else torch.log(mean)
        entries = torch.exp(log_rate) - x * log_rate
    elif likelihood is Likelihood.LAPLACE:
        entries = (x - mean).abs()
    elif likelihood.continuous_bernoulli:
        eta = mean if likelihood.takes_logits else torch.logit(mean, _least(mean))
        entries = continuous_bernoulli.log_partition(eta) - eta * x
    else:
        entries = 0.5 * (x - mean).square()
    return entries.flatten(1).sum(1)


_LOGVAR_OF: dict[Likelihood, Callable[[Tensor], Tensor]] = {
    Likelihood.GAUSSIAN: lambda second: second,
    Likelihood.GAUSSIAN_LOG_STD: lambda second: 2 * second,
    Likelihood.GAUSSIAN_STD: lambda second: 2 * torch.log(second),
    Likelihood.GAUSSIAN_VARIANCE: lambda second: second.log(),
}
_OF_LOGVAR: dict[Likelihood, Callable[[Tensor], Tensor]] = {
    Likelihood.GAUSSIAN: lambda logvar: logvar,
    Likelihood.GAUSSIAN_LOG_STD: lambda logvar: 0.5 * logvar,
    Likelihood.GAUSSIAN_STD: lambda logvar: torch.exp(0.5 * logvar),
    Likelihood.GAUSSIAN_VARIANCE: lambda logvar: logvar.exp(),
}


def unit_variance(likelihood: Likelihood | None, like: Tensor) -> Tensor:
    """Return the second output of a two-output decoder for variances of 1, in the shape of `like`."""
    return _OF_LOGVAR.get(likelihood or Likelihood.GAUSSIAN, _OF_LOGVAR[Likelihood.GAUSSIAN])(torch.zeros_like(like))


def mean_of(likelihood: Likelihood, output: Tensor) -> Tensor:
    """Return the mean of x for a decoder's output, entry by entry; an output outside the parameter's range is returned as it is."""
    if likelihood is Likelihood.BERNOULLI_LOGITS:
        return torch.sigmoid(output)
    if likelihood is Likelihood.POISSON_LOG:
        return torch.exp(output)
    if likelihood is Likelihood.CATEGORICAL:
        return torch.softmax(output, -1)
    if likelihood is Likelihood.CONTINUOUS_BERNOULLI_LOGITS:
        return continuous_bernoulli.mean(output)
    if likelihood is Likelihood.CONTINUOUS_BERNOULLI:
        inside = (output >= 0) & (output <= 1)
        return torch.where(inside, continuous_bernoulli.mean(torch.logit(output.clamp(0, 1), _least(output))), output)
    return output


def with_mean(likelihood: Likelihood, mean: Tensor) -> Tensor:
    """Return the output with the given mean, entry by entry, as close as the likelihood allows."""
    if likelihood is Likelihood.BERNOULLI_LOGITS:
        return torch.logit(mean.double().clamp(1e-12, 1 - 1e-12)).to(mean.dtype)
    if likelihood is Likelihood.CATEGORICAL:
        return torch.log(mean.clamp(min=LEAST_RATE))
    if likelihood.of_counts:
        rate = mean.clamp(min=LEAST_RATE)
        return torch.log(rate) if likelihood is Likelihood.POISSON_LOG else rate
    if likelihood.continuous_bernoulli:
        eta = continuous_bernoulli.of_mean(mean)
        return (eta if likelihood.takes_logits else torch.sigmoid(eta)).to(mean.dtype)
    return mean


def _least(output: Tensor) -> float:
    """Return the smallest probability for which this dtype resolves its logit and that of its complement."""
    return float(torch.finfo(output.dtype).eps)


@dataclass(frozen=True)
class Fit:
    """A linear fit of a reconstruction term to a negative log-likelihood: the slope, and the largest residual (share of its range)."""

    scale: float
    residual: float

    @property
    def good(self) -> bool:
        """Whether the term is that of this likelihood, up to a positive scale and a constant."""
        return self.residual < FIT_TOLERANCE and self.scale > 0


def _trial_outputs(likelihood: Likelihood, facts: Facts, batch: int, rng: torch.Generator, kind: Pixels) -> Raw:
    """Draw possible outputs of a decoder of this likelihood, anywhere in its range, or with half of them near its ends."""
    if likelihood.takes_logits:
        return (3 * torch.randn((batch, *facts.input_shape), generator=rng, dtype=torch.float64),)
    if likelihood is Likelihood.CATEGORICAL:  # whether the loss takes scores or log-probabilities
        return (torch.log_softmax(3 * torch.randn((batch, *facts.input_shape), generator=rng, dtype=torch.float64), -1),)
    mean = outputs(kind, batch, facts, rng, torch.float64)
    middle = sum(facts.input_range) / 2
    mean = middle + NEAREST_END * (mean - middle)
    if likelihood.pair:
        return mean, _OF_LOGVAR[likelihood](torch.randn(mean.shape, generator=rng, dtype=torch.float64))
    return (with_mean(likelihood, mean),) if likelihood.of_counts else (mean,)


def reconstruction_fit(
    subject: Subject, likelihood: Likelihood, *, batch: int, seed: int = 0, trials: int = 6, kind: Pixels = Pixels.BETWEEN
) -> Fit:
    """Fit the subject's reconstruction term at a batch size against the likelihood, over several outputs for one batch of x.

    Args:
        subject: the implementation.
        likelihood: the one to compare with.
        batch: number of items.
        seed: of x and the outputs.
        trials: how many outputs there are.
        kind: of x and of the outputs' means: with `Pixels.MIXED` half of x lies exactly at the ends of its range.

    Raises:
        SubjectFault: the loss failed.
    """
    facts = subject.facts
    rng = torch.Generator().manual_seed(derive_seed(seed, "fit", batch))
    x = images(kind, batch, facts, rng, torch.float64)
    if likelihood.of_unit_data and not likelihood.takes_logits and not 0 <= facts.input_range[0] < facts.input_range[1] <= 1:
        return Fit(0.0, math.inf)  # data outside of [0, 1] have no such likelihood
    codes = torch.zeros(batch, facts.latent_dim, dtype=torch.float64)
    reported, expected = [], []
    for _ in range(trials):
        raw = _trial_outputs(likelihood, facts, batch, rng, kind)
        reported.append(float(subject.terms(raw, x, codes, codes).reconstruction))
        expected.append(float(negative_log_likelihood(likelihood, raw, x).mean()))
    theirs = torch.tensor(reported, dtype=torch.float64)
    ours = torch.tensor(expected, dtype=torch.float64)
    theirs, ours = theirs - theirs.mean(), ours - ours.mean()
    scale = float((theirs * ours).sum() / ours.square().sum())
    spread = float(theirs.max() - theirs.min())
    residual = float((theirs - scale * ours).abs().max()) / spread if spread > 0 else float("inf")
    return Fit(scale, residual)


def kl_weight(subject: Subject, *, batch: int, seed: int = 0) -> float:
    """Return the weight of the KL in the total at the default beta.

    This is the loss's mean change from mu = 0 to mu = 1 and -1 at logvar = 0, over the KL's d/2. At logvar = 0 every way of writing the KL
    agrees on mu^2 / 2, so that wrong formulas do not affect the weight. A prior with another mean m adds -m mu, and a Monte Carlo estimate
    mu * eps, the same for every call under one seed: both cancel between 1 and -1.

    Raises:
        SubjectFault: the loss failed.
    """
    facts = subject.facts
    rng = torch.Generator().manual_seed(derive_seed(seed, "weight", batch))
    x = images(Pixels.BETWEEN, batch, facts, rng, torch.float64)
    raw = subject.raw(x)
    zero = torch.zeros(batch, facts.latent_dim, dtype=torch.float64)
    mu = torch.ones_like(zero)
    change = sum(float(subject.terms(raw, x, sign * mu, zero).total) for sign in (1, -1)) / 2 - float(
        subject.terms(raw, x, zero, zero).total
    )
    return change / float(closed_form_kl(mu, zero).mean())


def accepted_weights(facts: Facts) -> tuple[float, ...]:
    """Return the accepted effective betas: the declared one, or 1, and for squared error also half of it, due to a missing 1/2."""
    meant = 1.0 if facts.effective_beta is None else facts.effective_beta
    return (meant, 0.5 * meant) if facts.likelihood is Likelihood.SQUARED_ERROR else (meant,)


def reported_weights(facts: Facts) -> tuple[float, ...]:
    """Return the accepted weights of a reported KL relative to the likelihood: with the total's weight, or without it."""
    plain = accepted_weights(replace(facts, effective_beta=None))
    return tuple(dict.fromkeys((*accepted_weights(facts), *plain)))


def nearest_weight(weight: float, accepted: tuple[float, ...]) -> float:
    """Return the accepted weight nearest on a logarithmic scale, ignoring the sign of `weight`."""
    positive = [one for one in accepted if one > 0]
    if weight == 0 or not positive:
        return accepted[0]
    return min(positive, key=lambda one: abs(math.log(abs(weight) / one)))
