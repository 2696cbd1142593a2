"""The two-dimensional VAE of VAE Basics 6.6.3, and its lab from the seed to the generated points.

All random numbers of the lab come from one stream, in this order: the points, the initial weights, the noise of each
epoch, the latents of the generated points. This order, and that of the layers, reproduces every figure of the lab.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

Points = Float[Tensor, "batch 2"]
Scalar = Float[Tensor, ""]
Curve = Float64[np.ndarray, " epochs"]


class TinyVAE(nn.Module):
    """A VAE with layers of 2-16-2-16-2 units, ReLU in the encoder, and a linear output: points lie anywhere in the plane.

    The decoder's activation is nn.ReLU or nn.Tanh (the lab's fourth exercise).
    """

    input_shape = (2,)
    latent_dim = 2

    def __init__(self, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 16), nn.ReLU())
        self.mu = nn.Linear(16, 2)
        self.logvar = nn.Linear(16, 2)
        self.decoder = nn.Sequential(nn.Linear(2, 16), activation(), nn.Linear(16, 2))

    def encode(self, x: Points) -> tuple[Points, Points]:
        """Return the parameters of q(z | x): mu and logvar, each of shape (batch, 2)."""
        h = self.encoder(x)
        return self.mu(h), self.logvar(h)

    def reparameterize(self, mu: Points, logvar: Points) -> Points:
        """Draw z ~ N(mu, diag(exp(logvar))), differentiably."""
        eps = torch.randn_like(mu)
        # z = mu + sigma * eps, with sigma = exp(logvar / 2) and eps ~ N(0, I)
        return mu + eps * torch.exp(0.5 * logvar)

    def decode(self, z: Points) -> Points:
        """Return the mean of p(x | z), of shape (batch, 2)."""
        x_hat: Tensor = self.decoder(z)
        return x_hat

    def forward(self, x: Points) -> tuple[Points, Points, Points]:
        """Return x_hat, mu and logvar; x_hat is decoded from one draw of z."""
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(
        self, x_hat: Points, x: Points, mu: Points, logvar: Points, beta: float = 1.0
    ) -> tuple[Scalar, Scalar, Scalar]:
        """Return the loss to minimise and its two terms: (total, reconstruction, kl), averaged over the batch and dimensions.

        In two dimensions the mean squared error happens to be half an item's squared error: its negative log-likelihood
        under unit variance. The mean over two latent dimensions is half an item's KL. So, relative to the ELBO, beta = 1
        weighs the KL by 1/2, and the lab's 0.05 by 0.025.
        """
        # reconstruction = mean over items and coordinates of (x_hat - x)^2
        reconstruction = (x_hat - x).square().mean()
        # kl = mean over items and dimensions of -1/2 [1 + log sigma^2 - mu^2 - sigma^2]
        kl = -0.5 * (1 + logvar - mu.square() - logvar.exp()).mean()
        return reconstruction + beta * kl, reconstruction, kl

    def sample(self, n: int) -> Points:
        """Decode n draws of z from the prior N(0, I) into points of shape (n, 2), without gradients."""
        with torch.no_grad():
            return self.decode(torch.randn(n, 2, device=self.mu.weight.device, dtype=self.mu.weight.dtype))


def clusters() -> Float[Tensor, "256 2"]:
    """Draw the lab's data from the global generator: 128 points around (1, 0), then 128 around (-1, 0); std 0.15."""
    right = 0.15 * torch.randn(128, 2) + torch.tensor([1.0, 0.0])
    left = 0.15 * torch.randn(128, 2) + torch.tensor([-1.0, 0.0])
    return torch.cat([right, left])


@dataclass(frozen=True)
class LabRun:
    """The result of one run of the lab.

    Attributes:
        data: the 256 training points.
        reconstruction, kl, loss: one entry per epoch, taken before that epoch's update.
        model: the trained model.
        generated: the points decoded from the final draws of z ~ N(0, I).
    """

    data: Float[Tensor, "256 2"]
    reconstruction: Curve
    kl: Curve
    loss: Curve
    model: TinyVAE
    generated: Float[Tensor, "samples 2"]


def train_lab(seed: int = 4, kl_weight: float = 0.05, epochs: int = 200, *, learning_rate: float = 0.02,
              samples: int = 5, activation: type[nn.Module] = nn.ReLU) -> LabRun:
    """Run the lab: full-batch Adam on `clusters()`, seeded once; the caller's random state is preserved.

    Args:
        seed: seed of the single random stream; 4 is the document's.
        kl_weight: beta in the loss; 0 and 0.5 are the first two exercises.
        epochs: number of updates, each on all points.
        learning_rate: Adam's learning rate.
        samples: number of points to generate at the end.
        activation: activation of the decoder.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        data = clusters()
        model = TinyVAE(activation)
        optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
        terms = np.empty((epochs, 3))
        for epoch in range(epochs):
            x_hat, mu, logvar = model(data)
            loss, reconstruction, kl = model.loss(x_hat, data, mu, logvar, beta=kl_weight)
            terms[epoch] = loss.item(), reconstruction.item(), kl.item()
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
        generated = model.sample(samples)
    return LabRun(data, reconstruction=terms[:, 1], kl=terms[:, 2], loss=terms[:, 0], model=model, generated=generated)
