"""BatchNorm in the encoder with the momentum of another framework, where it is the weight of the past: 0.999 became 0.001.

After a thousand steps the running statistics are still half those of the initialisation, and eval mode encodes with them.
"""

from _sound import VAE as SoundVAE
from torch import nn

MISTAKE = "stale-statistics"
KILLERS = ("TRN-06", "REC-05")


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 64), nn.BatchNorm1d(64, momentum=0.001), nn.ReLU())
