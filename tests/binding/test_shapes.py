"""The shapes that people write: the documented table names sound entries, and each of them binds without any option."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from binding_samples import SPELLINGS, Layers, Native, bound, noisy
from named import named_options, named_target
from torch import Tensor, nn

from catalogue_index import CATALOGUE
from vae_conformance.binding.bind import bind
from vae_conformance.binding.heads import Head
from vae_conformance.binding.inprocess import InProcessSubject
from vae_spec.subject import Mode, Noise, Part, Standing

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "binding.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCS.read_text(encoding="utf-8").partition("## Shapes")[2].partition("## Declarations")[0].splitlines()
    if line.startswith("| ") and "`" in line
]
ENTRIES = sorted({name for row in ROWS for name in re.findall(r"`([^`]+)`", row[2])})
HEADS = {
    "image-in-flat-out": Head.LOG_STD,
    "stored-kl": Head.LOG_STD,
    "code-first": Head.STD,
    "nested-tuples": Head.STD,
    "mean-first": Head.VARIANCE,
}


def entry(name: str) -> InProcessSubject:
    path = str(CATALOGUE / "sound" / f"{name}.py")
    return bind(named_target(path), named_options(path))


def test_the_table_has_an_entry_for_each_shape_and_no_other() -> None:
    assert len(ROWS) >= 60
    assert all(re.search(r"`[^`]+`", row[2]) for row in ROWS)
    assert set(ENTRIES) <= {path.stem for path in (CATALOGUE / "sound").glob("*.py")}
    assert {"forward returns", "input", "output", "second head", "sampling step", "loss", "it returns"} <= {row[0] for row in ROWS}


@pytest.mark.parametrize("name", ENTRIES)
def test_each_shape_is_bound_without_options(name: str) -> None:
    subject = entry(name)
    standing = {part: report.standing for part, report in subject.facts.parts.items()}
    assert [standing[part] for part in (Part.POSTERIOR, Part.FORWARD, Part.DECODE)] == [Standing.PRESENT] * 3
    assert standing[Part.LOSS] is (Standing.REPLACED if name in ("reconstruction-alone", "submodules-only") else Standing.PRESENT)
    assert subject.facts.likelihood is not None
    assert subject.wiring.head is HEADS.get(name, Head.LOGVAR)


@pytest.mark.parametrize(
    "name",
    [
        "stored-kl",
        "stored-mean",
        "forward-returns-loss",
        "reconstruction-and-kl",
        "no-forward",
        "list-with-input",
        "inline-forward",
        "encoder-samples",
    ],
)
def test_what_is_bound_is_one_vae(name: str) -> None:
    """Posterior, noise and output of a pass agree with each other and with decode."""
    subject = entry(name)
    x = torch.rand(3, *subject.facts.input_shape, generator=torch.Generator().manual_seed(0))
    eps = torch.randn(3, subject.facts.latent_dim, generator=torch.Generator().manual_seed(1))
    seen = subject.forward(x, Noise(given=eps), mode=Mode.EVAL)
    z = seen.mu + torch.exp(0.5 * seen.logvar) * eps
    torch.testing.assert_close(subject.decode(z)[0], seen.raw[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(subject.posterior(x).mu, seen.mu, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_sampling_step_under_each_spelling(spelling: str) -> None:
    def forward(self: Any, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(getattr(self, spelling)(mu, logvar)), mu, logvar

    methods = {name: value for name, value in vars(Native).items() if not name.startswith("__") and name != "reparameterize"}
    model = type("Spelled", (Layers,), methods | {"forward": forward, spelling: lambda self, mu, logvar: noisy(mu, logvar)})
    subject = bound(model)
    assert subject.wiring.draw == spelling
    assert subject.facts.parts[Part.DRAW].standing is Standing.PRESENT


def test_a_second_head_before_its_softplus_is_told_from_the_noise() -> None:
    class Softplus(Layers):
        def forward(self, x: Tensor) -> Tensor:
            h = torch.relu(self.hidden(x.flatten(1)))
            mu, rho = self.head(h), self.second(h)
            return self.decode(mu + nn.functional.softplus(rho) * torch.randn_like(mu))

        def decode(self, z: Tensor) -> Tensor:
            return self.layers(z).view(-1, 1, 8, 8)

    subject = bound(Softplus)
    assert subject.wiring.head is Head.SOFTPLUS_STD
    assert "second()" in subject.facts.parts[Part.POSTERIOR].account


def test_a_pair_in_the_other_order_is_told_from_the_noise() -> None:
    class Swapped(Native):
        def encode(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            return logvar, mu

        def forward(self, x: Tensor) -> Any:
            logvar, mu = self.encode(x)
            return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    subject = bound(Swapped)
    x = torch.rand(2, 1, 8, 8)
    torch.testing.assert_close(subject.posterior(x).mu, subject.model.heads(x)[0].detach())
    assert any("taken for mu" in note for note in subject.facts.notes)
