"""The means' layer is initialised with a standard deviation of 2; for its 64 inputs PyTorch's is 0.07.

The first means lie far out: the KL starts above what it ends at, and the first steps undo the initialisation.
"""

from _sound import VAE as SoundVAE
from torch import nn

MISTAKE = "weight-scale"
KILLERS = ("TRN-02",)


class VAE(SoundVAE):
    def __init__(self):
        super().__init__()
        nn.init.normal_(self.mu_head.weight, std=2.0)
