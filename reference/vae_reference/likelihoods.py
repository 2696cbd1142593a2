"""The three likelihoods p(x | z) of the decoders: the meaning of the last layer, and -log p(x | z).

Each maps the last layer's unbounded outputs to the parameters of a distribution over the item (the decoder's raw
output), and computes the negative log-likelihood in nats, summed over the entries of an item: the reconstruction term.
"""

import math
from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

Item = Float[Tensor, "batch *item"]
Raw = Item | tuple[Item, Item]
"""The output of a decoder: one tensor of the item's shape, or a (mean, logvar) pair of them."""

LOGVAR_LIMIT = 6.0
"""Learned log-variances lie within plus or minus this: standard deviations from 0.05 to 20, for data in [0, 1]."""

TINY = 1e-12
"""Far below the smallest probability that a sigmoid in single precision distinguishes from 0."""


class Likelihood(ABC):
    """A distribution over items whose entries are independent given z.

    Attributes:
        outputs: number of outputs of the decoder's last layer for each entry of an item.
    """

    outputs: int

    @abstractmethod
    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> Raw:
        """Compute the distribution's parameters from the last layer's unbounded outputs."""

    @abstractmethod
    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """Compute -log p(x | z) of each item, in nats."""

    @abstractmethod
    def mean(self, raw: Raw) -> Item:
        """Return E[x | z], the item to display."""

    @abstractmethod
    def draw(self, raw: Raw) -> Item:
        """Draw x ~ p(x | z) from the global generator."""


class Bernoulli(Likelihood):
    """p(x | z) = prod_i p_i^x_i (1 - p_i)^(1 - x_i), with data and probabilities in [0, 1].

    Grey levels are treated as probabilities, which is customary, though this is not a density over [0, 1].
    """

    outputs = 1

    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> Item:
        """Return the probabilities p = sigmoid(linear)."""
        return torch.sigmoid(linear.squeeze(1))

    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """Compute the binary cross-entropy of each item, in nats.

        Written out, it takes little more than a third of the time of PyTorch's `binary_cross_entropy` on a CPU, for the same result.

        Raises:
            RuntimeError: an entry of x lies outside [0, 1].
        """
        low, high = x.detach().aminmax()
        if low < 0 or high > 1:
            raise RuntimeError(f"a Bernoulli's data lie between 0 and 1; these reach from {low:.3g} to {high:.3g}")
        # -log p(x | z) = -sum_i [x_i log p_i + (1 - x_i) log(1 - p_i)]; TINY keeps logarithm and gradient finite at p = 0 and 1
        p = single(raw)
        # lerp(a, b, x) = (1 - x) a + x b
        return -torch.lerp(torch.log((1 - p).add_(TINY)), torch.log(p + TINY), x).flatten(1).sum(1)

    def mean(self, raw: Raw) -> Item:
        """Return the probabilities themselves."""
        return single(raw)

    def draw(self, raw: Raw) -> Item:
        """Draw zeros and ones, even if the model was trained on grey levels."""
        return torch.bernoulli(single(raw))


class SquaredError(Likelihood):
    """p(x | z) = N(x; mean, I): a Gaussian of unit variance, whose constant (D / 2) log(2 pi) is left out.

    Unit variance is a lot of noise for data in [0, 1]. A direction in which the data vary by less is not worth its KL; on
    very small images, such as 8 x 8 digits, that is every direction: the posterior collapses, at the optimum of the ELBO.
    """

    outputs = 1

    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> Item:
        """Return the mean without a sigmoid.

        The sigmoid's vanishing gradient cancels in a cross-entropy but not in a squared error, so pixels at 0 and 1, most
        of an image of a digit, would contribute hardly any gradient. Nor is a Gaussian's mean confined to [0, 1].
        """
        return linear.squeeze(1)

    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """Compute half the sum of squared errors; without the half, the KL's weight would silently be halved."""
        # -log p(x | z) = 1/2 sum_i (x_i - mean_i)^2 + constant
        return 0.5 * (x - single(raw)).square().flatten(1).sum(1)

    def mean(self, raw: Raw) -> Item:
        """Return the mean itself."""
        return single(raw)

    def draw(self, raw: Raw) -> Item:
        """Draw the mean plus noise of unit variance."""
        return single(raw) + torch.randn_like(single(raw))


class Gaussian(Likelihood):
    """p(x | z) = N(x; mean, diag(exp(logvar))), with a mean and a log-variance for each entry."""

    outputs = 2

    def parameters(self, linear: Float[Tensor, "batch outputs *item"]) -> tuple[Item, Item]:
        """Return the mean, and logvar bounded smoothly to (-LOGVAR_LIMIT, LOGVAR_LIMIT).

        If an entry never varies, as in an image's margin, the likelihood grows without bound as its variance falls.
        Unlike a hard clamp, tanh keeps a gradient near the limits, so that logvar can recover.
        """
        mean, logvar = linear.unbind(1)
        return mean, LOGVAR_LIMIT * torch.tanh(logvar / LOGVAR_LIMIT)

    def negative_log(self, raw: Raw, x: Item) -> Float[Tensor, " batch"]:
        """Compute the Gaussian's negative log-density, with its constant; it may be negative."""
        mean, logvar = raw
        # -log p(x | z) = 1/2 sum_i [log(2 pi) + logvar_i + (x_i - mean_i)^2 / exp(logvar_i)]
        return 0.5 * (math.log(2 * math.pi) + logvar + (x - mean).square() * torch.exp(-logvar)).flatten(1).sum(1)

    def mean(self, raw: Raw) -> Item:
        """Return the mean of the pair."""
        mean, _ = raw
        return mean

    def draw(self, raw: Raw) -> Item:
        """Draw the mean plus noise of the learned variance."""
        mean, logvar = raw
        # x = mean + sigma * eps, with sigma = exp(logvar / 2) and eps ~ N(0, I)
        return mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)


LIKELIHOODS: dict[str, Likelihood] = {
    "bernoulli": Bernoulli(),
    "squared-error": SquaredError(),
    "gaussian": Gaussian(),
}
"""The likelihoods by the names that the models accept."""


def likelihood_named(name: str) -> Likelihood:
    """Return the likelihood of this name.

    Raises:
        ValueError: there is no such likelihood.
    """
    if name not in LIKELIHOODS:
        raise ValueError(f"there is no likelihood {name!r}; choose one of {', '.join(LIKELIHOODS)}")
    return LIKELIHOODS[name]


def single(raw: Raw) -> Item:
    """Return a raw output that is a single tensor.

    Raises:
        TypeError: raw is a pair, as only the Gaussian likelihood uses.
    """
    if not isinstance(raw, Tensor):
        raise TypeError("this likelihood takes one tensor from the decoder, not a (mean, logvar) pair")
    return raw
