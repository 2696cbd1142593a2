"""In a trainer's style: training_step(batch, index) gives the loss, and configure_optimizers stands beside it."""

import torch
import torch.nn as nn
import torch.nn.functional as F

DIFFERS = "forward gives the reconstruction and the code; training_step holds the loss"


class LitVAE(nn.Module):
    def __init__(self, enc_out_dim=64, latent_dim=8, input_height=28, lr=1e-3):
        super().__init__()
        self.lr = lr
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(input_height**2, enc_out_dim), nn.ReLU())
        self.fc_mu = nn.Linear(enc_out_dim, latent_dim)
        self.fc_var = nn.Linear(enc_out_dim, latent_dim)
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, enc_out_dim),
            nn.ReLU(),
            nn.Linear(enc_out_dim, input_height**2),
            nn.Sigmoid(),
            nn.Unflatten(1, (1, input_height, input_height)),
        )

    def encode(self, x):
        h = self.encoder(x)
        return self.fc_mu(h), self.fc_var(h)

    def sampling(self, mu, log_var):
        std = torch.exp(log_var / 2)
        return torch.distributions.Normal(mu, std).rsample()

    def decode(self, z):
        return self.decoder(z)

    def forward(self, x):
        mu, log_var = self.encode(x)
        z = self.sampling(mu, log_var)
        return self.decode(z), z

    def training_step(self, batch, batch_idx):
        x, _ = batch
        mu, log_var = self.encode(x)
        x_hat = self.decode(self.sampling(mu, log_var))
        recon = F.binary_cross_entropy(x_hat, x, reduction="sum") / x.size(0)
        kl = -0.5 * torch.sum(1 + log_var - mu.pow(2) - log_var.exp()) / x.size(0)
        return recon + kl

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)
