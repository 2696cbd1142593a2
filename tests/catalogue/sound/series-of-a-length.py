"""A decoder of series that is passed their length beside the code."""

import torch
from torch import nn

DIFFERS = "decode takes a number beside z"


class SeriesVAE(nn.Module):
    def __init__(self, input_size=3, hidden=24, latent_dim=5, seq_len=16):
        super().__init__()
        self.seq_len = seq_len
        self.reader = nn.GRU(input_size, hidden, batch_first=True)
        self.heads = nn.Linear(hidden, 2 * latent_dim)
        self.first = nn.Linear(latent_dim, hidden)
        self.writer = nn.GRU(1, hidden, batch_first=True)
        self.values = nn.Linear(hidden, input_size)

    def encode(self, x):
        return self.heads(self.reader(x)[1][-1]).chunk(2, dim=1)

    def reparameterize(self, mu, logvar):
        return mu + torch.randn_like(mu) * (logvar / 2).exp()

    def decode(self, z, steps):
        clock = torch.linspace(0, 1, steps).reshape(1, -1, 1).expand(len(z), -1, -1)
        return self.values(self.writer(clock, self.first(z).tanh().unsqueeze(0))[0])

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar), x.size(1)), mu, logvar


def loss_function(x_hat, x, mu, logvar):
    error = 0.5 * (x_hat - x).square().sum((1, 2))
    return (error + 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)).mean()
