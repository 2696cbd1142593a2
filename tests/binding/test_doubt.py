"""What cannot be told and would change a verdict is an error with the readings and the way out; what behaviour tells is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from binding_samples import Bound, Layers, Script, bound, cross_entropy, divergence, second_head, verdict
from bound_files import bound as bound_file
from torch import Tensor

from vae_conformance.errors import Unbound
from vae_spec.subject import Likelihood, Noise, Part, Standing

SCRIPT = """
import torch
from torch import nn
from torch.nn import functional as F

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.e, self.d = nn.Linear(64, 6), nn.Linear(3, 64)
    def encode(self, x):
        return self.e(x).chunk(2, 1)
    def reparameterize(self, mu, logvar):
        return mu + torch.exp({spread}) * torch.randn_like(mu)
    def decode(self, z):
        return torch.sigmoid(self.d(z))
    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

{rest}
"""
LOSSES = """
def kl(mu, logvar):
    return -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())

def bce_loss(recon_x, x, mu, logvar):
    return F.binary_cross_entropy(recon_x, x, reduction="sum") + kl(mu, logvar)

def mse_loss(recon_x, x, mu, logvar):
    return 0.5 * F.mse_loss(recon_x, x, reduction="sum") + kl(mu, logvar)
"""
TRAIN = """
def train(model, data):
    for x in data:
        mse_loss(*model(x)[:1], x, *model(x)[1:]).backward()
"""


def subject(folder: Path, rest: str, spread: str = "0.5 * logvar", **options: Any) -> Bound:
    return bound_file(folder, SCRIPT.format(rest=rest, spread=spread), "VAE", **options)


def test_two_losses_that_nobody_calls_are_both_named(tmp_path: Path) -> None:
    with pytest.raises(Unbound, match="has 2 losses that give different numbers: bce_loss, mse_loss") as caught:
        subject(tmp_path, LOSSES)
    assert "--loss" in caught.value.hint


def test_of_two_losses_the_one_that_is_called_is_taken(tmp_path: Path) -> None:
    found = subject(tmp_path, LOSSES + TRAIN)
    assert found.facts.likelihood is Likelihood.SQUARED_ERROR
    assert any("the file calls mse_loss" in note for note in found.facts.notes)


@pytest.mark.parametrize(("name", "likelihood"), [("bce_loss", Likelihood.BERNOULLI), ("mse_loss", Likelihood.SQUARED_ERROR)])
def test_the_option_settles_it(tmp_path: Path, name: str, likelihood: Likelihood) -> None:
    assert subject(tmp_path, LOSSES, loss=name).facts.likelihood is likelihood


def test_a_loss_that_is_not_there_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(Unbound, match="no loss named other_loss"):
        subject(tmp_path, LOSSES, loss="other_loss")


def test_a_name_against_the_draws_without_a_kl_is_an_error_with_both_readings(tmp_path: Path) -> None:
    with pytest.raises(Unbound, match="its name says log-variance, the draws follow a log-standard deviation") as caught:
        subject(tmp_path, "", spread="logvar")
    assert "--second-head log-std" in caught.value.hint
    assert "--second-head log-variance" in caught.value.hint


@pytest.mark.parametrize(("declared", "meaning"), [("log-std", "log-standard deviation"), ("log-variance", "log-variance")])
def test_the_option_says_what_the_second_head_is(tmp_path: Path, declared: str, meaning: str) -> None:
    found = subject(tmp_path, "", spread="logvar", second_head=declared)
    logvar = torch.full((4, 3), -1.0)
    drawn = found.draw(torch.zeros(4, 3), logvar, Noise(given=torch.ones(4, 3)))
    torch.testing.assert_close(drawn, torch.exp(logvar / 2 if meaning == "log-standard deviation" else logvar))


def test_a_kl_settles_it(tmp_path: Path) -> None:
    """The draws are then wrong, and the claims say so."""
    found = subject(tmp_path, LOSSES, spread="logvar", loss="bce_loss")
    assert second_head(found) == "log-variance"
    assert any("the KL as a log-variance" in note for note in found.facts.notes)


@pytest.mark.parametrize("order", ["rxml", "xrml", "rxlm", "xrlm"])
def test_an_order_that_no_name_tells_is_told_by_behaviour(order: str) -> None:
    def loss_function(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
        given = dict(zip(order, (a, b, c, d), strict=True))
        return cross_entropy(given["r"], given["x"]).sum() + divergence(given["m"], given["l"]).sum()

    found = bound(Script, loss_function)
    assert found.facts.parts[Part.LOSS].known_by == "the order of its arguments, which its behaviour confirms"
    raw, x, mu, logvar = torch.full((2, 64), 0.3), torch.ones(2, 64), torch.ones(2, 3), torch.full((2, 3), -1.0)
    terms = found.terms((raw,), x, mu, logvar)
    assert float(terms.reconstruction) == pytest.approx(float(cross_entropy(raw, x).sum()), rel=1e-5)
    assert float(terms.kl) == pytest.approx(float(divergence(mu, logvar).sum()), rel=1e-4)


def test_a_part_of_a_loss_is_no_loss() -> None:
    def reconstruction_loss(recon_x: Tensor, x: Tensor) -> Tensor:
        return cross_entropy(recon_x, x).sum()

    found = bound(Script, reconstruction_loss)
    assert found.facts.parts[Part.LOSS].standing is Standing.REPLACED


def test_a_half_written_file_has_a_verdict_for_each_missing_part() -> None:
    class Half(Layers):
        def encode(self, x: Tensor) -> Any:
            return self.heads(x)

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), mu, logvar

    standing = {part: report.standing for part, report in bound(Half, input_shape=(1, 8, 8)).facts.parts.items()}
    assert standing[Part.POSTERIOR] is Standing.PRESENT
    assert standing[Part.DECODE] is Standing.MISSING
    assert standing[Part.LOSS] is Standing.REPLACED


def test_an_elbo_that_is_to_be_maximised_is_turned() -> None:
    def elbo(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return -cross_entropy(recon_x, x).sum() - divergence(mu, logvar).sum()

    found = bound(Script, elbo)
    assert found.facts.likelihood is Likelihood.BERNOULLI
    assert any("to be maximised" in note for note in found.facts.notes)
    raw, x, mu = torch.full((2, 64), 0.5), torch.ones(2, 64), torch.ones(2, 3)
    assert float(found.terms((raw,), x, mu, 0 * mu).kl) == pytest.approx(3.0)


def test_a_wrong_sign_of_the_kl_alone_is_not_turned() -> None:
    def elbo(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return cross_entropy(recon_x, x).sum() - divergence(mu, logvar).sum()

    found = bound(Script, elbo)
    assert not any("to be maximised" in note for note in found.facts.notes)
    raw, x, mu = torch.full((2, 64), 0.5), torch.ones(2, 64), torch.ones(2, 3)
    assert float(found.terms((raw,), x, mu, 0 * mu).kl) == pytest.approx(-3.0)
    assert verdict("KL-03", found).diagnosis == "kl-sign"


def test_a_reconstruction_term_called_loss_function_is_told_apart() -> None:
    def loss_function(recon_x: Tensor, x: Tensor) -> Tensor:
        return cross_entropy(recon_x, x).sum()

    found = bound(Script, loss_function)
    assert found.facts.parts[Part.LOSS].standing is Standing.REPLACED
    assert any("a term of a loss" in note for note in found.facts.notes)


def test_a_decoder_of_levels_is_refused_with_the_way_out() -> None:
    class Levels(Script):
        def decode(self, z: Tensor) -> Any:
            return self.layers(z).unsqueeze(1).expand(-1, 256, -1)

    with pytest.raises(Unbound, match="scores 256 levels") as caught:
        bound(Levels)
    assert "adapter" in caught.value.hint
