"""The operations on the whole model: composition, gradients with respect to x, changes in place, steering, construction, fixed layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import COTANGENT, LOGVAR, MU, RAW, BatchNormed, Bound, Inline, Layers, Native, X, Z, bound, noisy
from bound_files import bound as bound_file
from torch import Tensor, nn

from vae_spec.subject import Composition, Noise

EPS = Noise(given=COTANGENT, seed=3)


def composed(made: type[nn.Module]) -> Composition:
    found = bound(made).composition(X, EPS)
    assert found is not None
    return found


# composition --------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [Native, BatchNormed])
def test_a_sound_pass_is_its_parts_in_value_and_in_every_gradient(made: type[nn.Module]) -> None:
    found = composed(made)
    assert torch.allclose(found.whole[0], found.parts[0], atol=1e-6)
    assert {name.split(".")[0] for name in found.slopes} >= {"hidden", "head", "second", "layers"}
    largest = max(slopes.parts for slopes in found.slopes.values())
    assert largest > 0
    assert all(slopes.difference < 1e-4 * largest for slopes in found.slopes.values())


def test_the_slopes_are_those_of_the_parameters() -> None:
    found = composed(Native)
    assert all(found.slopes[name].parts > 0 for name in ("hidden.weight", "head.weight", "second.weight", "layers.0.weight"))


class HalfDetached(Native):
    """One of the three dimensions is cut off from the encoder on its way to the decoder."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        z = self.reparameterize(mu, logvar)
        return self.decode(torch.cat([z[:, :1].detach(), z[:, 1:]], 1)), mu, logvar


class Widened(Native):
    """The pass adds noise of its own size, whatever the sampling step does."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(mu + 2 * torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def test_a_cut_that_leaves_the_output_as_it_is_shows_in_the_encoder_s_gradients_alone() -> None:
    found = composed(HalfDetached)
    assert torch.allclose(found.whole[0], found.parts[0], atol=1e-6)
    assert found.slopes["head.weight"].difference > 0.01 * found.slopes["head.weight"].parts
    assert found.slopes["head.weight"].whole < found.slopes["head.weight"].parts
    assert found.slopes["layers.2.weight"].difference < 1e-5 * found.slopes["layers.2.weight"].parts


def test_another_sampling_step_in_the_pass_shows_in_the_output() -> None:
    found = composed(Widened)
    assert not torch.allclose(found.whole[0], found.parts[0], atol=1e-3)


def test_a_model_with_its_parts_inline_has_nothing_to_be_set_beside_its_pass() -> None:
    assert bound(Inline).composition(X, EPS) is None


# the gradient with respect to x -------------------------------------------------------------------


def test_the_posterior_s_gradient_is_that_of_autograd() -> None:
    subject = bound(Native)
    x = X.clone().requires_grad_()
    mu, logvar = subject.model.eval().encode(x)
    ((mu * MU).sum() + (logvar * LOGVAR).sum()).backward()
    found = subject.posterior_vjp(X, MU, LOGVAR)
    assert found is not None
    assert found.shape == X.shape
    assert x.grad is not None
    assert torch.allclose(found.to(x.grad), x.grad, atol=1e-6)
    assert not X.requires_grad


class Cropped(Native):
    """The encoder sees the upper half of each image."""

    def encode(self, x: Tensor) -> Any:
        return self.heads(torch.cat([x[:, :, :4], torch.zeros_like(x[:, :, 4:])], 2))


class Thresholded(Native):
    """The encoder binarises what it reads, which has no gradient."""

    def encode(self, x: Tensor) -> Any:
        return self.heads((x > 0.5).to(x))


def test_entries_that_the_encoder_does_not_read_have_no_gradient() -> None:
    found = bound(Cropped).posterior_vjp(X, MU, LOGVAR)
    assert found is not None
    assert bool((found[:, :, 4:] == 0).all())
    assert bool((found[:, :, :4] != 0).any(0).all())
    assert bound(Thresholded).posterior_vjp(X, MU, LOGVAR) is None


# changes in place ---------------------------------------------------------------------------------


class ForwardChanges(Native):
    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        x.clamp_(0.25, 0.75)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


class EncodeChanges(Native):
    def encode(self, x: Tensor) -> Any:
        return self.heads(x.sub_(0.5))

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x - 0.5)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar


class DecodeChanges(Native):
    def decode(self, z: Tensor) -> Any:
        out = self.layers(z).view(-1, 1, 8, 8)
        with torch.no_grad():
            z.mul_(2)
        return out


class LossChanges(Native):
    def loss(self, x_hat: Any, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        found = super().loss(x_hat, x, mu, logvar, beta)
        with torch.no_grad():
            logvar.exp_()
        return found


@pytest.mark.parametrize(
    ("made", "changed"),
    [
        (Native, ()),
        (BatchNormed, ()),
        (ForwardChanges, ("forward",)),
        (EncodeChanges, ("encode",)),
        (DecodeChanges, ("decode",)),
        (LossChanges, ("loss",)),
    ],
)
def test_operations_that_change_what_they_are_given_are_named(made: type[nn.Module], changed: tuple[str, ...]) -> None:
    subject, before = bound(made), X.clone()
    assert subject.changes(X) == changed
    assert torch.equal(X, before)


# steering the decoder -----------------------------------------------------------------------------


class Grey(Native):
    """The decoder's output stays between 0.25 and 0.75."""

    def decode(self, z: Tensor) -> Any:
        return 0.25 + 0.5 * self.layers(z).view(-1, 1, 8, 8)


def steered(subject: Bound, share: float, steps: int = 200) -> float:
    reached = subject.reach_data(Z, torch.full_like(X, share), steps=steps, learning_rate=0.02, seed=0)
    return float((reached - share).abs().mean())


def test_a_decoder_is_steered_to_either_end_as_far_as_it_can_get() -> None:
    sound, grey = bound(Native), bound(Grey)
    for share in (0.02, 0.98):
        assert steered(sound, share) < 0.05 < 0.2 < steered(grey, share)
    assert steered(sound, 0.02, steps=1) > 0.2


def test_steering_puts_back_state_and_mode() -> None:
    subject = bound(BatchNormed)
    before, training = subject.state(), subject.model.training
    steered(subject, 0.02, steps=3)
    assert subject.model.training is training
    assert all(torch.equal(before[name], value) for name, value in subject.state().items())


# construction -------------------------------------------------------------------------------------

SIZED = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self, latent_dim=2):
        super().__init__()
        CHECK
        self.latent_dim = latent_dim
        self.encoder = nn.Linear(10, 2 * SIZE)
        self.decoder = nn.Linear(SIZE, 10)

    def encode(self, x):
        return self.encoder(x).chunk(2, 1)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar
"""


@pytest.mark.parametrize(
    ("size", "check", "argument", "built"),
    [
        ("latent_dim", "pass", "latent_dim", 3),
        ("2", "pass", "latent_dim", 2),
        ("latent_dim", "assert latent_dim == 2", "latent_dim", None),
        ("2", "pass", "width", None),
    ],
)
def test_another_latent_dimension_is_built_ignored_refused_or_no_argument(
    tmp_path: Any, size: str, check: str, argument: str, built: int | None
) -> None:
    source = SIZED.replace("SIZE", size).replace("CHECK", check).replace("latent_dim=2", f"{argument}=2")
    source = source.replace("self.latent_dim = latent_dim", f"self.latent_dim = {argument}")
    subject = bound_file(tmp_path, source, "VAE", input_shape=(10,))
    assert subject.facts.latent_dim == 2
    assert subject.latent_dim_built(3, torch.rand(2, 10)) == built
    assert subject.posterior(torch.rand(2, 10)).mu.shape == (2, 2)


# fixed layers -------------------------------------------------------------------------------------


class Frozen(Native):
    """The first layer is drawn and never trained."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden.requires_grad_(False)


class FixedTransform(Native):
    """A fixed layer whose weights are set, as those of a colour transform or of a known filter."""

    def __init__(self) -> None:
        super().__init__()
        nn.init.eye_(self.head.weight)
        self.head.requires_grad_(False)


class Scaled(Native):
    """A parameter that is no layer's, and a norm's, are not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.noise = nn.Parameter(torch.rand(3, 3), requires_grad=False)
        self.norm = nn.LayerNorm(16).requires_grad_(False)


@pytest.mark.parametrize(("made", "frozen"), [(Native, ()), (Frozen, ("hidden.weight",)), (FixedTransform, ()), (Scaled, ())])
def test_layers_that_are_drawn_and_never_trained_are_named(made: type[Layers], frozen: tuple[str, ...]) -> None:
    assert tuple(bound(made).frozen()) == frozen


def test_of_an_instance_nothing_can_be_said_about_its_layers() -> None:
    assert tuple(bound(Frozen()).frozen()) == ()


def test_the_sampling_step_of_the_samples_is_the_one_that_a_pass_takes() -> None:
    """What the composition compares is `noisy` under a given noise: mu + sigma * eps."""
    assert torch.allclose(bound(Native).draw(MU, LOGVAR, EPS).to(MU), MU + torch.exp(0.5 * LOGVAR) * COTANGENT, atol=1e-6)
    assert noisy(MU, LOGVAR).shape == RAW[0].flatten(1)[:, :3].shape
