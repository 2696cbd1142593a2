"""Likelihoods of a mean and a variance, side by side in what forward returns, and the continuous Bernoulli's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bound_files import bound, violated, written
from named import named_options, named_target
from torch.distributions import Bernoulli, constraints

from vae_conformance.runner.run import Judge
from vae_spec.outcomes import Outcome
from vae_spec.subject import Likelihood, Part, Standing

HEAD = """
import math
from dataclasses import dataclass
from typing import NamedTuple
import torch
from torch import nn
from torch.distributions import Bernoulli, ContinuousBernoulli, Normal, kl_divergence
from torch.nn import functional as F

def kl_of(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1)

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner, self.heads = nn.Linear(64, 30), nn.Linear(30, 10)
        self.outer, self.mean, self.second = nn.Linear(5, 30), nn.Linear(30, 64), nn.Linear(30, 64)

    def encode(self, x):
        return self.heads(torch.relu(self.inner(x))).chunk(2, dim=1)

    def sample_z(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)
"""
RECORD = """
@dataclass
class Out:
    x_mean: torch.Tensor
    x_logvar: torch.Tensor
    z: torch.Tensor
    z_mean: torch.Tensor
    z_logvar: torch.Tensor

class VAE(Base):
    def decode(self, z):
        h = torch.relu(self.outer(z))
        return self.mean(h), self.second(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = self.sample_z(mu, logvar)
        return Out(*self.decode(z), z, mu, logvar)

def compute_loss(x, out):
    nll = 0.5 * (out.x_logvar + (x - out.x_mean) ** 2 / out.x_logvar.exp()).sum(1)
    return (nll + kl_of(out.z_mean, out.z_logvar)).mean()
"""
FLAT = """
class VAE(Base):
    def decode(self, z):
        h = torch.relu(self.outer(z))
        return torch.sigmoid(self.mean(h)), F.softplus(self.second(h)) + 0.05

    def forward(self, x):
        mu, logvar = self.encode(x)
        return (*self.decode(self.sample_z(mu, logvar)), mu, logvar)

def loss_fn(x, x_mean, x_std, mu, logvar):
    return (kl_of(mu, logvar) - Normal(x_mean, x_std).log_prob(x).sum(1)).mean()
"""
VARIANCE = """
class Out(NamedTuple):
    recon_mean: torch.Tensor
    recon_var: torch.Tensor
    z_mu: torch.Tensor
    z_sd: torch.Tensor

class VAE(Base):
    def emit(self, z):
        h = torch.relu(self.outer(z))
        return self.mean(h), F.softplus(self.second(h)) + 0.01

    def infer(self, x):
        mu, raw = self.heads(torch.relu(self.inner(x))).chunk(2, dim=1)
        return mu, F.softplus(raw) + 1e-3

    def forward(self, x):
        mu, sd = self.infer(x)
        return Out(*self.emit(Normal(mu, sd).rsample()), mu, sd)

def criterion(out, x):
    nll = F.gaussian_nll_loss(out.recon_mean, x, out.recon_var, full=True, reduction="sum")
    return (nll + kl_of(out.z_mu, 2 * out.z_sd.log()).sum()) / len(x)
"""
LOG_STD = FLAT.replace("F.softplus(self.second(h)) + 0.05", "self.second(h)").replace("x_std)", "x_log_std.exp())").replace(
    "x_std", "x_log_std"
)
FORMS = {
    "a record": (RECORD, Likelihood.GAUSSIAN),
    "a flat tuple": (FLAT, Likelihood.GAUSSIAN_STD),
    "a variance": (VARIANCE, Likelihood.GAUSSIAN_VARIANCE),
    "a log-deviation": (LOG_STD, Likelihood.GAUSSIAN_LOG_STD),
}
EXACT = ("OBJ-02", "OBJ-03", "OBJ-04", "OBJ-05", "KL-02", "KL-03", "NET-02")


@pytest.mark.parametrize(("form", "likelihood"), FORMS.values(), ids=FORMS)
def test_a_mean_and_its_spread_side_by_side_are_one_output(tmp_path: Path, form: str, likelihood: Likelihood) -> None:
    facts = bound(tmp_path, HEAD + form, "VAE").facts
    assert (facts.likelihood, facts.learned_scale) == (likelihood, True)
    assert {facts.parts[part].standing for part in (Part.FORWARD, Part.DECODE, Part.LOSS)} == {Standing.PRESENT}
    assert " and " in facts.parts[Part.FORWARD].account


@pytest.mark.parametrize("form", [form for form, _ in FORMS.values()], ids=FORMS)
def test_its_mistakes_are_found_and_nothing_else_is(tmp_path: Path, form: str) -> None:
    assert violated(tmp_path, HEAD + form, *EXACT, name="VAE") == {}
    wrong = (HEAD + form).replace("0.5 * (mu**2", "1.0 * (mu**2")
    assert violated(tmp_path, wrong, "OBJ-02", "KL-03", name="VAE") == {"OBJ-02": "missing-half", "KL-03": "missing-half"}


CONTINUOUS = """
class VAE(Base):
    def decode(self, z):
        return END(self.mean(torch.relu(self.outer(z))))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.sample_z(mu, logvar)), mu, logvar

    def loss(self, x_hat, x, mu, logvar):
        return (kl_of(mu, logvar) - ContinuousBernoulli(GIVEN=x_hat).log_prob(x).sum(1)).mean()
"""
BY_HAND = """
    def loss(self, x_hat, x, mu, logvar):
        p = x_hat.clamp(1e-6, 1 - 1e-6)
        away = (p - 0.5).abs() > 1e-3
        safe = torch.where(away, p, torch.full_like(p, 0.4))
        log_c = torch.where(away, torch.log(2 * torch.atanh(1 - 2 * safe) / (1 - 2 * safe)), math.log(2) + 4 / 3 * (p - 0.5) ** 2)
        nll = F.binary_cross_entropy(p, x, reduction="none") - log_c
        return (nll.sum(1) + kl_of(mu, logvar)).mean()
"""
PROBS = CONTINUOUS.replace("END", "torch.sigmoid").replace("GIVEN", "probs")
LOGITS = CONTINUOUS.replace("END", "").replace("GIVEN", "logits")
KINDS = {
    "probabilities": (PROBS, Likelihood.CONTINUOUS_BERNOULLI),
    "logits": (LOGITS, Likelihood.CONTINUOUS_BERNOULLI_LOGITS),
    "by hand": (PROBS.partition("\n    def loss")[0] + BY_HAND, Likelihood.CONTINUOUS_BERNOULLI),
}


@pytest.mark.parametrize(("form", "likelihood"), KINDS.values(), ids=KINDS)
def test_a_continuous_bernoulli_is_told_and_judged(tmp_path: Path, form: str, likelihood: Likelihood) -> None:
    assert bound(tmp_path, HEAD + form, "VAE").facts.likelihood is likelihood
    assert violated(tmp_path, HEAD + form, *EXACT, name="VAE") == {}
    wrong = (HEAD + form).replace("0.5 * (mu**2", "1.0 * (mu**2")
    assert violated(tmp_path, wrong, "OBJ-02", "KL-03", name="VAE") == {"OBJ-02": "missing-half", "KL-03": "missing-half"}


def test_a_continuous_bernoulli_without_its_sigmoid_is_out_of_range(tmp_path: Path) -> None:
    wrong = HEAD + PROBS.replace("torch.sigmoid", "").replace("probs=x_hat", "probs=x_hat.clamp(0, 1)")
    assert "OBJ-03" in violated(tmp_path, wrong, "OBJ-03", name="VAE")


HIDDEN = """
class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(64, 10), nn.Sequential(nn.Linear(5, 30), nn.Tanh(), nn.Linear(30, 64))

    def posterior(self, x):
        loc, raw = self.up(x).split(5, dim=-1)
        return Normal(loc, F.softplus(raw) + 1e-5)

    def likelihood(self, z):
        return Bernoulli(logits=self.down(z))

    def forward(self, x):
        qz = self.posterior(x)
        z = qz.rsample()
        kl = kl_divergence(qz, Normal(torch.zeros(5), torch.ones(5))).sum(-1)
        return (kl - self.likelihood(z).log_prob(x).sum(-1)).mean()
"""


def test_a_bernoulli_distribution_scores_grey_values_while_a_file_is_judged(tmp_path: Path) -> None:
    assert violated(tmp_path, HEAD + HIDDEN, *EXACT, name="VAE") == {}
    wrong = (HEAD + HIDDEN).replace("Normal(torch.zeros(5)", "Normal(torch.ones(5)")
    assert violated(tmp_path, wrong, "KL-03", name="VAE") == {"KL-03": "kl-wrong-prior"}
    path = written(tmp_path, HEAD + HIDDEN, "VAE")
    assert Judge(named_options(path, profile="exact"), named_target(path)).ask("OBJ-03").outcome is Outcome.HOLDS


def test_grey_values_are_refused_again_behind_the_block() -> None:
    from vae_conformance.guard.bernoulli_grey import grey_values_accepted

    Bernoulli.support = constraints.boolean
    with grey_values_accepted():
        assert Bernoulli.support is constraints.unit_interval
        assert float(Bernoulli(torch.tensor(0.5)).log_prob(torch.tensor(0.3))) == pytest.approx(-0.693147, abs=1e-5)
    assert Bernoulli.support is constraints.boolean
