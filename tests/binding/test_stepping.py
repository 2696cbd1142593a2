"""Models whose forward is for inference alone: what is trained is a step, and that is what is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
from bound_files import bound, violated, written
from named import named_options

from vae_conformance.runner.session import Session
from vae_spec.outcomes import Outcome
from vae_spec.subject import Part, Standing

HEAD = """
import torch
from torch import nn
from torch.distributions import Normal, kl_divergence
from torch.nn import functional as F

class VAE(nn.Module):
    def __init__(self, latent_dim=5):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 30), nn.ReLU())
        self.fc_mu, self.fc_var = nn.Linear(30, latent_dim), nn.Linear(30, latent_dim)
        self.decoder = nn.Sequential(nn.Linear(latent_dim, 30), nn.ReLU(), nn.Linear(30, 64))

    def kl(self, mu, logvar):
        return 0.5 * (mu**2 + logvar.exp() - logvar - 1).sum(1).mean()
"""
EMBEDDING = """
    def forward(self, x):
        return self.fc_mu(self.encoder(x))

    def training_step(self, batch, batch_idx):
        x, _ = batch
        h = self.encoder(x)
        mu, logvar = self.fc_mu(h), self.fc_var(h)
        x_hat = torch.sigmoid(self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)))
        return F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x) + self.kl(mu, logvar)
"""
RECONSTRUCTION = """
    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_var(h)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        return self.decode(self.encode(x)[0])

    def loss(self, x):
        mu, logvar = self.encode(x)
        x_hat = self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu))
        return F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x) + self.kl(mu, logvar)
"""
STEPS = """
    def forward(self, x):
        return torch.sigmoid(self.decoder(self.fc_mu(self.encoder(x))))

    def _run_step(self, x):
        h = self.encoder(x)
        p, q, z = self.sample(self.fc_mu(h), self.fc_var(h))
        return z, self.decoder(z), p, q

    def sample(self, mu, log_var):
        std = torch.exp(log_var / 2)
        p = Normal(torch.zeros_like(mu), torch.ones_like(std))
        q = Normal(mu, std)
        return p, q, q.rsample()

    def step(self, batch, batch_idx):
        x, y = batch
        z, x_hat, p, q = self._run_step(x)
        recon = F.binary_cross_entropy_with_logits(x_hat, x, reduction="none").sum(dim=1).mean()
        kl = kl_divergence(q, p).sum(dim=1).mean()
        return recon + kl, {"recon": recon, "kl": kl}

    def training_step(self, batch, batch_idx):
        loss, logs = self.step(batch, batch_idx)
        return loss
"""
FORMS = {"a forward that embeds": EMBEDDING, "a forward that reconstructs": RECONSTRUCTION, "steps in steps": STEPS}
ASKED = ("OBJ-02", "OBJ-03", "OBJ-04", "KL-02", "KL-03", "REP-01", "REP-02", "NET-02", "NET-03", "NET-04", "INT-03")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_step_that_draws_is_what_is_judged(tmp_path: Path, form: str) -> None:
    facts = bound(tmp_path, HEAD + form, "VAE").facts
    parts = (Part.POSTERIOR, Part.DRAW, Part.DECODE, Part.FORWARD, Part.LOSS)
    assert {facts.parts[part].standing for part in parts} == {Standing.PRESENT}
    assert any("draws nothing and" in note for note in facts.notes)
    assert violated(tmp_path, HEAD + form, *ASKED, name="VAE") == {}


@pytest.mark.parametrize(
    ("form", "right", "wrong", "claim", "mistake"),
    [
        (EMBEDDING, "torch.exp(0.5 * logvar)", "torch.exp(logvar)", "REP-01", "std-no-half"),
        (EMBEDDING, "+ self.kl(mu, logvar)", "- self.kl(mu, logvar)", "KL-01", "kl-sign"),
        (RECONSTRUCTION, "randn_like", "rand_like", "REP-02", "eps-from-rand"),
        (RECONSTRUCTION, 'reduction="sum") / len(x)', 'reduction="sum")', "OBJ-02", "terms-scale-with-batch"),
        (STEPS, "self.decoder(z), p, q", "self.decoder(self.fc_mu(h)), p, q", "NET-03", "mean-in-training"),
        (STEPS, "Normal(torch.zeros_like(mu)", "Normal(torch.ones_like(mu)", "KL-03", "kl-wrong-prior"),
    ],
)
def test_a_mistake_in_the_step_is_found(tmp_path: Path, form: str, right: str, wrong: str, claim: str, mistake: str) -> None:
    assert right in form
    assert violated(tmp_path, HEAD + form.replace(right, wrong), claim, name="VAE") == {claim: mistake}


CALLS_FORWARD = RECONSTRUCTION.replace("mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)", "mu").replace(
    "x_hat = self.decode(mu)", "x_hat = self(x) + 0 * torch.randn_like(x)"
)


def test_a_step_that_trains_forward_leaves_forward_what_it_is(tmp_path: Path) -> None:
    subject = bound(tmp_path, HEAD + CALLS_FORWARD, "VAE")
    assert not any("draws nothing and" in note for note in subject.facts.notes)
    assert violated(tmp_path, HEAD + CALLS_FORWARD, "NET-03", name="VAE") == {"NET-03": "mean-in-training"}


def test_it_is_asked_at_other_sizes_with_its_step(tmp_path: Path) -> None:
    path = written(tmp_path, HEAD + EMBEDDING, "VAE")
    asked: list[str] = []
    session = Session(named_options(path, profile="exact"), lambda _event: None)
    for claim in ("REP-01", "KL-03", "NET-01"):
        verdict = session.verdict(claim)
        assert verdict.outcome is Outcome.HOLDS
        asked.append(verdict.message)
    assert any("latent" in message for message in asked)
