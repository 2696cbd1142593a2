"""Batch normalisation keeps no running statistics, so eval mode normalises with the batch's own.

An image's code depends on the images beside it, and one image alone has no code of its own.
"""

from _sound import VAE as SoundVAE
from torch import nn

MISTAKE = "batch-coupled-encoder"
KILLERS = ("NET-01",)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 64), nn.BatchNorm1d(64, track_running_stats=False), nn.ReLU()
        )
