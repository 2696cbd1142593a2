"""A library's model exponentiates the log-variance and takes the result for the standard deviation.

The dict of losses shows nothing unusual.
"""

from abc import abstractmethod

import torch
from torch import nn
from torch.nn import functional as F

MISTAKE = "std-no-half"
KILLERS = ("KL-02",)
SOUND = "list-with-input"


class BaseVAE(nn.Module):
    def encode(self, input):
        raise NotImplementedError

    def decode(self, input):
        raise NotImplementedError

    def sample(self, num_samples, current_device, **kwargs):
        raise NotImplementedError

    def generate(self, x, **kwargs):
        raise NotImplementedError

    @abstractmethod
    def forward(self, *inputs):
        pass

    @abstractmethod
    def loss_function(self, *inputs, **kwargs):
        pass


class VanillaVAE(BaseVAE):
    def __init__(self, latent_dim, in_channels=3, hidden_dims=None, **kwargs):
        super().__init__()
        self.latent_dim = latent_dim
        hidden_dims = list(hidden_dims or [8, 16])
        self.top = hidden_dims[-1]
        layers, channels = [], in_channels
        for width in hidden_dims:
            layers.append(nn.Sequential(nn.Conv2d(channels, width, kernel_size=4, stride=4), nn.BatchNorm2d(width), nn.LeakyReLU()))
            channels = width
        self.encoder = nn.Sequential(*layers)
        self.fc_mu = nn.Linear(self.top * 4, latent_dim)
        self.fc_var = nn.Linear(self.top * 4, latent_dim)
        self.decoder_input = nn.Linear(latent_dim, self.top * 4)
        self.decoder = nn.Sequential(
            nn.ConvTranspose2d(self.top, hidden_dims[0], kernel_size=4, stride=4), nn.BatchNorm2d(hidden_dims[0]), nn.LeakyReLU()
        )
        self.final_layer = nn.Sequential(nn.ConvTranspose2d(hidden_dims[0], in_channels, kernel_size=4, stride=4), nn.Tanh())

    def encode(self, input):
        result = torch.flatten(self.encoder(input), start_dim=1)
        return [self.fc_mu(result), self.fc_var(result)]

    def decode(self, z):
        result = self.decoder_input(z).view(-1, self.top, 2, 2)
        return self.final_layer(self.decoder(result))

    def reparameterize(self, mu, logvar):
        std = torch.exp(logvar)
        eps = torch.randn_like(std)
        return eps * std + mu

    def forward(self, input, **kwargs):
        mu, log_var = self.encode(input)
        z = self.reparameterize(mu, log_var)
        return [self.decode(z), input, mu, log_var]

    def loss_function(self, *args, **kwargs):
        recons, input, mu, log_var = args[0], args[1], args[2], args[3]
        kld_weight = kwargs["M_N"]
        recons_loss = 0.5 * F.mse_loss(recons, input, reduction="sum") / input.size(0)
        kld_loss = torch.mean(-0.5 * torch.sum(1 + log_var - mu**2 - log_var.exp(), dim=1), dim=0)
        loss = recons_loss + kld_weight * kld_loss
        return {"loss": loss, "Reconstruction_Loss": recons_loss.detach(), "KLD": kld_loss.detach()}

    def sample(self, num_samples, current_device, **kwargs):
        z = torch.randn(num_samples, self.latent_dim).to(current_device)
        return self.decode(z)

    def generate(self, x, **kwargs):
        return self.forward(x)[0]
