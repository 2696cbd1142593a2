"""A VAE with a strong decoder: each pixel is predicted from z and from all pixels before it, in raster order.

Deep Learning Notes 13.4.7 warn of such decoders: one that can predict a pixel from its neighbours needs no z, and the posterior collapses.
"""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from vae_reference.likelihoods import Item, Raw
from vae_reference.mlp import VAE, Latent

Mask = Bool[Tensor, "outputs inputs"]


class MaskedLinear(nn.Linear):
    """A linear layer restricted to the connections of a mask of shape (outputs, inputs)."""

    mask: Tensor

    def __init__(self, mask: Mask) -> None:
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask)

    def forward(self, x: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch outputs"]:
        """Compute (weight * mask) x + bias."""
        return F.linear(x, self.weight * self.mask, self.bias)


class AutoregressiveVAE(VAE):
    """p(x | z) = prod_i p(x_i | x_1, ..., x_{i-1}, z): the decoder of `VAE`, plus one hidden layer of masked units that see earlier pixels.

    The masks are those of Germain et al. (2015), "MADE: masked autoencoder for distribution estimation", section 4. The collapse is that of
    Bowman et al. (2016), "Generating sentences from a continuous space", section 3, and of Chen et al. (2017), "Variational lossy
    autoencoder", section 2; it shows on 8 x 8 digits within seconds.

    In training the earlier pixels come from x itself (teacher forcing): forward uses `decode_given(z, x)`, so that, unlike in other VAEs, x
    reaches x_hat not only through z. `decode(z)` has no x and generates one pixel by pixel.

    Args:
        input_shape, hidden_dim, latent_dim, likelihood: those of `VAE`.
        units: number of hidden units that see earlier pixels.
        input_dropout: share of pixels hidden from the decoder in training, which makes a weaker decoder that needs z (word dropout in
            Bowman et al. 2016, section 3).
    """

    # forward is not decode(z): its decoder also sees the pixels before each.
    conformance_options: ClassVar[Mapping[str, object]] = {"decoder": "autoregressive"}

    def __init__(
        self,
        input_shape: tuple[int, ...] = (1, 8, 8),
        hidden_dim: int = 256,
        latent_dim: int = 16,
        likelihood: str = "bernoulli",
        *,
        units: int = 256,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__(input_shape, hidden_dim, latent_dim, likelihood)
        pixels, outputs = math.prod(self.input_shape), self.likelihood.outputs
        self.input_dropout = nn.Dropout(input_dropout)
        # Unit k sees the first seen[k] pixels, from none to all but the last; pixel i receives units that see only pixels before it.
        seen = torch.arange(units).unsqueeze(1) * pixels // units
        pixel = torch.arange(pixels)
        self.before = MaskedLinear(pixel < seen)
        self.code = nn.Linear(latent_dim, units, bias=False)
        self.after = MaskedLinear((pixel.unsqueeze(1) >= seen.T).repeat(outputs, 1))

    def decode_given(self, z: Latent, x: Item) -> Raw:
        """Return the parameters of p(x_i | x_1, ..., x_{i-1}, z) for all pixels at once, each of shape (batch, *input_shape)."""
        hidden = torch.relu(self.before(x.flatten(1)) + self.code(z))
        from_code: Tensor = self.decoder(z)
        return self.likelihood.parameters(from_code + self.after(hidden).view_as(from_code))

    def forward(self, x: Item) -> tuple[Raw, Latent, Latent]:
        """Return x_hat, mu and logvar; x_hat is decoded from one draw of z and the earlier pixels, some of them hidden in training."""
        mu, logvar = self.encode(x)
        return self.decode_given(self.reparameterize(mu, logvar), self.input_dropout(x)), mu, logvar

    def decode(self, z: Latent) -> Raw:
        """Return the parameters of each pixel's distribution, given that earlier pixels are at their means; one pass per pixel.

        This is not E[x | z], which no pass gives, but it is determined by z, and gradients flow through it.
        """
        raw, _ = self._pixel_by_pixel(z, draw=False)
        return raw

    def sample(self, n: int) -> Item:
        """Generate items of shape (n, *input_shape) from z ~ N(0, I), drawing each pixel given those before it; without gradients.

        Pixels are drawn, not set to their means: they decide everything that z does not, which after a collapse is all of it.
        """
        with torch.no_grad():
            z = torch.randn(n, self.latent_dim, device=self.mu.weight.device, dtype=self.mu.weight.dtype)
            _, x = self._pixel_by_pixel(z, draw=True)
            return x

    def _pixel_by_pixel(self, z: Latent, *, draw: bool) -> tuple[Raw, Item]:
        x = z.new_zeros(len(z), *self.input_shape)
        raw: Raw = x
        for pixel in torch.eye(math.prod(self.input_shape), dtype=torch.bool, device=z.device):
            raw = self.decode_given(z, x)
            filled = self.likelihood.draw(raw) if draw else self.likelihood.mean(raw)
            # Not in place: the gradient needs the previous values.
            x = torch.where(pixel.view(self.input_shape), filled, x)
        return raw, x
