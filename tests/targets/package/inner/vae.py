from torch import nn

from .. import DEPTH
from package import DEPTH as again
from package.inner.layers import Layer


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.depth = DEPTH + again
        self.layer = Layer()

    def encode(self, x):
        return x, x

    def decode(self, z):
        return z
