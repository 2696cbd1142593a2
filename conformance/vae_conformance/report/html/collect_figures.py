"""Figures and strips of the HTML page, made from stored trained runs; imports PyTorch and matplotlib, which takes seconds."""

from __future__ import annotations

from vae_conformance.report.figures.gallery import exhibits
from vae_conformance.report.figures.stored_runs import Evidence, gather
from vae_conformance.report.html.calibration_strips import Strip, alike, strips
from vae_conformance.report.html.figure_data import FigureData
from vae_conformance.report.wording import count
from vae_conformance.runner.record import RunRecord
from vae_spec.calibration import DATASETS


def collect_figures(report: RunRecord) -> FigureData:
    """Read the trained runs that the report's claims were given, and draw the figures."""
    evidence = gather(report.trained, report.options.store_path)
    if not evidence.experiments:
        return FigureData(note="There are no figures: none of the trained runs can be read from the store any more.")
    return FigureData(exhibits(evidence), _strips(report, evidence), DATASETS[evidence.kind], _lost(evidence))


def _strips(report: RunRecord, evidence: Evidence) -> dict[str, list[Strip]]:
    scope = alike(report.implementation)
    found = {
        claim.id: strips(evidence.claims.get(claim.id, ()), claim.verdict.expected, scope, evidence.kind) for claim in report.claims
    }
    return {claim: laid_out for claim, laid_out in found.items() if laid_out}


def _lost(evidence: Evidence) -> str:
    if not evidence.lost:
        return ""
    return f"{count(evidence.lost, 'trained run')} cannot be read from the store any more; figures show the others."
