"""The encoder subsamples by a stride without a kernel to look around with: three pixels of four are never read."""

import math

from _sound import VAE as SoundVAE
from torch import nn

MISTAKE = "encoder-sees-part"
KILLERS = ("NET-08",)


class VAE(SoundVAE):
    def __init__(self, hidden_dim=64, latent_dim=8):
        super().__init__((1, 28, 28), hidden_dim, latent_dim)
        self.encoder = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=1, stride=2), nn.Flatten(), nn.Linear(math.prod((8, 14, 14)), hidden_dim), nn.ReLU()
        )
