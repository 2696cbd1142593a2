"""The three likelihoods p(x | z) a decoder can stand for: what its last layer means, and what -log p(x | z) then is.

Each turns the last layer's unbounded numbers into the parameters of a distribution over the item (the decoder's raw
output), and gives the negative log-likelihood in nats, summed over the entries of an item: the reconstruction term.
"""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

Item = Float[Tensor, "batch *item"]
Raw = Item | tuple[Item, Item]
"""What a decoder gives: one tensor of the item's shape, or a (mean, logvar) pair of them."""

LOGVAR_LIMIT = 6.0
"""Learned log-variances stay within plus or minus this: standard deviations from 0.05 to 20, for data in [0, 1]."""

TINY = 1e-12
"""Far below any probability that a sigmoid in single precision tells from 0."""


class Likelihood(ABC):
    """A distribution over items whose entries are independent given the code.

    Attributes:
        outputs: how many numbers the decoder's last layer gives for each entry of an item.
    """

    outputs: int

    @abstractmethod
    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> Raw:
        """The distribution's parameters, from the last layer's unbounded numbers."""

    @abstractmethod
    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """-log p(x | z) of each item, in nats."""

    @abstractmethod
    def mean(self, raw: Raw) -> Item:
        """E[x | z]: the item to look at."""

    @abstractmethod
    def draw(self, raw: Raw) -> Item:
        """A draw of x ~ p(x | z), from the global generator."""


class Bernoulli(Likelihood):
    """p(x | z) = prod_i p_i^x_i (1 - p_i)^(1 - x_i), with data and probabilities in [0, 1].

    Grey levels are read as probabilities themselves, which is customary, though it is not a density over [0, 1].
    """

    outputs = 1

    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> Item:
        """The probabilities p = sigmoid(linear)."""
        return torch.sigmoid(linear.squeeze(1))

    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """Binary cross-entropy.

        Written out, it takes little more than a third of the time of PyTorch's `binary_cross_entropy` on a CPU, and gives the same.

        Raises:
            RuntimeError: an entry of x lies outside [0, 1].
        """
        low, high = x.detach().aminmax()
        if low < 0 or high > 1:
            raise RuntimeError(f"a Bernoulli's data lie between 0 and 1; these reach from {low:.3g} to {high:.3g}")
        # -log p(x | z) = -sum_i [x_i log p_i + (1 - x_i) log(1 - p_i)], where TINY keeps logarithm and gradient finite at p = 0 and 1
        p = single(raw)
        # lerp(a, b, x) = (1 - x) a + x b
        return -torch.lerp(torch.log((1 - p).add_(TINY)), torch.log(p + TINY), x).flatten(1).sum(1)

    def mean(self, raw: Raw) -> Item:
        """The probabilities themselves."""
        return single(raw)

    def draw(self, raw: Raw) -> Item:
        """Zeros and ones: no grey levels, though grey levels may be what it was trained on."""
        return torch.bernoulli(single(raw))


class SquaredError(Likelihood):
    """p(x | z) = N(x; mean, I): a Gaussian of unit variance, whose constant (D / 2) log(2 pi) is left out.

    Unit variance is much noise for data in [0, 1]. A direction in which the data vary by less is not worth its KL, and
    on very small images, such as 8 x 8 digits, that is every direction: the posterior collapses, and the ELBO is right.
    """

    outputs = 1

    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> Item:
        """The mean as it comes, without a sigmoid.

        Under a cross-entropy the sigmoid's flat ends cancel; under a squared error they do not, and pixels at 0 and 1,
        most of an image of a digit, would hardly be learned from. Nor is a Gaussian's mean confined to [0, 1].
        """
        return linear.squeeze(1)

    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """Half the sum of squared errors; without the half it would halve the KL's weight in secret."""
        # -log p(x | z) = 1/2 sum_i (x_i - mean_i)^2 + constant
        return 0.5 * (x - single(raw)).square().flatten(1).sum(1)

    def mean(self, raw: Raw) -> Item:
        """The mean itself."""
        return single(raw)

    def draw(self, raw: Raw) -> Item:
        """The mean with noise of unit variance."""
        return single(raw) + torch.randn_like(single(raw))


class Gaussian(Likelihood):
    """p(x | z) = N(x; mean, diag(exp(logvar))), with a mean and a log-variance for each entry."""

    outputs = 2

    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> tuple[Item, Item]:
        """A mean, and a logvar that is bent smoothly into (-LOGVAR_LIMIT, LOGVAR_LIMIT).

        Where an entry never varies, as in an image's margin, the likelihood grows without bound as its variance falls.
        Unlike a hard clamp, tanh leaves a gradient on the way to the limits, so that logvar can come back.
        """
        mean, logvar = linear.unbind(1)
        return mean, LOGVAR_LIMIT * torch.tanh(logvar / LOGVAR_LIMIT)

    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """The Gaussian's negative log-density, with its constant: it may be negative."""
        mean, logvar = raw
        # -log p(x | z) = 1/2 sum_i [log(2 pi) + logvar_i + (x_i - mean_i)^2 / exp(logvar_i)]
        return 0.5 * (math.log(2 * math.pi) + logvar + (x - mean).square() * torch.exp(-logvar)).flatten(1).sum(1)

    def mean(self, raw: Raw) -> Item:
        """The mean of the pair."""
        mean, _ = raw
        return mean

    def draw(self, raw: Raw) -> Item:
        """The mean with noise of the learned variance."""
        mean, logvar = raw
        # x = mean + sigma * eps, with sigma = exp(logvar / 2) and eps ~ N(0, I)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "squared-error": SquaredError(),
    "gaussian": Gaussian(),
}
"""The likelihoods by the names that the models take."""


def likelihood_named(name: str) -> Likelihood:
    """The likelihood of this name.

    Raises:
        ValueError: there is none.
    """
    if name not in LIKELIHOODS:
        raise ValueError(f"there is no likelihood {name!r}; choose one of {', '.join(LIKELIHOODS)}")
    return LIKELIHOODS[name]


def single(raw: Raw) -> Item:
    """The single tensor of a raw output that is no pair.

    Raises:
        TypeError: raw is a pair, as only the Gaussian likelihood has it.
    """
    if not isinstance(raw, Tensor):
        raise TypeError("this likelihood takes one tensor from the decoder, not a (mean, logvar) pair")
    return raw
