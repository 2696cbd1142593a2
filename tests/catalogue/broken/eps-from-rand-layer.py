"""A Sampling layer draws its noise with torch.rand.

It trains, and decoded normal codes look worse than reconstructions.
"""

import torch
from torch import nn

MISTAKE = "eps-from-rand"
KILLERS = ("REP-02", "KL-02")
SOUND = "reconstruction-and-kl"


class Sampling(nn.Module):
    def forward(self, z_mean, z_log_var):
        epsilon = torch.rand(z_mean.shape, device=z_mean.device)
        return z_mean + torch.exp(0.5 * z_log_var) * epsilon


class VAE(nn.Module):
    def __init__(self, original_dim=784, intermediate_dim=64, latent_dim=8):
        super().__init__()
        self.dense = nn.Linear(original_dim, intermediate_dim)
        self.z_mean = nn.Linear(intermediate_dim, latent_dim)
        self.z_log_var = nn.Linear(intermediate_dim, latent_dim)
        self.sampling = Sampling()
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, intermediate_dim), nn.ReLU(), nn.Linear(intermediate_dim, original_dim), nn.Sigmoid()
        )

    def encoder(self, x):
        h = torch.relu(self.dense(x))
        return self.z_mean(h), self.z_log_var(h)

    def forward(self, x):
        z_mean, z_log_var = self.encoder(x.flatten(1))
        reconstruction = self.decoder(self.sampling(z_mean, z_log_var)).view_as(x)
        kl = -0.5 * torch.sum(1 + z_log_var - z_mean.square() - z_log_var.exp(), dim=1)
        return reconstruction, kl.mean()
