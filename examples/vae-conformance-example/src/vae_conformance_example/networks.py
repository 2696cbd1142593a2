"""Two networks that are trained side by side: no class holds them, and nothing has a name that anybody could guess."""

import torch
import torch.nn.functional as F
from torch import nn

PIXELS, CODE = 64, 8


def recogniser() -> nn.Module:
    """From an image of 1 x 8 x 8 to mean and log of the standard deviation, side by side."""
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 64), nn.SiLU(), nn.Linear(64, 2 * CODE))


def painter() -> nn.Module:
    """From a code to the logits of an image."""
    return nn.Sequential(nn.Linear(CODE, 64), nn.SiLU(), nn.Linear(64, PIXELS), nn.Unflatten(1, (1, 8, 8)))


def jitter(mean: torch.Tensor, log_deviation: torch.Tensor) -> torch.Tensor:
    """A draw from q(z | x)."""
    return torch.distributions.Normal(mean, log_deviation.exp()).rsample()


def cost(logits: torch.Tensor, image: torch.Tensor, mean: torch.Tensor, log_deviation: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Reconstruction and KL, nats an item."""
    bits = F.binary_cross_entropy_with_logits(logits, image, reduction="none").flatten(1).sum(1).mean()
    return bits, (0.5 * (mean**2 + (2 * log_deviation).exp() - 1) - log_deviation).sum(1).mean()
