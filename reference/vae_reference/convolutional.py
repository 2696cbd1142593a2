"""A convolutional VAE: strided convolutions and their transposes replace the perceptrons of `VAE`; nothing else changes.

Deep Learning Notes 13.4 train a perceptron; this model shows that their statements about curves, samples and latents do not depend on
that.
"""

import math
from itertools import pairwise

from torch import nn

from vae_reference.likelihoods import likelihood_named
from vae_reference.mlp import VAE


class ConvolutionalVAE(VAE):
    """A VAE in which each convolution halves the sides (rounding up) and each transposed convolution restores them.

    With the defaults: 1 x 28 x 28, 16 x 14 x 14, 32 x 7 x 7, then the two heads; and in reverse from z. Kernels of 3, stride 2, as
    in the encoder of Radford, Metz and Chintala (2016), "Unsupervised representation learning with deep convolutional GANs", section 3,
    which replaces pooling with strides.

    Args:
        input_shape: channels, height and width of one image; sides of any length, even or odd.
        filters: number of feature maps of each convolution, one entry per layer.
        latent_dim: dimensions of z.
        likelihood: "bernoulli" for data in [0, 1], "squared-error", or "gaussian" with a learned variance.

    Raises:
        ValueError: there is no such likelihood, no filters are named, or the input is not an image.
    """

    def __init__(
        self,
        input_shape: tuple[int, ...] = (1, 28, 28),
        filters: tuple[int, ...] = (16, 32),
        latent_dim: int = 16,
        likelihood: str = "bernoulli",
    ) -> None:
        # The constructor of VAE would build the perceptrons; its methods need only the four networks below.
        nn.Module.__init__(self)
        if len(input_shape) != 3:
            raise ValueError(f"input_shape is {tuple(input_shape)}; convolutions need (channels, height, width)")
        if not filters:
            raise ValueError("filters is empty; name the feature maps of at least one convolution, such as (16, 32)")
        self.input_shape = tuple(input_shape)
        self.latent_dim = latent_dim
        self.likelihood = likelihood_named(likelihood)
        channels, height, width = self.input_shape
        outputs = self.likelihood.outputs
        # A stride of 2 maps n rows to ceil(n / 2): these are the sides after each layer, the image's own first.
        sides = [(-(-height // 2**depth), -(-width // 2**depth)) for depth in range(len(filters) + 1)]
        features = (filters[-1], *sides[-1])

        down: list[nn.Module] = []
        for before, after in pairwise((channels, *filters)):
            down += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.mu = nn.Linear(math.prod(features), latent_dim)
        self.logvar = nn.Linear(math.prod(features), latent_dim)

        up: list[nn.Module] = [nn.Linear(latent_dim, math.prod(features)), nn.Unflatten(1, features)]
        for (before, after), (rows, columns) in zip(pairwise((*reversed(filters), outputs * channels)), reversed(sides[:-1]), strict=True):
            # n rows become 2 n - 1, plus one if the side to restore is even.
            even = (1 - rows % 2, 1 - columns % 2)
            up += [nn.ReLU(), nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=even)]
        self.decoder = nn.Sequential(*up, nn.Unflatten(1, (outputs, channels)))
