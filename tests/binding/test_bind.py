"""Binding small implementations: what is found, how each part is called, and what is detected of it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import (
    BatchNormed,
    Native,
    Script,
    bound,
    divergence,
    loss_function,
    noisy,
    standings,
)
from torch import Tensor, nn
from torch.nn import functional as F

from vae_spec.subject import Likelihood, Mode, Noise, Part, Standing, SubjectFault

X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(3))


# what is there


def test_a_native_model_is_bound_whole() -> None:
    subject = bound(Native)
    facts = subject.facts
    assert set(facts.parts) == set(Part)
    assert {report.standing for report in facts.parts.values()} == {Standing.PRESENT}
    assert (facts.input_shape, facts.latent_dim, facts.input_range) == ((1, 8, 8), 3, (0.0, 1.0))
    assert (facts.likelihood, facts.likelihood_declared, facts.effective_beta) == (Likelihood.BERNOULLI, False, None)
    assert facts.parameters == sum(one.numel() for one in Native().parameters())
    assert (facts.least_train_batch, facts.samples_in_eval) == (1, True)
    assert facts.name == "student.py:Native"
    assert not facts.reference


def test_a_script_is_bound_with_the_loss_beside_it() -> None:
    subject = bound(Script, loss_function)
    expected = dict.fromkeys(Part, Standing.PRESENT) | {
        Part.LOSS_TERMS: Standing.REPLACED,
        Part.BETA: Standing.REPLACED,
    }
    assert standings(subject) == expected
    assert subject.facts.parts[Part.LOSS].account == "function loss_function(recon_x, x, mu, logvar) gives one scalar"
    assert subject.facts.parts[Part.DRAW].account == "reparametrize(mu, logvar)"
    assert subject.facts.likelihood is Likelihood.BERNOULLI
    assert subject.data(subject.decode(torch.zeros(2, 3))).shape == (2, *subject.facts.input_shape)


class Submodules(nn.Module):
    """No method but forward."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, 16), nn.ReLU())
        self.head, self.second = nn.Linear(16, 3), nn.Linear(16, 3)
        self.decoder = nn.Sequential(nn.Linear(3, 64), nn.Sigmoid())

    def forward(self, x: Tensor) -> Any:
        h = self.encoder(x)
        mu, logvar = self.head(h), self.second(h)
        return self.decoder(noisy(mu, logvar)), mu, logvar


def test_submodules_alone() -> None:
    subject = bound(Submodules)
    found = standings(subject)
    assert found[Part.POSTERIOR] is found[Part.FORWARD] is found[Part.DECODE] is Standing.PRESENT
    assert found[Part.DRAW] is Standing.PRESENT
    assert found[Part.LOSS] is Standing.REPLACED
    assert subject.facts.input_shape == (64,)
    assert subject.facts.latent_dim == 3
    assert any("the suite supplies the ELBO with the bernoulli likelihood" in note for note in subject.facts.notes)
    posterior = subject.posterior(X.flatten(1))
    passed = subject.forward(X.flatten(1), Noise.none())
    assert torch.equal(posterior.mu, passed.mu)
    assert torch.equal(posterior.logvar, passed.logvar)
    assert passed.z is not None
    assert torch.equal(passed.z, passed.mu)


def test_the_reconstruction_alone_with_encode() -> None:
    class Alone(Native):
        def forward(self, x: Tensor) -> Any:
            return super().forward(x)[0]

    subject = bound(Alone)
    assert standings(subject)[Part.FORWARD] is standings(subject)[Part.POSTERIOR] is Standing.PRESENT
    passed = subject.forward(X, Noise(seed=2))
    assert torch.equal(passed.mu, subject.posterior(X, mode=Mode.TRAIN).mu)
    assert len(passed.raw) == 1


def test_a_spatial_code_is_flattened() -> None:
    class Spatial(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Conv2d(1, 4, 4, stride=4), nn.ConvTranspose2d(2, 1, 4, stride=4)

        def encode(self, x: Tensor) -> Any:
            return self.down(x).chunk(2, 1)

        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return noisy(mu, logvar)

        def decode(self, z: Tensor) -> Tensor:
            return torch.sigmoid(self.up(z))

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    subject = bound(Spatial)
    assert subject.facts.input_shape == (1, 28, 28)
    assert subject.facts.latent_dim == 2 * 7 * 7
    x = torch.rand(3, 1, 28, 28)
    mu = subject.model.encode(x)[0].detach()
    torch.testing.assert_close(subject.posterior(x).mu, mu.flatten(1))
    torch.testing.assert_close(subject.decode(mu.flatten(1))[0], subject.model.decode(mu).detach())


# manners


def test_a_training_loop_may_be_a_method_named_train() -> None:
    class Trains(Native):
        def train(self, loader: Any, epochs: int = 5) -> Any:  # type: ignore[override]
            for _ in range(epochs):
                for batch in loader:
                    self(batch)

    subject = bound(Trains)
    assert {report.standing for report in subject.facts.parts.values()} == {Standing.PRESENT}
    assert subject.forward(X.float(), Noise(seed=1)).z is not None


def test_batch_norm_needs_two_in_training() -> None:
    subject = bound(BatchNormed)
    assert subject.facts.least_train_batch == 2
    assert any("BatchNorm" in note for note in subject.facts.notes)
    assert standings(subject)[Part.FORWARD] is standings(subject)[Part.POSTERIOR] is Standing.PRESENT


class MeanInEval(Native):
    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return noisy(mu, logvar) if self.training else mu


def test_what_eval_mode_does() -> None:
    assert bound(Native).facts.samples_in_eval is True
    subject = bound(MeanInEval)
    assert subject.facts.samples_in_eval is False
    assert "in eval mode forward decodes the mean" in subject.facts.notes
    x = X
    assert torch.equal(subject.forward(x, Noise(seed=1), mode=Mode.EVAL).raw[0], subject.decode(subject.posterior(x).mu)[0])
    assert not torch.equal(*(subject.forward(x, Noise(seed=seed), mode=Mode.TRAIN).raw[0] for seed in (1, 2)))


@pytest.mark.parametrize("kind", [Native, BatchNormed])
@pytest.mark.parametrize("training", [True, False])
def test_a_ready_instance_is_bound_as_it_is(kind: type[nn.Module], training: bool) -> None:
    model = kind().train(training)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    subject = bound(model)
    assert subject.model is model
    assert standings(subject)[Part.TRAINING] is Standing.REPLACED
    assert "ready instance" in subject.facts.parts[Part.TRAINING].account
    assert all(torch.equal(value, before[name]) for name, value in subject.fresh(7).items())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(SubjectFault, match="ready instance"):
        subject.construct()


@pytest.mark.parametrize("training", [True, False])
def test_binding_leaves_a_ready_instances_mode(training: bool) -> None:
    model = Native().train(training)
    bound(model)
    assert model.training is training


def test_binding_leaves_the_random_state() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    bound(Native)
    assert torch.equal(torch.get_rng_state(), before)


def test_noise_that_no_seed_reaches() -> None:
    class Hidden(Native):
        count = 0.0

        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            self.count += 1
            return mu + torch.exp(0.5 * logvar) * torch.sin(self.count * torch.arange(mu.numel()).view(mu.shape))

    subject = bound(Hidden)
    assert subject.facts.parts[Part.NOISE_CONTROL].standing is Standing.REPLACED
    assert any("where no seed reaches it" in note for note in subject.facts.notes)


def test_how_the_noise_is_controlled() -> None:
    class FromUniform(Native):
        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            eps = torch.erfinv(2 * torch.rand_like(mu).clamp(1e-6, 1 - 1e-6) - 1) * 2**0.5
            return mu + torch.exp(0.5 * logvar) * eps

    assert bound(Native).facts.parts[Part.NOISE_CONTROL].account == "intercepted"
    report = bound(FromUniform).facts.parts[Part.NOISE_CONTROL]
    assert (report.standing, report.account) == (Standing.PRESENT, "by seed")


# options and the meaning of heads and outputs


class Tanh(Native):
    def decode(self, z: Tensor) -> Any:
        return torch.tanh(self.layers[:-1](z)).view(-1, 1, 8, 8)

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        reconstruction, kl = 0.5 * (x_hat - x).square().flatten(1).sum(1).mean(), divergence(mu, logvar).mean()
        return reconstruction + beta * kl, reconstruction, kl


class Logits(Native):
    def decode(self, z: Tensor) -> Any:
        return self.layers[:-1](z).view(-1, 1, 8, 8)

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        reconstruction = F.binary_cross_entropy_with_logits(x_hat, x, reduction="sum") / len(x)
        kl = divergence(mu, logvar).mean()
        return reconstruction + beta * kl, reconstruction, kl


class Absolute(Tanh):
    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        reconstruction, kl = (x_hat - x).abs().sum() / len(x), divergence(mu, logvar).mean()
        return reconstruction + beta * kl, reconstruction, kl


class MeanAndVariance(Native):
    def decode(self, z: Tensor) -> Any:
        mean = self.layers(z).view(-1, 1, 8, 8)
        return mean, torch.zeros_like(mean) + 0.1

    def loss(self, x_hat: Any, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        mean, spread = x_hat
        reconstruction = 0.5 * ((x - mean).square() * torch.exp(-spread) + spread).sum() / len(x)
        kl = divergence(mu, logvar).mean()
        return reconstruction + beta * kl, reconstruction, kl


@pytest.mark.parametrize(
    ("kind", "likelihood", "limits"),
    [
        (Native, Likelihood.BERNOULLI, (0.0, 1.0)),
        (Logits, Likelihood.BERNOULLI_LOGITS, (0.0, 1.0)),
        (Tanh, Likelihood.SQUARED_ERROR, (-1.0, 1.0)),
        (Absolute, Likelihood.LAPLACE, (-1.0, 1.0)),
        (MeanAndVariance, Likelihood.GAUSSIAN, (0.0, 1.0)),
    ],
)
def test_likelihood_and_range_are_detected(kind: type[nn.Module], likelihood: Likelihood, limits: tuple[float, float]) -> None:
    facts = bound(kind).facts
    assert (facts.likelihood, facts.input_range) == (likelihood, limits)


def test_declarations_go_before_detection() -> None:
    facts = bound(Native, likelihood="squared-error", effective_beta=0.25, input_range=(0.0, 255.0), input_shape=(64,)).facts
    assert (facts.likelihood, facts.likelihood_declared) == (Likelihood.SQUARED_ERROR, True)
    assert (facts.effective_beta, facts.input_range, facts.input_shape) == (0.25, (0.0, 255.0), (64,))
