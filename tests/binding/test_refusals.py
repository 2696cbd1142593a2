"""What no claim speaks of is refused in one message; a VAE with a broken part is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import Inline, Layers, Native, bound, cross_entropy, divergence, noisy, standings
from torch import Tensor, nn

from vae_conformance.errors import Unbound
from vae_conformance.implementation import Implementation
from vae_conformance.target.adapter import adapted
from vae_spec.subject import Part, Standing


class Conditional(Layers):
    """Its networks are handed a label."""

    def encode(self, x: Tensor, y: Tensor) -> Any:
        return self.heads(x)

    def decode(self, z: Tensor, y: Tensor) -> Any:
        return self.layers(z)

    def forward(self, x: Tensor, y: Tensor) -> Any:
        mu, logvar = self.encode(x, y)
        return self.decode(noisy(mu, logvar), y), mu, logvar


class WithoutForward(Layers):
    """The same without a forward, and the decoder alone is handed a label."""

    def encode(self, x: Tensor) -> Any:
        return self.heads(x)

    def decode(self, z: Tensor, labels: Tensor) -> Any:
        return self.layers(z)


class Quantised(nn.Module):
    """Codes are the nearest entries of a codebook."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(64, 4), nn.Linear(4, 64)
        self.codebook = nn.Embedding(16, 4)

    def forward(self, x: Tensor) -> Any:
        e = self.down(x.flatten(1))
        nearest = torch.cdist(e, self.codebook.weight).argmin(1)
        q = self.codebook(nearest)
        return (e - q).square().mean(), self.up(e + (q - e).detach()).view_as(x)


@pytest.mark.parametrize("made", [Conditional, WithoutForward])
def test_a_conditional_model_is_judged_given_one_label(made: type[nn.Module]) -> None:
    parts = bound(made).facts.parts
    assert {parts[one].standing for one in (Part.POSTERIOR, Part.DECODE, Part.FORWARD)} == {Standing.PRESENT}


def test_a_label_that_may_be_left_out_is_none() -> None:
    class Optional(Native):
        def forward(self, x: Tensor, y: Tensor | None = None) -> Any:
            return super().forward(x)

    assert bound(Optional).facts.parts[Part.FORWARD].standing is Standing.PRESENT


def test_a_second_argument_that_is_no_label_is_no_condition() -> None:
    class Decodes(Native):
        def decode(self, z: Tensor, logits: bool = False) -> Any:
            return super().decode(z)

        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return noisy(mu, logvar)

    assert set(standings(bound(Decodes)).values()) == {Standing.PRESENT}


def test_a_codebook_without_a_draw_is_called_one() -> None:
    with pytest.raises(Unbound, match="looks like a VQ-VAE") as refused:
        bound(Quantised)
    assert "codebook" in refused.value.message
    assert "Gaussian posterior" in refused.value.hint


def test_an_embedding_beside_a_posterior_is_no_codebook() -> None:
    class Words(Native):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(10, 4)

    assert set(standings(bound(Words)).values()) == {Standing.PRESENT}


def test_what_calls_no_part_is_followed_on_its_tape() -> None:
    class Opaque(Layers):
        def forward(self, x: Tensor) -> Any:
            h = nn.functional.linear(x.flatten(1), self.hidden.weight)
            z = noisy(*(h @ layer.weight.T for layer in (self.head, self.second)))
            return torch.sigmoid(z @ self.head.weight @ self.hidden.weight).view_as(x)

    parts = bound(Opaque).facts.parts
    assert {parts[one].standing for one in (Part.POSTERIOR, Part.DRAW, Part.DECODE, Part.FORWARD)} == {Standing.PRESENT}


def test_what_shows_no_part_of_a_vae_is_refused_once() -> None:
    class Nothing(Layers):
        def forward(self, x: Tensor) -> Any:
            return self.hidden(x.flatten(1)).mean()

    with pytest.raises(Unbound, match=r"nothing in student\.py:Nothing was recognised as a part of a VAE") as refused:
        bound(Nothing)
    assert "encode: no method or submodule named encode" in refused.value.message
    assert "adapter" in refused.value.hint


def raises(_self: Any, *_arguments: Any) -> Any:
    """A part that fails."""
    raise ValueError("not written yet")


def test_a_vae_with_a_broken_part_is_judged() -> None:
    class Broken(Inline):
        encode = raises

        def forward(self, x: Tensor) -> Any:
            return self.encode(x)

    class NoDecoder(Layers):
        def encode(self, x: Tensor) -> Any:
            return self.heads(x)

    assert bound(Broken).facts.parts[Part.POSTERIOR].standing is Standing.FAILING
    assert bound(NoDecoder).facts.parts[Part.DECODE].standing is Standing.MISSING


def test_a_failing_that_points_to_a_mistake_is_judged() -> None:
    class Always(Inline):
        def forward(self, x: Tensor) -> Any:
            raise AssertionError("Torch not compiled with CUDA enabled")

    assert bound(Always, input_shape=(1, 8, 8)).facts.parts[Part.FORWARD].diagnosis == "cuda-always"


def test_a_record_that_fixes_the_label_is_bound() -> None:
    label = torch.zeros(1)
    record = Implementation(
        Conditional, encode=lambda model, x: model.encode(x, label), decode=lambda model, z: model.decode(z, label), input_shape=(64,)
    )
    subject = bound(lambda: adapted(record, Conditional()))
    assert subject.facts.parts[Part.FORWARD].standing is Standing.PRESENT


class Other(Layers):
    """It takes vectors of 63 entries, which nothing says."""

    def encode(self, x: Tensor) -> Any:
        return None

    def decode(self, z: Tensor) -> Any:
        return self.layers(z)

    def forward(self, x: Tensor) -> Any:
        return self.layers(self.head(self.hidden(x.flatten(1)[:, :63])))


def test_a_clash_of_shapes_over_a_guess_is_refused() -> None:
    with pytest.raises(Unbound, match=r"no shape of input was found that student\.py:Other takes: with the shape \(64,\) forward"):
        bound(Other)
    report = bound(Other, input_shape=(64,)).facts.parts
    assert report[Part.FORWARD].diagnosis == "hard-coded-shape"
    assert report[Part.DECODE].diagnosis is None
    assert "the latent dimension is not known for sure" in report[Part.DECODE].account


def test_a_clash_of_shapes_behind_an_encoder_that_works_is_the_authors() -> None:
    class Narrow(Native):
        def decode(self, z: Tensor) -> Any:
            return super().decode(z[:, :2])

    assert bound(Narrow).facts.parts[Part.DECODE].diagnosis == "hard-coded-shape"


def test_a_value_that_a_loss_takes_from_its_keywords_is_asked_for() -> None:
    class Asks(Native):
        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, **given: float) -> Any:  # type: ignore[override]
            return cross_entropy(x_hat, x).sum() + given["share"] * divergence(mu, logvar).sum()

    with pytest.raises(Unbound, match="takes 'share' from its keywords") as asked:
        bound(Asks)
    assert "kwargs.get('share'" in asked.value.hint


class Masked(Native):
    """Its networks take a mask, which the suite does not have."""

    def encode(self, x: Tensor, mask: Tensor) -> Any:  # type: ignore[override]
        return super().encode(x * mask)

    def forward(self, x: Tensor, mask: Tensor) -> Any:  # type: ignore[override]
        mu, logvar = self.encode(x, mask)
        return self.decode(noisy(mu, logvar)), mu, logvar


class Correlated(Layers):
    """Its posterior has a full covariance."""

    def forward(self, x: Tensor) -> Any:
        h = torch.relu(self.hidden(x.flatten(1)))
        mu, second = self.head(h), self.second(h)
        factor = torch.tril(second.unsqueeze(2) * second.unsqueeze(1)) + torch.eye(mu.shape[1])
        return self.layers(mu + (factor @ torch.randn_like(mu).unsqueeze(2)).squeeze(2)).view_as(x), mu, factor


class Mixed(Native):
    """Its decoder gives the three parameters of a likelihood that the suite does not know."""

    def decode(self, z: Tensor) -> Any:
        output = super().decode(z)
        return output, output, output


class SeveralDraws(Native):
    """It decodes a list of draws in training."""

    def forward(self, x: Any) -> Any:
        mu, logvar = self.encode(x)
        return [self.decode(self.reparameterize(mu, logvar)) for _ in range(5)], mu, logvar


class Unpacking(Native):
    """It takes what a loader of labelled images gives."""

    def forward(self, batch: Any) -> Any:
        x, _label = batch
        return super().forward(x)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (Masked, "missing 1 required positional argument: 'mask', and nothing says what else to pass"),
        (Correlated, r"forward draws \(randn_like\), and no mean and second head of like shape were identified"),
        (Mixed, "no output was identified"),
        (SeveralDraws, "forward gives 5 outputs for each item"),
        (Unpacking, r"a batch of several tensors \(x, _label = batch\)"),
    ],
)
def test_what_the_suite_cannot_identify_is_refused(made: type[nn.Module], words: str) -> None:
    with pytest.raises(Unbound, match=words) as refused:
        bound(made)
    assert "adapter" in refused.value.hint


def test_a_number_that_forward_passes_beside_the_code_is_passed() -> None:
    class Cut(Native):
        def decode(self, z: Tensor, columns: int) -> Any:  # type: ignore[override]
            return super().decode(z)[..., :columns]

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return self.decode(noisy(mu, logvar), x.shape[-1]), mu, logvar

    assert bound(Cut).facts.parts[Part.DECODE].standing is Standing.PRESENT
