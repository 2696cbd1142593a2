"""A chapter: one section of a document, summarised in this project's words, with the tables and figures of its reproduction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vae_conformance.reproduction.findings import Findings
from vae_conformance.reproduction.tables import Content
from vae_spec.claim import Experiment
from vae_spec.documents import Document
from vae_spec.evidence import Arm, TrainedRun
from vae_spec.observations import Pictures


def _nothing(_findings: Findings) -> Content:
    return Content()


@dataclass(frozen=True)
class Chapter:
    """One section of a document.

    Attributes:
        document: the document.
        section: the section's number or name.
        summary: what the document says, in a sentence or two.
        content: returns the section's tables and figures.
    """

    document: Document
    section: str
    summary: str
    content: Callable[[Findings], Content] = _nothing


def first_pictures(runs: Sequence[TrainedRun]) -> Pictures | None:
    """Return the pictures of the first seed, or None if its training diverged or was not made."""
    return runs[0].observations.pictures if runs and runs[0].observations is not None else None


def pictures_by_arm(findings: Findings, experiment: Experiment) -> Mapping[str, Pictures]:
    """Return the pictures of the first seed for every arm that has any."""
    found = {arm: first_pictures(findings.runs(experiment, arm)) for arm in findings.arms(experiment)}
    return {arm: pictures for arm, pictures in found.items() if pictures is not None}


def first_by_arm(findings: Findings, experiment: Experiment) -> Mapping[str, TrainedRun]:
    """Return the first seed's run of every arm."""
    return {arm: findings.runs(experiment, arm)[0] for arm in findings.arms(experiment)}


def vae_and_autoencoder(findings: Findings) -> tuple[tuple[str, Sequence[TrainedRun]], ...]:
    """Return the two models that the documents compare throughout, with their runs over seeds."""
    contrast = Experiment.CONTRAST
    return ("VAE", findings.runs(contrast)), ("its autoencoder", findings.runs(contrast, Arm.AUTOENCODER))
