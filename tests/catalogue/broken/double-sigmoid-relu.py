"""A ReLU stands before the decoder's sigmoid, so that every pixel is at least 0.5.

The background of every image is grey.
"""

from _sound import VAE as SoundVAE
from torch import nn

MISTAKE = "double-sigmoid"
KILLERS = ("NET-02", "REC-01")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(
            nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 784), nn.ReLU(), nn.Sigmoid()
        )
