"""The shapes that people write: the documented table names sound entries, and each of them binds without any option."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from binding_samples import Bound, second_head
from named import named_options, named_target

from catalogue_index import CATALOGUE
from vae_conformance.binding.bind import bind
from vae_spec.subject import Mode, Noise, Part, Standing

DOCS = Path(__file__).resolve().parent.parent.parent / "docs" / "binding.md"
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in DOCS.read_text(encoding="utf-8").partition("## Shapes")[2].partition("## Declarations")[0].splitlines()
    if line.startswith("| ") and "`" in line
]
ENTRIES = sorted({name for row in ROWS for name in re.findall(r"`([^`]+)`", row[2])})
HEADS = {
    "image-in-flat-out": "log-standard deviation",
    "stored-kl": "log-standard deviation",
    "code-first": "standard deviation",
    "nested-tuples": "standard deviation",
    "mean-first": "variance",
}


def entry(name: str) -> Bound:
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
    assert second_head(subject) == HEADS.get(name, "log-variance")


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
