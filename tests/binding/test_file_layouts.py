"""Layouts of people's files beside the plain one: what a loss is handed, what a decoder is, how deep an encoder, how long a series."""

from __future__ import annotations

from pathlib import Path

import pytest
from bound_files import HEAD, METHOD, bound, violated, written
from named import named_options

from vae_conformance.runner.events import Event, Loading, Probing, SuiteError
from vae_conformance.runner.session import Session
from vae_spec.subject import Part, Standing

HELD = """
    def loss_function(self, out):
        return (F.binary_cross_entropy(out["recon"], out["input"], reduction="sum") + teile(out["mu"], out["log_var"]).sum()) / len(
            out["input"])
"""


def test_a_loss_of_forwards_result_alone_where_that_holds_the_batch(tmp_path: Path) -> None:
    given = 'return {"recon": self.entpacke(self.wuerfle(mittel, spanne)), "input": bild, "mu": mittel, "log_var": spanne}'
    head = HEAD.replace("return self.entpacke(self.wuerfle(mittel, spanne)), mittel, spanne", given)
    assert bound(tmp_path, head + HELD).facts.parts[Part.LOSS].account == "method loss_function(out) gives one scalar"
    claims = ("OBJ-02", "OBJ-03", "OBJ-04", "KL-03", "NET-02")
    assert violated(tmp_path, head + HELD, *claims) == {}
    wrong = (head + HELD).replace("0.5 * (mittel", "1.0 * (mittel")
    assert violated(tmp_path, wrong, "OBJ-02", "KL-03") == {"OBJ-02": "missing-half", "KL-03": "missing-half"}


def test_the_batch_that_forward_returns_is_not_its_output(tmp_path: Path) -> None:
    convolutional = """
import torch
from torch import nn
class Netz(nn.Module):
    def __init__(self):
        super().__init__()
        self.rein = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Conv2d(4, 8, 3, 2, 1))
        self.mu, self.log_var, self.auf = nn.Linear(512, 6), nn.Linear(512, 6), nn.Linear(6, 512)
        self.raus = nn.Sequential(nn.ConvTranspose2d(8, 4, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(4, 3, 4, 2, 1), nn.Sigmoid())
    def forward(self, x):
        h = self.rein(x).flatten(1)[:, :512]
        mu, log_var = self.mu(h), self.log_var(h)
        z = mu + torch.exp(log_var / 2) * torch.randn_like(mu)
        return {"recon": self.raus(self.auf(z).view(-1, 8, 8, 8)), "input": x, "mu": mu, "log_var": log_var}
"""
    subject = bound(tmp_path, convolutional)
    assert subject.facts.input_shape == (3, 32, 32)
    assert subject.facts.parts[Part.FORWARD].account == "forward(x): output at recon, mu at mu, logvar at log_var"


def test_what_the_suite_does_wrong_while_it_binds_is_not_the_implementations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: object) -> None:
        raise KeyError("of the suite's own")

    monkeypatch.setattr("vae_conformance.runner.session.bind", failing)
    emitted: list[Event] = []
    with pytest.raises(KeyError):
        Session(named_options(written(tmp_path, HEAD + METHOD)), emitted.append).bind()
    *before, last = emitted
    assert before == [Loading(), Probing()]
    assert isinstance(last, SuiteError)
    assert "the suite itself failed" in last.message
    assert "KeyError" in last.details


SKIPPING = """
import torch
from torch import nn
from torch.nn import functional as F
class Netz(nn.Module):
    def __init__(self):
        super().__init__()
        self.rein, self.mu, self.lv = nn.Linear(64, 30), nn.Linear(30, 5), nn.Linear(30, 5)
        self.auf, self.raus = nn.Linear(5, 30), nn.Linear(60, 64)
    def encode(self, x):
        h = torch.relu(self.rein(x))
        return self.mu(h), self.lv(h), h
    def decode(self, z, feats):
        return torch.sigmoid(self.raus(torch.cat([torch.relu(self.auf(z)), feats], dim=1)))
    def forward(self, x):
        mu, lv, feats = self.encode(x)
        return self.decode(mu + torch.exp(lv / 2) * torch.randn_like(mu), feats), mu, lv
"""


def test_a_decoder_that_is_handed_what_the_encoder_saw_is_told_so(tmp_path: Path) -> None:
    report = bound(tmp_path, SKIPPING).facts.parts[Part.DECODE]
    assert (report.standing, report.diagnosis) == (Standing.FAILING, "decoder-sees-x")
    assert report.account.endswith("forward passes it one tensor beside the code, made of x")
    ignoring = SKIPPING.replace("torch.randn_like(mu), feats), mu", "torch.randn_like(mu), torch.zeros(len(mu), 30)), mu")
    assert bound(tmp_path, ignoring).facts.parts[Part.DECODE].diagnosis != "decoder-sees-x"


RESIDUAL = """
import torch
from torch import nn
from torch.nn import functional as F
class Block(nn.Module):
    def __init__(self, ch):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(ch, ch, 3, padding=1), nn.Conv2d(ch, ch, 3, padding=1)
        self.norm1, self.norm2 = nn.GroupNorm(4, ch), nn.GroupNorm(4, ch)
    def forward(self, x):
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
class Netz(nn.Module):
    def __init__(self, ch=32, z_dim=48):
        super().__init__()
        self.stem = nn.Conv2d(3, ch, 3, padding=1)
        self.down = nn.Sequential(*(layer for _ in range(3) for layer in (Block(ch), nn.Conv2d(ch, ch, 4, 2, 1))))
        self.to_mu, self.to_logvar = nn.Linear(ch * 16, z_dim), nn.Linear(ch * 16, z_dim)
        self.raus = nn.Linear(z_dim, 3 * 32 * 32)
    def encode(self, x):
        h = self.down(self.stem(x)).flatten(1)
        return self.to_mu(h), END(self.to_logvar(h))
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.raus(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).view(-1, 3, 32, 32), mu, logvar
"""


@pytest.mark.parametrize(("end", "expected"), [("", {}), ("F.softplus", {"NET-06": "activation-on-heads"})])
def test_heads_of_a_deep_residual_encoder_are_steered_with_short_steps(tmp_path: Path, end: str, expected: dict[str, str]) -> None:
    """Adam's long steps lead it away and leave it there."""
    assert violated(tmp_path, RESIDUAL.replace("END", end), "NET-06") == expected


def test_a_softmax_at_the_end_ties_the_entries_of_an_image(tmp_path: Path) -> None:
    inner = "self.raus(torch.relu(self.auf(code)))"
    wrong = (HEAD + METHOD).replace(f"torch.sigmoid({inner})", f"{inner}.softmax(1)")
    assert violated(tmp_path, wrong, "NET-02") == {"NET-02": "decoder-range"}
    assert violated(tmp_path, HEAD + METHOD, "NET-02") == {}


SERIES = """
import torch
from torch import nn
class Netz(nn.Module):
    def __init__(self, n_features=6, dauer=30):
        super().__init__()
        self.dauer = dauer
        self.rnn, self.mu, self.lv = nn.GRU(n_features, 9, batch_first=True), nn.Linear(9, 4), nn.Linear(9, 4)
        self.auf, self.raus = nn.GRU(4, 9, batch_first=True), nn.Linear(9, n_features)
    def encode(self, x):
        h = self.rnn(x)[1].squeeze(0)
        return self.mu(h), self.lv(h)
    def decode(self, z):
        return self.raus(self.auf(z.unsqueeze(1).repeat(1, self.dauer, 1))[0])
    def forward(self, x):
        mu, lv = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * lv) * torch.randn_like(mu)), mu, lv
"""
BEATS = """
import torch
from torch import nn
class Netz(nn.Module):
    def __init__(self, length=96):
        super().__init__()
        self.length = length
        self.convs, self.mu, self.lv = nn.Conv1d(1, 4, 4, 4), nn.Linear(length, 4), nn.Linear(length, 4)
        self.auf, self.raus = nn.Linear(4, length), nn.ConvTranspose1d(4, 1, 4, 4)
    def forward(self, x):
        h = torch.relu(self.convs(x)).flatten(1)
        mu, lv = self.mu(h), self.lv(h)
        z = mu + torch.exp(0.5 * lv) * torch.randn_like(mu)
        return self.raus(self.auf(z).view(len(z), 4, -1)), mu, lv
"""


@pytest.mark.parametrize(("source", "shape"), [(SERIES, (30, 6)), (BEATS, (1, 96))], ids=["as long as its output", "as it says"])
def test_the_length_of_a_series_is_found(tmp_path: Path, source: str, shape: tuple[int, ...]) -> None:
    assert bound(tmp_path, source).facts.input_shape == shape
    assert violated(tmp_path, source, "NET-01", "NET-02") == {}


ROWS = """
import torch
from torch import nn

class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.read, self.m, self.s = nn.GRU(8, 30, batch_first=True), nn.Linear(30, 4), nn.Linear(30, 4)
        self.write = nn.Sequential(nn.Linear(4, 64), nn.Sigmoid(), nn.Unflatten(1, (8, 8)))

    def forward(self, x):
        h = self.read(x)[1][0]{cut}
        mu, logvar = self.m(h), self.s(h)
        return self.write(mu + torch.exp(logvar / 2) * torch.randn_like(mu)), mu, logvar
"""


def test_items_of_rows_without_a_channel_are_taken(tmp_path: Path) -> None:
    assert bound(tmp_path, ROWS.replace("{cut}", ""), "Rows").facts.input_shape == (8, 8)


def test_a_path_that_is_cut_inside_the_encoder_is_found(tmp_path: Path) -> None:
    assert violated(tmp_path, ROWS.replace("{cut}", ""), "OBJ-04", name="Rows") == {}
    assert violated(tmp_path, ROWS.replace("{cut}", ".detach()"), "OBJ-04", name="Rows") == {"OBJ-04": "no-encoder-gradient"}
