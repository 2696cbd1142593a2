"""Other sizes: which are tried, which are taken, and what they show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fakes import facts
from named import named_options, named_target

from vae_conformance.binding.bind import bind
from vae_conformance.runner.other_sizes import Variant, other_sizes, variants
from vae_conformance.runner.session import Session

CATALOGUE = Path(__file__).parent.parent / "catalogue"
ONE_SIDE_ONLY = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self, input_shape=(1, 28, 28), latent_dim=4):
        super().__init__()
        self.input_shape, self.latent_dim = input_shape, latent_dim
        self.heads, self.decoder = nn.Linear(784, 2 * latent_dim), nn.Linear({inputs}, 784)

    def encode(self, x):
        return self.heads(x.flatten(1)).chunk(2, 1)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z)).view(-1, 1, 28, 28)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar
"""


def found(path: Path) -> list[Variant]:
    options = named_options(str(path))
    target = named_target(str(path))
    return variants(target, bind(target, options), options)


def test_the_sizes_tried_are_others_than_its_own():
    own = replace(facts(), input_shape=(3, 32, 32), latent_dim=3)
    latent, image = other_sizes(own)
    assert (latent.latent_dim, latent.input_shape) == (5, (3, 32, 32))
    assert (image.latent_dim, image.input_shape) == (3, (3, 28, 28))
    assert [size.argument for size in other_sizes(replace(own, input_shape=(784,)))] == ["latent_dim"]


def test_a_model_that_takes_both_sizes_is_bound_at_both():
    labels = [variant.label for variant in found(CATALOGUE / "broken" / "_sound.py")]
    assert labels == ["latent_dim = 3", "input_shape = 1 x 32 x 32"]


def test_a_model_without_size_arguments_has_no_other_sizes():
    assert found(CATALOGUE / "sound" / "script-flat.py") == []


@pytest.mark.parametrize(("inputs", "labels"), [("latent_dim", ["latent_dim = 3"]), ("4", [])])
def test_a_size_that_the_parts_refuse_is_passed_over(tmp_path, inputs, labels):
    path = tmp_path / "student.py"
    path.write_text(ONE_SIDE_ONLY.format(inputs=inputs))
    assert [variant.label for variant in found(path)] == labels


def session_with_a_late_fault(tmp_path, monkeypatch, fault, limit=60.0):
    """A session whose model, once it is bound, meets a fault in decode at another size than its own."""
    path = tmp_path / "student.py"
    begin = "    def decode(self, z):\n"
    failing = f"    late = False\n\n{begin}        if VAE.late and z.shape[1] == 3:\n            {fault}\n"
    source = ONE_SIDE_ONLY.format(inputs="latent_dim").replace(begin, failing)
    path.write_text(source)
    session = Session(named_options(str(path), time_limit=limit), lambda _event: None)
    subject = session.bind()
    session._variants = variants(session._target, subject, session.options)
    monkeypatch.setattr(type(subject.model), "late", True)
    return session


def test_what_fails_at_another_size_is_a_size_in_the_code(tmp_path, monkeypatch):
    verdict = session_with_a_late_fault(tmp_path, monkeypatch, "raise RuntimeError('no')").verdict("NET-02")
    assert (verdict.outcome, verdict.diagnosis) == ("violated", "hard-coded-shape")
    assert "built with latent_dim = 3" in verdict.message


def test_another_size_that_only_takes_too_long_is_passed_over_and_named(tmp_path, monkeypatch):
    session = session_with_a_late_fault(tmp_path, monkeypatch, "import time; time.sleep(9)")
    for variant in session._variants:
        variant.subject.caller.limit = 0.3
    verdict = session.verdict("NET-02")
    assert (verdict.outcome, verdict.diagnosis) == ("holds", None)
    assert "no time was left to ask it with latent_dim = 3: --time-limit gives more" in verdict.message


def test_another_size_that_uses_up_the_claims_time_is_passed_over_too(tmp_path, monkeypatch):
    session = session_with_a_late_fault(tmp_path, monkeypatch, "import time; time.sleep(1)", limit=8.0)
    monkeypatch.setattr("vae_conformance.runner.session.OTHER_SIZE_EXAMPLES", 1000)
    verdict = session.verdict("NET-02")
    assert verdict.outcome == "holds"
    assert "no time was left to ask it with latent_dim = 3" in verdict.message
