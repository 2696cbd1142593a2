"""Files whose names differ from the documents', and helpers to bind and judge them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from binding_samples import Bound
from named import named_options, named_target

from vae_conformance.binding.bind import bind
from vae_conformance.runner.run import Judge
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
    path.write_text(source, encoding="utf-8")
    return f"{path}:{name}"


def bound(folder: Path, source: str, name: str = "Netz", **options: Any) -> Bound:
    """Bind the class of this name of a file with this source."""
    target = written(folder, source, name)
    return bind(named_target(target), named_options(target, **options))


def violated(folder: Path, source: str, *claims: str, name: str = "Netz") -> dict[str, str | None]:
    """Return which of these claims a file violates, with the mistake that each names."""
    path = written(folder, source, name)
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    for claim in claims:
        judge.ask(claim)
    reports = [report for claim in claims for report in judge.report_on(claim).claims]
    assert {report.outcome for report in reports} <= {Outcome.HOLDS, Outcome.VIOLATED}
    return {report.id: report.verdict.diagnosis for report in reports if report.outcome is Outcome.VIOLATED}
