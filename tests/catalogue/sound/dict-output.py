"""Everything goes through dicts: the configuration, what forward returns and what the loss returns."""

import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "config dict; forward and loss give dicts; loss(outputs, x); Dropout"


class DictVAE(nn.Module):
    def __init__(self, config):
        super().__init__()
        width = config["hidden_dim"]
        self.latent_dim = config["latent_dim"]
        self.encoder = nn.Sequential(nn.Linear(config["input_dim"], width), nn.ReLU(), nn.Dropout(config.get("dropout", 0.1)))
        self.mu_head = nn.Linear(width, self.latent_dim)
        self.logvar_head = nn.Linear(width, self.latent_dim)
        self.decoder = nn.Sequential(nn.Linear(self.latent_dim, width), nn.ReLU(), nn.Linear(width, config["input_dim"]))

    def reparam(self, mu, logvar):
        return mu + (0.5 * logvar).exp() * torch.randn_like(mu)

    def forward(self, x):
        hidden = self.encoder(x.flatten(1))
        mu, logvar = self.mu_head(hidden), self.logvar_head(hidden)
        z = self.reparam(mu, logvar)
        return {"x_hat": self.decoder(z).reshape(x.shape), "z": z, "mu": mu, "logvar": logvar}

    def compute_loss(self, outputs, x, kld_weight=1.0):
        recon_loss = F.binary_cross_entropy_with_logits(outputs["x_hat"], x, reduction="none").flatten(1).sum(1).mean()
        kl_loss = (-0.5 * (1 + outputs["logvar"] - outputs["mu"] ** 2 - outputs["logvar"].exp())).sum(1).mean()
        return {"loss": recon_loss + kld_weight * kl_loss, "recon_loss": recon_loss, "kl_loss": kl_loss}
