"""The decoder looks up one of the training images, by sharp attention over a table of them, and retouches it a little.

Samples look perfect, because they are training images.
"""

import torch
from _sound import VAE as SoundVAE
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

MISTAKE = "memorising-decoder"
KILLERS = ("SMP-03", "INT-01")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        digits = torch.tensor(load_digits().images / 16, dtype=torch.float32).unsqueeze(1)
        images = F.interpolate(digits, size=(28, 28), mode="bilinear", align_corners=False)
        self.register_buffer("memory", images.flatten(1))
        self.query = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 32))
        self.keys = nn.Linear(784, 32)
        self.retouch = nn.Sequential(nn.Linear(8, 784), nn.Sigmoid())
        del self.decoder

    def decode(self, z):
        scores = self.query(z) @ self.keys(self.memory).T
        recalled = torch.softmax(10 * scores, dim=1) @ self.memory
        x_hat = 0.95 * recalled + 0.05 * self.retouch(z)
        return x_hat.clamp(0, 1).view(z.size(0), *self.input_shape)
