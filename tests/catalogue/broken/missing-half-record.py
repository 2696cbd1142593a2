"""A loss of an output record has a KL without its one half, in one value for each item.

It reads like any other loss.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MISTAKE = "missing-half"
KILLERS = ("KL-02", "KL-03", "OBJ-02")
SOUND = "output-record"


@dataclass
class VAEConfig:
    input_dim: int = 784
    hidden_dim: int = 64
    latent_dim: int = 8


@dataclass
class VAEOutput:
    reconstruction: Tensor
    mean: Tensor
    log_variance: Tensor
    latent: Tensor


class VAEModel(nn.Module):
    def __init__(self, config: VAEConfig):
        super().__init__()
        self.config = config
        self.embed = nn.Linear(config.input_dim, config.hidden_dim)
        self.mean = nn.Linear(config.hidden_dim, config.latent_dim)
        self.log_variance = nn.Linear(config.hidden_dim, config.latent_dim)
        self.unembed = nn.Sequential(
            nn.Linear(config.latent_dim, config.hidden_dim), nn.GELU(), nn.Linear(config.hidden_dim, config.input_dim)
        )

    def _sample(self, mean, log_variance):
        return mean + torch.randn_like(mean) * log_variance.mul(0.5).exp()

    def decode(self, z):
        return self.unembed(z).sigmoid()

    def forward(self, x: Tensor) -> VAEOutput:
        h = F.gelu(self.embed(x.flatten(1)))
        mean, log_variance = self.mean(h), self.log_variance(h)
        latent = self._sample(mean, log_variance)
        return VAEOutput(self.decode(latent).view_as(x), mean, log_variance, latent)

    def loss_function(self, x: Tensor, output: VAEOutput) -> Tensor:
        nll = F.binary_cross_entropy(output.reconstruction, x, reduction="none").flatten(1).sum(1)
        kl = (output.mean**2 + output.log_variance.exp() - 1 - output.log_variance).sum(1)
        return nll + kl
