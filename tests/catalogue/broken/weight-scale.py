"""Each layer multiplies its weights by an eighth in forward, and starts from weights eight times as large to make up for it.

The function is that of any other layer, and each step of Adam moves it an eighth as far: the loss falls evenly to the last step.
"""

from _sound import VAE as SoundVAE
from torch import nn
from torch.nn import functional as F

MISTAKE = "weight-scale"
KILLERS = ("TRN-01",)


class Scaled(nn.Linear):
    scale = 0.125

    def reset_parameters(self):
        super().reset_parameters()
        self.weight.data /= self.scale
        self.bias.data /= self.scale

    def forward(self, x):
        return F.linear(x, self.scale * self.weight, self.scale * self.bias)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), Scaled(784, 64), nn.ReLU())
        self.mu_head = Scaled(64, 8)
        self.logvar_head = Scaled(64, 8)
        self.decoder = nn.Sequential(Scaled(8, 64), nn.ReLU(), Scaled(64, 784), nn.Sigmoid())
