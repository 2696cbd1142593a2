"""A module of Lightning, which need not be installed: hyperparameters by save_hyperparameters, the loss in training_step."""

import pytorch_lightning as pl
import torch
from torch import nn
from torch.nn import functional as F

DIFFERS = "its base class may be missing; the loss is computed in training_step"


class DigitsVAE(pl.LightningModule):
    def __init__(self, pixels=784, width=200, code=10, lr=1e-3, kl_coefficient=1.0):
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, self.hparams.width), nn.ReLU())
        self.to_mu, self.to_logvar = nn.Linear(width, code), nn.Linear(width, code)
        self.decoder = nn.Sequential(nn.Linear(code, width), nn.ReLU(), nn.Linear(width, pixels), nn.Sigmoid())

    def encode(self, x):
        h = self.encoder(x)
        return self.to_mu(h), self.to_logvar(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        noise = torch.randn(mu.shape, device=self.device)
        return self.decoder(mu + torch.exp(0.5 * logvar) * noise), mu, logvar

    def elbo_terms(self, x):
        x_hat, mu, logvar = self(x)
        error = F.binary_cross_entropy(x_hat, x.flatten(1), reduction="none").sum(1)
        kl = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp(), dim=1)
        return error.mean(), kl.mean()

    def training_step(self, batch, batch_idx):
        images, _ = batch
        error, kl = self.elbo_terms(images)
        loss = error + self.hparams.kl_coefficient * kl
        self.log_dict({"loss": loss, "kl": kl}, prog_bar=True)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.hparams.lr)


def main():
    from torchvision.datasets import MNIST
    from torchvision.transforms import ToTensor

    digits = MNIST(".", download=True, transform=ToTensor())
    pl.Trainer(max_epochs=5).fit(DigitsVAE(), torch.utils.data.DataLoader(digits, batch_size=128, shuffle=True))


if __name__ == "__main__":
    main()
