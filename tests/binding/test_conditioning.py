"""Conditional VAEs are judged given one label, whatever kind of label they take and wherever they take it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bound_files import bound, violated, written
from named import named_options, named_target

from vae_conformance.binding.bind import bind
from vae_conformance.errors import Unbound
from vae_conformance.runner.events import Bound
from vae_conformance.runner.session import Session
from vae_spec.subject import Likelihood, Part, Standing

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F

def elbo(x_hat, x, mu, logvar):
    return F.binary_cross_entropy(x_hat, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
"""
ONE_HOT = """
class CVAE(nn.Module):
    def __init__(self, classes=10, z_dim=6):
        super().__init__()
        self.classes = classes
        self.enc, self.dec = nn.Linear(64 + classes, 2 * z_dim), nn.Linear(z_dim + classes, 64)

    def encode(self, x, y):
        return self.enc(torch.cat([x, y], 1)).chunk(2, 1)

    def decode(self, z, y):
        return torch.sigmoid(self.dec(torch.cat([z, y], 1)))

    def forward(self, x, y):
        mu, logvar = self.encode(x, y)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), y), mu, logvar
"""
INDEX = """
class CVAE(nn.Module):
    def __init__(self, z_dim=6):
        super().__init__()
        self.label = nn.Embedding(10, 5)
        self.enc, self.dec = nn.Linear(64 + 5, 2 * z_dim), nn.Linear(z_dim + 5, 64)

    def forward(self, image, labels):
        e = self.label(labels)
        mu, logvar = self.enc(torch.cat([image, e], 1)).chunk(2, 1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.dec(torch.cat([z, e], 1))), mu, logvar
"""
PARTS = """
class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64 + 3, 12)

    def forward(self, x, cond):
        return self.layer(torch.cat([x, cond], 1)).chunk(2, 1)

class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6 + 3, 64)

    def forward(self, z, cond):
        return torch.sigmoid(self.layer(torch.cat([z, cond], 1)))

class CVAE(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.num_classes = num_classes
        self.encoder, self.decoder = Encoder(), Decoder()

    def forward(self, x, cond):
        mu, logvar = self.encoder(x, cond)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu), cond), mu, logvar
"""
LOOP = """
def train(model, loader, optimizer):
    for image, labels in loader:
        x_hat, mu, logvar = model(image, labels)
        loss = F.binary_cross_entropy(x_hat, image, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
"""
FORMS = {"a one-hot code": ONE_HOT, "an index": INDEX, "parts that take it": PARTS}
ASKED = ("OBJ-02", "OBJ-03", "OBJ-04", "KL-02", "KL-03", "REP-01", "REP-02", "NET-01", "NET-02", "NET-03", "INT-03")


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_it_is_judged_as_the_vae_given_a_label(tmp_path: Path, form: str) -> None:
    facts = bound(tmp_path, HEAD + form, "CVAE").facts
    parts = (Part.POSTERIOR, Part.DRAW, Part.DECODE, Part.FORWARD, Part.LOSS)
    assert {facts.parts[one].standing for one in parts} == {Standing.PRESENT}
    assert facts.likelihood is Likelihood.BERNOULLI
    assert violated(tmp_path, HEAD + form, *ASKED, name="CVAE") == {}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_its_mistakes_are_found(tmp_path: Path, form: str) -> None:
    wrong = (HEAD + form).replace("torch.exp(0.5 * logvar)", "torch.exp(logvar)")
    assert violated(tmp_path, wrong, "REP-01", name="CVAE") == {"REP-01": "std-no-half"}


def test_its_training_loop_is_run_with_the_label(tmp_path: Path) -> None:
    source = (HEAD + INDEX + LOOP).replace("def elbo", "def unused")
    assert bound(tmp_path, source, "CVAE").facts.parts[Part.LOSS].account.startswith("lines ")
    assert violated(tmp_path, source, "OBJ-02", "KL-03", name="CVAE") == {}


def test_the_label_is_reported(tmp_path: Path) -> None:
    events: list[Any] = []
    session = Session(named_options(written(tmp_path, HEAD + ONE_HOT, "CVAE"), profile="exact"), events.append)
    session.bind()
    (said,) = next(event.implementation.binding.assumed for event in events if isinstance(event, Bound))
    assert said == "it is conditional: y is the one-hot code of class 0 of 10 for every item, and the VAE given that is judged"


def test_one_that_runs_on_no_kind_of_label_is_refused(tmp_path: Path) -> None:
    source = HEAD + ONE_HOT.replace("x, y], 1)).chunk", "x, y.words], 1)).chunk")
    path = written(tmp_path, source, "CVAE")
    with pytest.raises(Unbound, match="runs on no kind of label that is known") as refused:
        bind(named_target(path), named_options(path))
    assert "docs/adapters.md" in refused.value.hint
