"""One forward holds everything, and the deviation is computed from detached numbers, in a method whose name says nothing.

The mean learns, the spread follows the KL alone.
"""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "no-encoder-gradient"
KILLERS = ("REP-04", "REP-05")
SOUND = "all-inline"


class VAE(nn.Module):
    def __init__(self, n_latent=8):
        super().__init__()
        self.l1 = nn.Linear(784, 64)
        self.l21 = nn.Linear(64, n_latent)
        self.l22 = nn.Linear(64, n_latent)
        self.l3 = nn.Linear(n_latent, 64)
        self.l4 = nn.Linear(64, 784)

    def scatter(self, mean, log_var):
        width = torch.exp(log_var.detach() / 2)
        return mean + width * torch.randn_like(width)

    def forward(self, x):
        h = F.relu(self.l1(x))
        mean, log_var = self.l21(h), self.l22(h)
        code = self.scatter(mean, log_var)
        return torch.sigmoid(self.l4(F.relu(self.l3(code)))), mean, log_var


def train(model, loader, optimizer, accelerator, epochs=20, warm_up=5):
    for epoch in range(epochs):
        kl_weight = min(1.0, (epoch + 1) / warm_up)
        for batch, _labels in loader:
            images = batch.view(batch.size(0), -1)
            output, mean, log_var = model(images)
            reconstruction = F.binary_cross_entropy(output, images, reduction="sum") / len(images)
            kl = -0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp()) / len(images)
            loss = reconstruction + kl_weight * kl
            optimizer.zero_grad()
            accelerator.backward(loss)
            optimizer.step()
