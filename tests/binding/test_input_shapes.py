"""The shape and the range of an item: from what the model says of itself, from its layers, and from the end of its decoder."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from binding_samples import Layers, Native, bound, noisy
from bound_files import bound as bound_file
from torch import Tensor, nn

from vae_spec.subject import Likelihood


class Sized(nn.Module):
    """A VAE of items of `size` entries, whatever their shape is."""

    size = 784

    def __init__(self) -> None:
        super().__init__()
        self.head, self.second, self.out = nn.Linear(self.size, 3), nn.Linear(self.size, 3), nn.Linear(3, self.size)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.head(x.flatten(1)), self.second(x.flatten(1))
        return torch.sigmoid(self.out(noisy(mu, logvar))).view_as(x), mu, logvar


def sized(size: int, **attributes: Any) -> type[nn.Module]:
    def __init__(self: nn.Module) -> None:
        Sized.__init__(self)
        vars(self).update(attributes)

    return type("Sized", (Sized,), {"size": size, "__init__": __init__})


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ((1, 28, 28), (1, 28, 28)),
        ([3, 16, 16], (3, 16, 16)),
        (torch.Size([28, 28]), (1, 28, 28)),
        ((2,), (2,)),
        (784, (784,)),
        (3072, (3072,)),
        (28, (28,)),
    ],
)
@pytest.mark.parametrize("name", ["input_shape", "input_dim", "image_size"])
def test_a_shape_that_the_model_keeps_is_the_inputs(value: Any, shape: tuple[int, ...], name: str) -> None:
    assert bound(sized(math.prod(shape), **{name: value})).facts.input_shape == shape


@pytest.mark.parametrize(("size", "shape"), [(784, (1, 28, 28)), (2352, (3, 28, 28))])
def test_one_side_that_the_model_keeps_is_that_of_an_image(size: int, shape: tuple[int, ...]) -> None:
    assert bound(sized(size, image_size=28)).facts.input_shape == shape


IMAGES = """
import torch
from torch import nn

class Netz(nn.Module):
    def __init__(self, {name}):
        super().__init__()
        self.head, self.second, self.out = nn.Linear(192, 3), nn.Linear(192, 3), nn.Linear(3, 192)

    def forward(self, x):
        channels, height, width = x.shape[1:]
        mu, logvar = self.head(x.flatten(1)), self.second(x.flatten(1))
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.out(z)).view_as(x), mu, logvar

if __name__ == "__main__":
    netz = Netz({argument})
"""


@pytest.mark.parametrize("argument", ["input_shape=(3, 4, 16)", "img_shape=(12, 4, 4)", "x_shape=(3, 8, 8)"])
def test_a_shape_that_the_file_constructs_it_with_is_the_inputs(tmp_path: Path, argument: str) -> None:
    name, _, shape = argument.partition("=")
    subject = bound_file(tmp_path, IMAGES.format(argument=argument, name=name))
    assert str(subject.facts.input_shape) == shape


@pytest.mark.parametrize("nonsense", [True, 0, -3, "28", (0, 28), (1.5, 2), None])
def test_an_attribute_that_is_no_shape_is_passed_over(nonsense: Any) -> None:
    assert bound(sized(784, input_shape=nonsense)).facts.input_shape == (784,)


@pytest.mark.parametrize("size", [784, 192, 2, 64])
def test_a_linear_layer_says_how_many_entries_an_item_has(size: int) -> None:
    assert bound(sized(size)).facts.input_shape == (size,)


@pytest.mark.parametrize(("size", "shape"), [(784, (1, 28, 28)), (192, (3, 8, 8))])
def test_entries_that_a_linear_layer_takes_are_those_of_an_image_where_forward_takes_images(size: int, shape: tuple[int, ...]) -> None:
    class Images(sized(size)):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Any:
            _channels, _height, _width = x.shape[1:]
            return super().forward(x)

    assert bound(Images).facts.input_shape == shape


class Convolutional(nn.Module):
    """Of images of any side that 4 divides: the encoder averages over them."""

    channels, side = 3, 28

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(self.channels, 4, 4, 4)
        self.head, self.second = nn.Linear(4, 3), nn.Linear(4, 3)
        self.out = nn.Linear(3, self.channels * self.side**2)

    def forward(self, x: Tensor) -> Any:
        h = self.conv(x).mean((2, 3))
        mu, logvar = self.head(h), self.second(h)
        return torch.sigmoid(self.out(noisy(mu, logvar))).view(-1, self.channels, self.side, self.side), mu, logvar


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [28, 32, 64])
def test_a_convolution_says_the_channels_and_the_output_the_sides(channels: int, side: int) -> None:
    subject = bound(type("Sides", (Convolutional,), {"channels": channels, "side": side}))
    assert subject.facts.input_shape == (channels, side, side)


def test_binding_twice_finds_the_same() -> None:
    torch.manual_seed(1)
    first = bound(Native)
    torch.manual_seed(2)
    assert bound(Native).facts == first.facts


# the end of the decoder


def ending(end: nn.Module) -> type[nn.Module]:
    class Ending(Layers):
        def __init__(self) -> None:
            super().__init__()
            self.decoder = nn.Sequential(nn.Linear(3, 64), end, nn.Unflatten(1, (1, 8, 8)))

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            return self.decoder(noisy(mu, logvar)), mu, logvar

    return Ending


@pytest.mark.parametrize(
    ("end", "likelihood", "limits"),
    [
        (nn.Sigmoid(), Likelihood.BERNOULLI, (0.0, 1.0)),
        (nn.Softmax(1), Likelihood.BERNOULLI, (0.0, 1.0)),
        (nn.Hardsigmoid(), Likelihood.BERNOULLI, (0.0, 1.0)),
        (nn.Tanh(), Likelihood.SQUARED_ERROR, (-1.0, 1.0)),
        (nn.Identity(), Likelihood.SQUARED_ERROR, (0.0, 1.0)),
        (nn.ReLU(), Likelihood.SQUARED_ERROR, (0.0, 1.0)),
    ],
    ids=repr,
)
def test_the_end_of_the_decoder_says_the_range_and_the_likelihood_that_is_supplied(
    end: nn.Module, likelihood: Likelihood, limits: tuple[float, float]
) -> None:
    facts = bound(ending(end)).facts
    assert (facts.likelihood, facts.input_range) == (likelihood, limits)
