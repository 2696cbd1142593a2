"""Parts within parts: an encoder's own sampling step, networks with methods in place of forwards; and losses by telling names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from binding_samples import second_head
from bound_files import bound

from vae_spec.elbo import closed_form_kl
from vae_spec.subject import Likelihood, Noise, Part, Standing

NETWORKS = """
import torch
from torch import nn
from torch.nn import functional as F

class Inference(nn.Module):
    def __init__(self, z_dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(784, 64), nn.ELU(), nn.Linear(64, 2 * z_dim))

    def encode(self, x):
        m, h = self.net(x).chunk(2, dim=1)
        return m, F.softplus(h) + 1e-8


class Generative(nn.Module):
    def __init__(self, z_dim):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(z_dim, 64), nn.ELU(), nn.Linear(64, 784))

    def decode(self, z):
        return self.net(z)


class VAE(nn.Module):
    def __init__(self, z_dim=8):
        super().__init__()
        self.enc = Inference(z_dim)
        self.dec = Generative(z_dim)

    def negative_elbo_bound(self, x):
        m, v = self.enc.encode(x)
        logits = self.dec.decode(m + v.sqrt() * torch.randn_like(m))
        rec = F.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1).mean()
        kl = 0.5 * (v + m**2 - 1 - v.log()).sum(-1).mean()
        return rec + kl, kl, rec

    def loss(self, x):
        nelbo, kl, rec = self.negative_elbo_bound(x)
        return nelbo, {"train/loss": nelbo, "gen/kl_z": kl, "gen/rec": rec}
"""
STEP = """
import torch
from torch import nn
from torch.nn import functional as F


class Encoder(nn.Module):
    def __init__(self, z_dim=8):
        super().__init__()
        self.mean, self.spread = nn.Linear(64, z_dim), nn.Linear(64, z_dim)

    def forward(self, x):
        mu, logvar = self.mean(x), self.spread(x)
        return self.{name}(mu, {passed}), mu, logvar

    def {name}(self, mu, second):
        return mu + {sigma} * torch.{noise}_like(mu)


class VAE(nn.Module):
    def __init__(self, z_dim=8):
        super().__init__()
        self.encoder = Encoder(z_dim)
        self.decoder = nn.Sequential(nn.Linear(z_dim, 64), nn.Sigmoid())

    def forward(self, x):
        z, mu, logvar = self.encoder(x)
        return self.decoder(z), mu, logvar

    def my_vae_loss(self, {arguments}):
        return F.binary_cross_entropy(x_hat, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
"""
PLAIN = {
    "passed": "logvar",
    "sigma": "torch.exp(0.5 * second)",
    "noise": "randn",
    "arguments": "x_hat, x, mu, logvar",
    "name": "reparameterize",
}


def test_networks_with_methods_in_place_of_forwards(tmp_path: Path) -> None:
    subject = bound(tmp_path, NETWORKS, "VAE")
    parts = subject.facts.parts
    assert parts[Part.POSTERIOR].account.startswith("enc.encode(x) gives ")
    assert parts[Part.DECODE].account == "dec.decode(z)"
    assert [parts[one].standing for one in (Part.POSTERIOR, Part.DECODE, Part.FORWARD, Part.LOSS)] == [Standing.PRESENT] * 4
    assert second_head(subject) == "variance"
    assert subject.facts.likelihood is Likelihood.BERNOULLI_LOGITS
    assert parts[Part.LOSS].account.startswith("method loss(x) gives")


def test_the_loss_of_such_networks_is_driven_by_the_batch(tmp_path: Path) -> None:
    subject = bound(tmp_path, NETWORKS, "VAE")
    generator = torch.Generator().manual_seed(0)
    x, output = (torch.rand(3, 784, generator=generator) for _ in range(2))
    mu, logvar = (torch.randn(3, 8, generator=generator) for _ in range(2))
    assert float(subject.terms(subject.raw(output), x, mu, logvar).kl) == pytest.approx(float(closed_form_kl(mu, logvar).mean()), rel=1e-4)


def test_the_suite_draws_for_them_with_the_variance_that_they_give(tmp_path: Path) -> None:
    subject = bound(tmp_path, NETWORKS, "VAE")
    x = torch.rand(4, 784, generator=torch.Generator().manual_seed(1))
    passed = subject.forward(x, Noise(given=torch.ones(4, 8)))
    assert passed.z is not None
    torch.testing.assert_close(passed.z, passed.mu + torch.exp(0.5 * passed.logvar), rtol=1e-4, atol=1e-5)


def test_a_bound_of_the_batch_is_taken_where_there_is_no_loss(tmp_path: Path) -> None:
    subject = bound(tmp_path, NETWORKS.partition("    def loss(self, x)")[0], "VAE")
    report = subject.facts.parts[Part.LOSS]
    assert (report.standing, report.account) == (Standing.PRESENT, "method negative_elbo_bound(x) gives total, reconstruction and KL")


@pytest.mark.parametrize("name", ["reparameterize", "sample", "_draw"])
def test_the_sampling_step_of_an_encoder(tmp_path: Path, name: str) -> None:
    subject = bound(tmp_path, STEP.format(**PLAIN | {"name": name}), "VAE")
    assert subject.facts.parts[Part.DRAW].account.startswith(f"encoder.{name}(")
    drawn = subject.draw(torch.zeros(4, 8), torch.full((4, 8), 2.0), Noise(given=torch.ones(4, 8)))
    torch.testing.assert_close(drawn, torch.full((4, 8), 1.0).exp())
    passed = subject.forward(torch.rand(4, 64), Noise(given=torch.ones(4, 8)))
    assert passed.z is not None


@pytest.mark.parametrize("noise", ["randn", "rand"])
def test_what_an_encoder_hands_its_step_is_seen_whatever_the_noise(tmp_path: Path, noise: str) -> None:
    subject = bound(tmp_path, STEP.format(**PLAIN | {"passed": "torch.exp(0.5 * logvar)", "sigma": "second", "noise": noise}), "VAE")
    assert second_head(subject) == "log-variance"
    assert subject.facts.parts[Part.DRAW].standing is Standing.PRESENT
    spread = [float(subject.draw(torch.zeros(400, 8), torch.full((400, 8), logvar), Noise(seed=1)).std()) for logvar in (0.0, 2.0)]
    assert spread[1] / spread[0] == pytest.approx(torch.e, rel=1e-3)


def test_a_method_whose_name_tells_is_the_loss(tmp_path: Path) -> None:
    subject = bound(tmp_path, STEP.format(**PLAIN), "VAE")
    assert subject.facts.parts[Part.LOSS].account == "method my_vae_loss(x_hat, x, mu, logvar) gives one scalar"


def test_arguments_that_are_told_by_their_order_are_called_by_what_they_are(tmp_path: Path) -> None:
    source = (
        STEP.format(**PLAIN).partition("    def my_vae_loss")[0]
        + """
def loss_function(label, guess, mu, log_var):
    return F.binary_cross_entropy(guess, label, reduction="sum") - 0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp())
"""
    )
    account = bound(tmp_path, source, "VAE").facts.parts[Part.LOSS].account
    assert account == "function loss_function(input, output, mu, second head) gives one scalar"


def test_a_method_that_reads_what_forward_keeps(tmp_path: Path) -> None:
    source = STEP.format(**PLAIN | {"arguments": "x_hat, x"}).replace(
        "z, mu, logvar = self.encoder(x)", "z, self.mu, self.logvar = self.encoder(x)"
    )
    source = source.replace("return self.decoder(z), mu, logvar", "return self.decoder(z)")
    source = source.replace("torch.sum(1 + logvar - mu**2 - logvar.exp())", "torch.sum(1 + self.logvar - self.mu**2 - self.logvar.exp())")
    subject = bound(tmp_path, source, "VAE")
    assert subject.facts.parts[Part.LOSS].account.startswith("method my_vae_loss(")
    mu, logvar = torch.ones(3, 8), torch.zeros(3, 8)
    terms = subject.terms((torch.full((3, 64), 0.5),), torch.rand(3, 64), mu, logvar)
    assert float(terms.kl) == pytest.approx(12.0, rel=1e-5)
