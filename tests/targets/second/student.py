from dataclasses import dataclass

import torch
from torch import nn

import _parts
from _parts import WHO


@dataclass
class Settings:
    latent_dim: int = 2


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.who = WHO
        self.encoder = nn.Linear(4, 4)
        self.decoder = nn.Linear(2, 4)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def forward(self, x):
        mu, logvar = self.encoder(x).chunk(2, dim=1)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar

    def who_later(self):
        import _late
        from _parts import WHO as again

        return _late.WHO, again
