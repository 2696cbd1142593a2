"""A decoder that stands inline in forward: a code is decoded by a pass in which it takes the place of the model's own."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from binding_samples import Bound
from bound_files import bound as bound_file
from torch import Tensor

from vae_spec.subject import Likelihood, Mode, Noise, Part, Standing

MODEL = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.distributions import Normal


def sampling(mu, logvar):
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk, self.norm = nn.Linear(64, 32), nn.BatchNorm1d(32)
        self.mean_head, self.spread_head = nn.Linear(32, 6), nn.Linear(32, 6)
        self.up, self.inner, self.out = nn.Linear(6, 32), nn.BatchNorm1d(32), nn.Linear(32, 64)
{methods}
    def forward(self, x):
        h = torch.relu(self.norm(self.trunk(x)))
        mu, logvar = self.mean_head(h), self.spread_head(h)
        {draw}
        return {end}, mu, logvar


def loss_function(x_hat, x, mu, logvar):
    return F.{loss}(x_hat, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
"""
METHOD = """
    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
"""
DECODED = "self.out(torch.relu(self.inner(self.up(z))))"
CALLED = "z = self.reparameterize(mu, logvar)"
INLINE = "z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"
IN_EVAL = "z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu) if self.training else mu"
REPLAYED = "forward with its latent replaced by z"


def bound(folder: Path, draw: str, methods: str = "", end: str = f"torch.sigmoid({DECODED})", loss: str = "binary_cross_entropy") -> Bound:
    return bound_file(folder, MODEL.format(methods=methods, draw=draw, end=end, loss=loss), "VAE")


def decoded_by_hand(subject: Bound, z: Tensor, mode: Mode) -> Tensor:
    model = subject.model
    model.train(mode is Mode.TRAIN)
    with torch.no_grad():
        return torch.sigmoid(model.out(torch.relu(model.inner(model.up(z)))))


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize(
    ("draw", "methods", "how"),
    [
        (CALLED, METHOD, REPLAYED),
        ("z = sampling(mu, logvar)", "", REPLAYED),
        (INLINE, "", REPLAYED),
        (IN_EVAL, "", REPLAYED),
        ("z = self.reparameterize(mu, logvar) if self.training else mu", METHOD, REPLAYED),
        ("z = torch.normal(mu, torch.exp(0.5 * logvar))", "", REPLAYED),
        ("z = Normal(mu, torch.exp(0.5 * logvar)).rsample()", "", REPLAYED),
        ("mu, logvar = 1.0 * mu, 2.0 * logvar\n        " + INLINE, "", REPLAYED),
        ("mu, logvar = 1.0 * mu, 2.0 * logvar\n        " + IN_EVAL, "", REPLAYED),
        ("mu, logvar = 2.0 * mu, 1.0 * logvar\n        z = torch.normal(mu, torch.exp(0.5 * logvar))", "", REPLAYED),
        ("mu, logvar = 2.0 * mu, 1.0 * logvar\n        z = Normal(mu, torch.exp(0.5 * logvar)).rsample()", "", REPLAYED),
    ],
)
def test_a_code_is_decoded_as_forward_decodes_its_own(tmp_path: Path, draw: str, methods: str, how: str, mode: Mode) -> None:
    subject = bound(tmp_path, draw, methods)
    report = subject.facts.parts[Part.DECODE]
    assert (report.standing, report.account) == (Standing.PRESENT, how)
    z = torch.randn(7, 6, generator=torch.Generator().manual_seed(1))
    by_hand = decoded_by_hand(subject, z, mode)
    assert torch.allclose(subject.decode(z, mode=mode)[0], by_hand, atol=2e-5)
    assert subject.facts.likelihood is Likelihood.BERNOULLI
    assert torch.allclose(subject.decode(z[:1])[0], subject.decode(z)[0][:1], atol=2e-5)


@pytest.mark.parametrize(
    ("draw", "methods"), [(CALLED, METHOD), (INLINE, ""), ("mu, logvar = 1.0 * mu, 2.0 * logvar\n        " + INLINE, "")]
)
def test_the_gradient_of_the_output_reaches_the_code(tmp_path: Path, draw: str, methods: str) -> None:
    subject = bound(tmp_path, draw, methods)
    z, cotangent = torch.zeros(3, 6), torch.ones(3, 64)
    slope = subject.decode_vjp(z, cotangent)
    leaf = z.clone().requires_grad_()
    model = subject.model.eval()
    torch.sigmoid(model.out(torch.relu(model.inner(model.up(leaf))))).sum().backward()
    assert slope is not None
    assert leaf.grad is not None
    assert torch.allclose(slope, leaf.grad, rtol=1e-3, atol=1e-5)


def test_the_state_and_the_random_stream_are_as_before(tmp_path: Path) -> None:
    subject = bound(tmp_path, CALLED, METHOD)
    before = subject.state()
    subject.decode(torch.zeros(5, 6), mode=Mode.TRAIN)
    assert all(torch.equal(value, before[name]) for name, value in subject.state().items())
    passed = subject.forward(torch.rand(4, 64, generator=torch.Generator().manual_seed(2)), Noise(seed=3), mode=Mode.EVAL)
    assert passed.z is not None
    assert torch.allclose(subject.decode(passed.z)[0], passed.raw[0], atol=1e-6)


def test_the_likelihood_is_told_from_the_end_of_forward(tmp_path: Path) -> None:
    subject = bound(tmp_path, CALLED, METHOD, end=DECODED, loss="binary_cross_entropy_with_logits")
    assert subject.facts.likelihood is Likelihood.BERNOULLI_LOGITS


@pytest.mark.parametrize(
    "end",
    [
        f"torch.sigmoid({DECODED} + x)",
        "torch.sigmoid(self.out(torch.relu(self.inner(self.up(0 * z)))))",
    ],
)
def test_an_output_that_follows_the_batch_or_no_code_is_not_taken_for_decoding(tmp_path: Path, end: str) -> None:
    assert bound(tmp_path, CALLED, METHOD, end=end).facts.parts[Part.DECODE].standing is Standing.MISSING


def test_a_draw_of_other_noise_inline_is_still_decoded_through_the_heads(tmp_path: Path) -> None:
    subject = bound(tmp_path, "z = mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)")
    assert subject.facts.parts[Part.DECODE].account == REPLAYED
    z = torch.ones(4, 6)
    assert torch.allclose(subject.decode(z)[0], decoded_by_hand(subject, z, Mode.EVAL), atol=1e-5)


KL_ALONE = """
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 12))
        self.up, self.down = nn.Linear(6, 32), nn.Sequential(nn.Linear(32, 64), nn.Sigmoid())

    def reparameterize(self, {takes}):
        {unpack}
        return mu + torch.exp(0.5 * logvar) * torch.{noise}_like(mu)

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = {heads}
        x_hat = self.down(torch.relu(self.up(self.reparameterize({gives}))))
        return x_hat, -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
"""
HALVES = "h[:, :6], h[:, 6:]"


@pytest.mark.parametrize("noise", ["randn", "rand"])
@pytest.mark.parametrize(
    ("takes", "unpack", "gives"),
    [("mu, logvar", "pass", "mu, logvar"), ("pair", "mu, logvar = pair", "(mu, logvar)")],
)
@pytest.mark.parametrize("heads", [HALVES, "2.0 * h[:, :6], 1.0 * h[:, 6:] - 1"])
def test_mu_and_the_second_head_are_what_the_sampling_step_is_handed(
    tmp_path: Path, heads: str, takes: str, unpack: str, gives: str, noise: str
) -> None:
    subject = bound_file(tmp_path, KL_ALONE.format(heads=heads, takes=takes, unpack=unpack, gives=gives, noise=noise), "VAE")
    parts = subject.facts.parts
    assert [parts[one].standing for one in (Part.POSTERIOR, Part.DRAW, Part.DECODE)] == [Standing.PRESENT] * 3
    x = torch.rand(5, 64, generator=torch.Generator().manual_seed(1))
    h = subject.model.encoder(x).detach()
    mu, logvar = (h[:, :6], h[:, 6:]) if heads == HALVES else (2 * h[:, :6], h[:, 6:] - 1)
    posterior = subject.posterior(x)
    assert torch.allclose(posterior.mu, mu, atol=1e-6)
    assert torch.allclose(posterior.logvar, logvar, atol=1e-6)
    assert "the KL" in parts[Part.LOSS].account
