"""Weights and scales that the author put before the terms of a loss are declarations; what reductions divide by is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from bound_files import bound, violated

from vae_spec.subject import Objective

MODEL = """
import torch
from torch import nn
from torch.nn import functional as F

BETA = 4.0
SIGMA = 0.5

class VAE(nn.Module):
    def __init__(self, z_dim=8):
        super().__init__()
        self.heads, self.out = nn.Linear(64, 2 * z_dim), nn.Linear(z_dim, 64)
        self.beta = 4.0
        self.register_buffer("weight", torch.tensor(2.5))

    def forward(self, x):
        mu, logvar = self.heads(x).chunk(2, -1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.out(z)), mu, logvar
"""
BCE = 'F.binary_cross_entropy(x_hat, x, reduction="sum")'
KL = "-0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())"
FUNCTION = "\ndef loss_function(x_hat, x, mu, logvar):\n    rec = {rec}\n    kl = {kl}\n    return {total}\n"
METHOD = "\n    def loss(self, x_hat, x, mu, logvar):\n        rec = {rec}\n        kl = {kl}\n        return {total}\n"


def source(total: str, *, rec: str = BCE, kl: str = KL, form: str = FUNCTION) -> str:
    return MODEL + form.format(rec=rec, kl=kl, total=total)


@pytest.mark.parametrize(
    ("text", "beta"),
    [
        (source("rec + 4 * kl"), 4.0),
        (source("rec + 0.125 * kl"), 0.125),
        (source("(rec + BETA * kl) / len(x)"), 4.0),
        (source("rec + kl", kl="-0.5 * BETA * torch.sum(1 + logvar - mu**2 - logvar.exp())"), 4.0),
        (source("rec + self.beta * kl", form=METHOD), 4.0),
        (source("(rec + self.weight * kl) / x.size(0)", form=METHOD), 2.5),
        (source("10 * rec + kl"), 0.1),
        (source("rec + kl", rec="((x_hat - x) ** 2).sum() / (2 * SIGMA**2)"), 0.25),
        (source("rec + kl", rec="0.5 * (((x_hat - x) / SIGMA) ** 2).sum()"), 0.25),
    ],
)
def test_what_multiplies_a_term_is_declared_with_its_line(tmp_path: Path, text: str, beta: float) -> None:
    facts = bound(tmp_path, text, "VAE").facts
    assert facts.effective_beta == pytest.approx(beta)
    (said,) = facts.declared
    line = int(said.partition("(line ")[2].partition(":")[0])
    assert text.splitlines()[line - 1].strip() in said
    assert violated(tmp_path, text, "OBJ-02", "KL-03", name="VAE") == {}


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        (source("rec + kl / len(x)", rec="F.binary_cross_entropy(x_hat, x)"), "recon-mean-kl-sum"),
        (source("rec + kl / len(x)"), "terms-scale-with-batch"),
        (source("rec + kl", kl="-torch.sum(1 + logvar - mu**2 - logvar.exp())"), "missing-half"),
        (source("rec - kl"), "kl-sign"),
    ],
)
def test_what_a_reduction_or_a_wrong_formula_makes_of_a_term_is_no_weight(tmp_path: Path, text: str, mistake: str) -> None:
    facts = bound(tmp_path, text, "VAE").facts
    assert (facts.effective_beta, facts.declared) == (None, ())
    assert violated(tmp_path, text, "OBJ-02", name="VAE") == {"OBJ-02": mistake}


@pytest.mark.parametrize(
    "text",
    [
        source("rec + kl / len(x)", rec="64 * F.binary_cross_entropy(x_hat, x)"),
        source("rec / 64 + kl / 64"),
        source("0.5 * (rec + kl)"),
    ],
)
def test_a_plain_elbo_declares_nothing(tmp_path: Path, text: str) -> None:
    facts = bound(tmp_path, text, "VAE").facts
    assert (facts.effective_beta, facts.declared) == (None, ())


def test_a_weight_that_is_given_counts(tmp_path: Path) -> None:
    facts = bound(tmp_path, source("rec + 4 * kl"), "VAE", effective_beta=2.0).facts
    assert (facts.effective_beta, facts.declared) == (2.0, ())


@pytest.mark.parametrize(
    "kl",
    [
        "torch.clamp((0.5 * (mu**2 + logvar.exp() - 1 - logvar)).mean(0), min=0.3).sum() * len(x)",
        "10 * ((0.5 * (mu**2 + logvar.exp() - 1 - logvar)).sum() - 25).abs()",
    ],
)
def test_a_bent_kl_is_a_modified_objective(tmp_path: Path, kl: str) -> None:
    facts = bound(tmp_path, source("rec + kl", kl=kl), "VAE").facts
    assert facts.objective is Objective.MODIFIED
    assert "the KL is bent (line " in facts.declared[0]
