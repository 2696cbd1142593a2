"""forward gives z last, and the training loop, which moves its model, records each item's z beside its label."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "the loop reads single items of z, as many as the batch has"


class VAE(nn.Module):
    def __init__(self, sizes=(784, 256), code=2):
        super().__init__()
        self.hidden = nn.Linear(*sizes)
        self.means, self.log_vars = nn.Linear(sizes[1], code), nn.Linear(sizes[1], code)
        self.decoder = nn.Sequential(nn.Linear(code, sizes[1]), nn.ReLU(), nn.Linear(sizes[1], sizes[0]), nn.Sigmoid())

    def forward(self, x):
        h = torch.relu(self.hidden(x.view(-1, 784)))
        means, log_var = self.means(h), self.log_vars(h)
        z = means + torch.exp(0.5 * log_var) * torch.randn_like(means)
        return self.decoder(z), means, log_var, z


def train(loader, epochs=10, device="cpu"):
    def loss_fn(recon_x, x, mean, log_var):
        bce = F.binary_cross_entropy(recon_x.view(-1, 784), x.view(-1, 784), reduction="sum")
        return (bce - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())) / x.size(0)

    vae = VAE().to(device)
    optimizer = torch.optim.Adam(vae.parameters(), lr=0.001)
    for _ in range(epochs):
        seen = []
        for batch in loader:
            x, y = batch[0].to(device), batch[1].to(device)
            recon_x, mean, log_var, z = vae(x)
            for i, label in enumerate(y):
                seen.append((z[i, 0].item(), z[i, 1].item(), label.item()))
            loss = loss_fn(recon_x, x, mean, log_var)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
