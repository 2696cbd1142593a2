"""Files for tests of targets: the samples' folder, a VAE with any constructor, and helpers that load it or expect an error."""

from pathlib import Path

import pytest
from named import named_target

from vae_conformance.errors import Unbound

TARGETS = Path(__file__).parent.parent / "targets"

VAE = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
        self.given = {{key: value for key, value in locals().items() if key not in ("self", "__class__")}}

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def forward(self, x):
        return x, x, x
"""


def write(folder: Path, source: str, name: str = "student.py") -> str:
    path = folder / name
    path.write_text(source)
    return str(path)


def unbound(text: str, **options: object) -> Unbound:
    with pytest.raises(Unbound) as caught:
        named_target(text, **options)
    return caught.value


def given(folder: Path, parameters: str, **options: object) -> dict[str, object]:
    return named_target(write(folder, VAE.format(parameters=parameters)), **options).make().given
