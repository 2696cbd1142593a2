"""Files whose names differ from the documents', and helpers to bind and judge them."""

from __future__ import annotations

from pathlib import Path

from vae_conformance.binding.bind import bind
from vae_conformance.binding.inprocess import InProcessSubject
from vae_conformance.config.options import RunOptions
from vae_conformance.runner.run import Judge
from vae_conformance.target.target import load_target
from vae_spec.outcomes import Outcome

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F

def teile(mittel, spanne):
    return 0.5 * (mittel**2 + spanne.exp() - spanne - 1).sum(1)

class Netz(nn.Module):
    def __init__(self):
        super().__init__()
        self.rein, self.raus = nn.Linear(64, 30), nn.Linear(30, 64)
        self.mitte, self.breite, self.auf = nn.Linear(30, 5), nn.Linear(30, 5), nn.Linear(5, 30)

    def packe(self, bild):
        h = torch.relu(self.rein(bild))
        return self.mitte(h), self.breite(h)

    def wuerfle(self, mittel, spanne):
        return mittel + torch.exp(spanne / 2) * torch.randn_like(spanne)

    def entpacke(self, code):
        return torch.sigmoid(self.raus(torch.relu(self.auf(code))))

    def forward(self, bild):
        mittel, spanne = self.packe(bild)
        return self.entpacke(self.wuerfle(mittel, spanne)), mittel, spanne
"""


TERMS = 'F.binary_cross_entropy(aus, x, reduction="sum") + teile(mittel, spanne).sum()'


METHOD = f"""
    def verlust(self, x):
        aus, mittel, spanne = self(x)
        return {TERMS}

def uebe(netz, lader, schritt):
    for x in lader:
        v = netz.verlust(x)
        v.backward()
"""


def written(folder: Path, source: str, name: str = "Netz") -> str:
    path = folder / "student.py"
    path.write_text(source)
    return f"{path}:{name}"


def bound(folder: Path, source: str, name: str = "Netz") -> InProcessSubject:
    target = written(folder, source, name)
    return bind(load_target(target), RunOptions(target))


def violated(folder: Path, source: str, *claims: str, name: str = "Netz") -> dict[str, str | None]:
    """Return which of these claims a file violates, with the mistake that each names."""
    path = written(folder, source, name)
    judge = Judge(RunOptions(path, profile="exact"), load_target(path))
    for claim in claims:
        judge.ask(claim)
    reports = [report for claim in claims for report in judge.report_on(claim).claims]
    assert {report.outcome for report in reports} <= {Outcome.HOLDS, Outcome.VIOLATED}
    return {report.id: report.verdict.diagnosis for report in reports if report.outcome is Outcome.VIOLATED}
