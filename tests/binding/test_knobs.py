"""A KL's weight that an object keeps: it is turned there, and one that changes nothing is a mistake of a loss object."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bound_files import bound
from named import named_options, named_target

from vae_conformance.runner.run import Judge
from vae_spec.outcomes import Outcome
from vae_spec.subject import Part, Standing

MODEL = """
import torch
from torch import nn
from torch.nn import functional as F

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.decoder = nn.Linear(64, 10), nn.Sequential(nn.Linear(5, 64), nn.Sigmoid())
        self.beta = 4

    def encode(self, x):
        return self.heads(x).chunk(2, dim=1)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decoder(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar
"""
TERMS = """
        bce = F.binary_cross_entropy(x_hat, x, reduction="sum")
        kl = 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum()
        return bce + WEIGHT * kl
"""
OBJECT = (
    """
class BetaLoss(nn.Module):
    def __init__(self, beta=4.0):
        super().__init__()
        self.beta = beta

    def forward(self, x_hat, x, mu, logvar):"""
    + TERMS
)
METHOD = "\n    def loss_function(self, x_hat, x, mu, logvar):" + TERMS


def verdict(folder: Path, claim: str) -> tuple[Outcome, str | None]:
    path = f"{folder / 'student.py'}:VAE"
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask(claim)
    (report,) = judge.report_on(claim).claims
    return report.outcome, report.verdict.diagnosis


@pytest.mark.parametrize("form", [OBJECT, METHOD])
def test_a_weight_that_is_kept_is_the_losss_beta(tmp_path: Path, form: str) -> None:
    subject = bound(tmp_path, MODEL + form.replace("WEIGHT", "self.beta"), "VAE")
    report = subject.facts.parts[Part.BETA]
    owner = "BetaLoss" if form == OBJECT else "VAE"
    assert (report.standing, report.account) == (Standing.PRESENT, f"attribute beta of {owner}, 4 by default")
    assert subject.facts.own_beta == 4
    x, mu, logvar = torch.rand(2, 64), torch.ones(2, 5), torch.zeros(2, 5)
    costs = [float(subject.terms((x,), x, mu, logvar, beta=beta).kl) for beta in (None, 1.0, 0.5)]
    assert costs == pytest.approx([20.0, 20.0, 10.0])
    assert verdict(tmp_path, "OBJ-04") == (Outcome.HOLDS, None)
    assert verdict(tmp_path, "OBJ-02") == (Outcome.HOLDS, None)
    assert subject.facts.effective_beta == 4


@pytest.mark.parametrize(("weight", "costs"), [("1", 1), ("self.beta**2", 4)])
def test_a_loss_object_whose_beta_does_not_weigh_its_kl_is_found(tmp_path: Path, weight: str, costs: int) -> None:
    bound(tmp_path, MODEL + OBJECT.replace("WEIGHT", weight), "VAE")
    assert verdict(tmp_path, "OBJ-04") == (Outcome.VIOLATED, "beta-unused")


def test_what_a_model_keeps_for_another_place_is_no_weight_of_its_loss(tmp_path: Path) -> None:
    report = bound(tmp_path, MODEL + METHOD.replace("WEIGHT", "1"), "VAE").facts.parts[Part.BETA]
    assert report.standing is Standing.REPLACED
    assert verdict(tmp_path, "OBJ-04") == (Outcome.HOLDS, None)


def test_the_weight_that_is_kept_is_as_it_was_behind_a_call(tmp_path: Path) -> None:
    subject = bound(tmp_path, MODEL + METHOD.replace("WEIGHT", "self.beta"), "VAE")
    x, code = torch.rand(2, 64), torch.zeros(2, 5)
    subject.terms((x,), x, code, code, beta=2.0)
    assert subject.model.beta == 4


@pytest.mark.parametrize("name", ["beta", "kl_weight"])
def test_a_weight_is_a_number_above_zero_under_a_name_of_one(tmp_path: Path, name: str) -> None:
    source = MODEL + OBJECT.replace("self.beta = beta", f"self.{name} = 0.5").replace("WEIGHT", f"self.{name}")
    assert bound(tmp_path, source, "VAE").facts.parts[Part.BETA].account == f"attribute {name} of BetaLoss, 0.5 by default"


@pytest.mark.parametrize("kept", ["pass", "self.beta = 0", "self.beta = True", "self.beta = '4'", "self.beta = self.kl_weight = 1"])
def test_what_is_no_one_number_above_zero_is_no_weight(tmp_path: Path, kept: str) -> None:
    source = MODEL + OBJECT.replace("self.beta = beta", kept).replace("WEIGHT", "1")
    assert bound(tmp_path, source, "VAE").facts.parts[Part.BETA].standing is Standing.REPLACED
