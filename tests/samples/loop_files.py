"""Files whose loss stands in the training loop, bound and compared with the ELBO."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from binding_samples import Bound
from bound_files import bound as bound_file

from vae_spec.elbo import closed_form_kl, negative_log_likelihood
from vae_spec.subject import Likelihood, Part, Standing

MODEL = """
import torch
from torch import nn
from torch.nn import functional as F

SIDE = 64
bce = nn.BCELoss(reduction="sum")
divergence = lambda mu, logvar: -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.m, self.s = nn.Linear(64, 50), nn.Linear(50, 8), nn.Linear(50, 8)
        self.d = nn.Sequential(nn.Linear(8, 50), nn.ReLU(), nn.Linear(50, 64), nn.Sigmoid())

    def encode(self, x):
        h = torch.relu(self.a(x))
        return self.m(h), self.s(h)

    def reparameterize(self, mu, log_var):
        return mu + torch.exp(log_var / 2) * torch.randn_like(mu)

    def decode(self, z):
        return self.d(z)

    def forward(self, x):
        mu, log_var = self.encode(x)
        return self.decode(self.reparameterize(mu, log_var)), mu, log_var


"""
KL = "kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp())"
BCE = "recon = F.binary_cross_entropy(x_hat, x, reduction='sum')"
CALL = "x_hat, mu, log_var = model(x)"
PLAIN = (CALL, BCE, KL, "loss = recon + kl", "loss.backward()", "optimizer.step()")


def in_function(*lines: str, arguments: str = "model, loader, optimizer", before: str = "pass") -> str:
    body = "\n".join(f"        {line}" for line in lines)
    return f"def train({arguments}):\n    {before}\n    for step, (x, label) in enumerate(loader):\n{body}\n"


def at_import(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"model = VAE()\noptimizer = None\nfor x, label in []:\n{body}\n"


def bound(folder: Path, loop: str) -> Bound:
    return bound_file(folder, MODEL + loop, "VAE")


def account(subject: Bound) -> str:
    report = subject.facts.parts[Part.LOSS]
    return report.account if report.standing is Standing.PRESENT else "supplied"


def assert_is_the_elbo(subject: Bound, weight: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(1)
    x, output = (torch.rand(6, 64, generator=generator) for _ in range(2))
    mu, logvar = (torch.randn(6, 8, generator=generator) for _ in range(2))
    terms = subject.terms((output,), x, mu, logvar)
    reconstruction, kl = negative_log_likelihood(Likelihood.BERNOULLI, (output,), x).sum(), closed_form_kl(mu, logvar).sum()
    assert float(terms.total) == pytest.approx(float(reconstruction + weight * kl), rel=1e-4)
    assert float(terms.kl) == pytest.approx(float(weight * kl), rel=1e-3)


def assert_averages_the_reconstruction(subject: Bound) -> None:
    x, output, code = torch.full((2, 64), 0.3), torch.full((2, 64), 0.6), torch.zeros(2, 8)
    expected = negative_log_likelihood(Likelihood.BERNOULLI, (output,), x).sum() / x.numel()
    assert float(subject.terms((output,), x, code, code).total) == pytest.approx(float(expected), rel=1e-4)
