"""Whether a loss estimates its KL from the draw, told by what it gives at draws that are known."""

from __future__ import annotations

import torch
from torch import Tensor

from vae_conformance.binding.bound_subject import InProcessSubject
from vae_spec.subject import Raw, SubjectFault

BATCH, TRIALS = 2, 4
TOLERANCE = 1e-3
"""Of the largest value: far more than single precision loses, far less than any other formula of two heads and a draw comes near."""


def log_ratio(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Log q(z | x) - log p(z) of each item, nats, where q is N(mu, exp(logvar)) and p is N(0, 1).

    Its mean over draws is the KL divergence (Kingma and Welling 2014, section 2.3). All of shape (batch, latent_dim).
    """
    return (z.square() - (z - mu).square() * torch.exp(-logvar) - logvar).sum(1) / 2


def estimates_kl(subject: InProcessSubject, raw: Raw, x: Tensor) -> bool:
    """Whether the loss's KL is the log ratio of posterior and prior at the draw, but for one constant factor, whatever the draws are.

    Args:
        subject: with its loss and its second head.
        raw: an output for some items.
        x: these items, `BATCH` or more.
    """
    rng = torch.Generator().manual_seed(12)
    raw, x = tuple(one[:BATCH] for one in raw), x[:BATCH]
    given, expected = [], []
    for _ in range(TRIALS):
        mu, logvar, eps = (torch.randn(len(x), subject.facts.latent_dim, generator=rng) for _ in range(3))
        try:
            given.append(float(subject.kl_at(raw, x, mu, logvar, eps)))
        except (SubjectFault, RuntimeError):
            return False
        expected.append(float(log_ratio(mu + torch.exp(logvar / 2) * eps, mu, logvar).mean()))
    there, ours = torch.tensor(given, dtype=torch.float64), torch.tensor(expected, dtype=torch.float64)
    factor = float((there * ours).sum() / ours.square().sum())
    largest = float(there.abs().max())
    return largest > 0 and bool((there - factor * ours).abs().max() < TOLERANCE * largest)
