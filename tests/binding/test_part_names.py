"""Parts under their usual names: every spelling of the sampling step, wherever it stands, and which of several is taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from binding_samples import HOME, SPELLINGS, Layers, Native, bound, noisy
from bound_files import HEAD
from bound_files import bound as bound_file
from torch import Tensor, nn

from vae_spec.subject import Noise, Part, Standing

GIVEN = torch.linspace(-1, 1, 12).view(4, 3)


class Drawing(nn.Module):
    """A sampling step that is a layer."""

    def forward(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return noisy(mu, logvar)


def spelled(spelling: str, kind: str) -> tuple[type[nn.Module], tuple[Any, ...]]:
    """A model whose forward calls a sampling step of this name, and what stands beside it in its module."""

    def step(mu: Tensor, logvar: Tensor) -> Tensor:
        return noisy(mu, logvar)

    step.__name__, step.__module__ = spelling, HOME

    class Spelled(Layers):
        def __init__(self) -> None:
            super().__init__()
            if kind == "submodule":
                self.add_module(spelling, Drawing())
            elif kind == "instance attribute":
                object.__setattr__(self, spelling, step)

        encode, decode = Native.encode, Native.decode

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return self.decode((step if kind == "function" else getattr(self, spelling))(mu, logvar)), mu, logvar

    if kind == "method":
        setattr(Spelled, spelling, lambda self, mu, logvar: noisy(mu, logvar))
    elif kind == "static method":
        setattr(Spelled, spelling, staticmethod(step))
    return Spelled, ((step,) if kind == "function" else ())


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", ["method", "static method", "instance attribute", "submodule", "function"])
def test_the_sampling_step_is_found_under_each_spelling(spelling: str, kind: str) -> None:
    model, beside = spelled(spelling, kind)
    subject = bound(model, *beside)
    report = subject.facts.parts[Part.DRAW]
    assert report.standing is Standing.PRESENT
    assert report.account.startswith(f"{spelling}(")
    mu, logvar = torch.ones(4, 3), torch.full((4, 3), 2.0)
    torch.testing.assert_close(subject.draw(mu, logvar, Noise(given=GIVEN)), 1 + torch.e * GIVEN)


def test_the_reparameterisation_goes_before_other_samplers() -> None:
    def step(_self: nn.Module, mu: Tensor, logvar: Tensor) -> Tensor:
        return noisy(mu, logvar)

    model = type("Several", (Native,), dict.fromkeys(("sample", "draw", "reparameterise"), step) | {"reparameterize": None})
    model.forward = lambda self, x: (self.decode(self.reparameterise(*self.encode(x))), *self.encode(x))
    assert bound(model).facts.parts[Part.DRAW].account.startswith("reparameterise(")


def test_a_step_of_another_file_is_not_the_files_own_sampling_step(tmp_path: Path) -> None:
    (tmp_path / "plots.py").write_text("import torch\n\ndef sample_normal(mu, logvar):\n    return mu + logvar * torch.randn_like(mu)\n")
    source = "from plots import sample_normal\n" + HEAD.replace(
        "self.wuerfle(mittel, spanne)", "mittel + torch.exp(spanne / 2) * torch.randn_like(spanne)"
    ).replace("def wuerfle", "def _unused")
    assert bound_file(tmp_path, source).facts.parts[Part.DRAW].account.startswith("inline, student.py:")


def test_encode_goes_before_encoder_and_decoder_before_generate() -> None:
    class Both(Layers):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Identity(), nn.Sequential(self.layers, nn.Unflatten(1, (1, 8, 8)))

        def encode(self, x: Tensor) -> Any:
            return self.heads(self.encoder(x))

        def generate(self, z: Tensor) -> Tensor:
            return self.decoder(z)

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return self.generate(noisy(mu, logvar)), mu, logvar

    parts = bound(Both).facts.parts
    assert parts[Part.POSTERIOR].account == "encode(x) gives (mu, logvar)"
    assert parts[Part.DECODE].account == "decoder(z)"


def test_the_parameters_that_are_counted_are_those_that_are_trained() -> None:
    class Frozen(Native):
        def __init__(self) -> None:
            super().__init__()
            self.hidden.bias.requires_grad_(False)

    assert bound(Native).facts.parameters - bound(Frozen).facts.parameters == 16
