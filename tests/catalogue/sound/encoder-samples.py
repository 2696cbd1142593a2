"""The encoder draws by a method of its own, which is handed a standard deviation; the loop adds a criterion object and a lambda."""

import torch
from torch import nn

DIFFERS = "the sampling step is the encoder's; its loss is a criterion object and a lambda, added in train()"

criterion = nn.BCELoss(reduction="sum")
kl_term = lambda mean, log_var: -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())  # noqa: E731


class Encoder(nn.Module):
    def __init__(self, input_dim, hidden_dim, latent_dim):
        super().__init__()
        self.hidden = nn.Linear(input_dim, hidden_dim)
        self.mean = nn.Linear(hidden_dim, latent_dim)
        self.log_var = nn.Linear(hidden_dim, latent_dim)

    def forward(self, x):
        h = torch.relu(self.hidden(x))
        mean, log_var = self.mean(h), self.log_var(h)
        return self.reparameterization(mean, torch.exp(0.5 * log_var)), mean, log_var

    def reparameterization(self, mean, std):
        return mean + std * torch.randn_like(std)


class Decoder(nn.Module):
    def __init__(self, latent_dim, hidden_dim, output_dim):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(latent_dim, hidden_dim), nn.ReLU(), nn.Linear(hidden_dim, output_dim), nn.Sigmoid())

    def forward(self, z):
        return self.layers(z)


class VAE(nn.Module):
    def __init__(self, input_dim=784, hidden_dim=64, latent_dim=8):
        super().__init__()
        self.encoder = Encoder(input_dim, hidden_dim, latent_dim)
        self.decoder = Decoder(latent_dim, hidden_dim, input_dim)

    def forward(self, x):
        z, mean, log_var = self.encoder(x)
        return self.decoder(z), mean, log_var


def train(model, loader, optimizer):
    for x, _ in loader:
        x_hat, mean, log_var = model(x)
        loss = criterion(x_hat, x) + kl_term(mean, log_var)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
