"""Forward gives (loss, reconstruction loss, KL, reconstruction), so that the training loop is two lines."""

import torch
from torch import nn

DIFFERS = "forward gives (loss, rec, kl, recon); bottleneck(h) gives (z, mu, logvar); argparse settings"


class VAE(nn.Module):
    def __init__(self, args):
        super().__init__()
        self.args = args
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(args.input_dim, args.hidden_dim), nn.ReLU())
        self.fc1 = nn.Linear(args.hidden_dim, args.latent_dim)
        self.fc2 = nn.Linear(args.hidden_dim, args.latent_dim)
        self.fc3 = nn.Linear(args.latent_dim, args.hidden_dim)
        self.decoder = nn.Sequential(nn.ReLU(), nn.Linear(args.hidden_dim, args.input_dim), nn.Sigmoid(), nn.Unflatten(1, (1, 28, 28)))
        self.bce = nn.BCELoss(reduction="sum")

    def reparameterize(self, mu, logvar):
        std = logvar.mul(0.5).exp_()
        eps = torch.randn(*mu.size()).to(mu)
        return mu + std * eps

    def bottleneck(self, h):
        mu, logvar = self.fc1(h), self.fc2(h)
        z = self.reparameterize(mu, logvar)
        return z, mu, logvar

    def encode(self, x):
        return self.bottleneck(self.encoder(x))

    def decode(self, z):
        return self.decoder(self.fc3(z))

    def forward(self, x):
        z, mu, logvar = self.encode(x)
        recon = self.decode(z)
        rec = self.bce(recon, x) / x.size(0)
        kl = 0.5 * torch.sum(mu**2 + logvar.exp() - 1 - logvar) / x.size(0)
        return rec + kl, rec, kl, recon
