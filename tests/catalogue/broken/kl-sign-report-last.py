"""The loss gives (reconstruction, -kl, total): the KL that is logged has the wrong sign.

The training is right; the log shows a KL of minus twenty.
"""

import torch
from torch import nn

MISTAKE = "kl-sign"
KILLERS = ("OBJ-01",)
SOUND = "no-forward"


class Sampling(nn.Module):
    def forward(self, inputs):
        mean, log_var = inputs
        return mean + torch.exp(log_var / 2) * torch.randn_like(mean)


class VAE(nn.Module):
    def __init__(self, hidden_dims=[64], latent_dim=8):
        super().__init__()
        print("building a VAE with", latent_dim, "latent dimensions")
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, hidden_dims[0]), nn.ReLU())
        self.to_mean = nn.Linear(hidden_dims[0], latent_dim)
        self.to_log_var = nn.Linear(hidden_dims[0], latent_dim)
        self.sampling = Sampling()
        self.decoder = nn.Sequential(nn.Linear(latent_dim, hidden_dims[0]), nn.ReLU(), nn.Linear(hidden_dims[0], 784), nn.Sigmoid())

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mean(h), self.to_log_var(h)

    def decode(self, z):
        return self.decoder(z).view(-1, 1, 28, 28)


def loss_function(x_recon, x, mean, log_var):
    bce = nn.functional.binary_cross_entropy(x_recon, x, reduction="sum") / x.size(0)
    kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp()) / x.size(0)
    return bce, -kl, bce + kl


def train_step(model, x, optimizer):
    mean, log_var = model.encode(x)
    x_recon = model.decode(model.sampling((mean, log_var)))
    loss = loss_function(x_recon, x, mean, log_var)[2]
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
