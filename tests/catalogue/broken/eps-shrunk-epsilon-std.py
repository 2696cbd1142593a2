"""A constant epsilon_std = 0.1, carried over from an old tutorial, scales the noise of a script.

Reconstructions are sharp; images from the prior show two digits at once.
"""

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "eps-shrunk"
KILLERS = ("REP-02", "KL-02")


epsilon_std = 0.1


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()

        self.fc1 = nn.Linear(784, 64)
        self.fc21 = nn.Linear(64, 8)
        self.fc22 = nn.Linear(64, 8)
        self.fc3 = nn.Linear(8, 64)
        self.fc4 = nn.Linear(64, 784)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def sampling(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.zeros_like(std).normal_(0, epsilon_std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        z = self.sampling(mu, logvar)
        return self.decode(z), mu, logvar


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD
