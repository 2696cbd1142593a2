"""Findings of a reproduction with few numbers in them."""

from __future__ import annotations

from dataclasses import replace

from named import named_options
from trained_samples import run

from vae_conformance.experiments import plans
from vae_conformance.reproduction import trainings
from vae_conformance.reproduction.findings import REFERENCE, TINY, Chapter, Findings
from vae_conformance.reproduction.sections import CHAPTERS
from vae_conformance.runner.events import ClaimVerdict
from vae_spec.claim import Experiment
from vae_spec.evidence import Group
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS

OPTIONS = named_options(REFERENCE, profile="full")
STEPS = 12


def answer(
    claim: str, outcome: Outcome = Outcome.HOLDS, target: str = REFERENCE, message: str = "what was found"
) -> tuple[str, ClaimVerdict]:
    return target, ClaimVerdict(claim, CLAIMS[claim].title, CLAIMS[claim].level, "", outcome, message)


def arms(experiment: Experiment) -> list[str]:
    if experiment in plans.ARMS:
        return [str(arm) for arm in plans.ARMS[experiment]]
    if experiment in trainings.ALWAYS[TINY]:
        return list(plans.lab_plans(experiment, 0, 1.0))
    return list(plans.exercise_plans(experiment, 784, 0))


def group(experiment: Experiment, seed: int, dataset: str) -> Group:
    return {arm: replace(run(seed, 200, dataset=dataset), samples=run().points.generated[:5]) for arm in arms(experiment)}  # type: ignore[union-attr]


def found(dataset: str = "digits", *answers: tuple[str, ClaimVerdict], leaving_out: tuple[Experiment, ...] = ()) -> Findings:
    """Findings of every experiment, over two seeds."""
    kinds = [kind for kind in Experiment if kind not in leaving_out]
    groups = {kind: [group(kind, seed, dataset) for seed in range(1 if kind is Experiment.LAB_PRINTED else 2)] for kind in kinds}
    return Findings(dataset, 0, groups, answers={(target, one.claim): one for target, one in answers})


def chapter(section: str) -> Chapter:
    return next(one for one in CHAPTERS if one.section == section)
