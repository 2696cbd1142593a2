"""Takes an image and gives it back flat; the second head is the log of the standard deviation."""

import torch
import torch.nn.functional as F
from torch import nn

DIFFERS = "image in, flat out; (recon, z, mu, log_std); a model built at import"

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


class VAE(nn.Module):
    def __init__(self, latent_size, input_size, hidden_size):
        super(VAE, self).__init__()
        self.input_size = input_size
        self.fc_in = nn.Linear(input_size, hidden_size)
        self.fc_mu = nn.Linear(hidden_size, latent_size)
        self.fc_log_std = nn.Linear(hidden_size, latent_size)
        self.fc_z = nn.Linear(latent_size, hidden_size)
        self.fc_out = nn.Linear(hidden_size, input_size)

    def encode(self, x):
        h = torch.tanh(self.fc_in(x))
        return self.fc_mu(h), self.fc_log_std(h)

    def reparametrise(self, mu, log_std):
        std = log_std.exp()
        return mu + torch.randn_like(std) * std

    def decode(self, z):
        return self.fc_out(torch.tanh(self.fc_z(z))).sigmoid()

    def forward(self, x):
        x = x.view(-1, self.input_size)
        mu, log_std = self.encode(x)
        z = self.reparametrise(mu, log_std)
        return self.decode(z), z, mu, log_std


def loss_fn(x, x_hat, mu, log_std, beta=1.0):
    rec = F.binary_cross_entropy(x_hat, x.view(x_hat.shape), reduction="sum") / len(x)
    kld = 0.5 * (mu**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(dim=1).mean()
    return rec + beta * kld


model = VAE(12, 784, 64).to(device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

if __name__ == "__main__":
    model.train()
    for _ in range(10):
        batch = torch.rand(32, 1, 28, 28, device=device)
        recon, _, mu, log_std = model(batch)
        loss = loss_fn(batch, recon, mu, log_std)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
