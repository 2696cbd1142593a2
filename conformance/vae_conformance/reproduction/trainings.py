"""The trainings of a reproduction, made before the claims are asked, in processes that share the store of trained runs."""

from __future__ import annotations

import functools
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.experiments.laboratory import LAB
from vae_conformance.experiments.plans import ARMS, Plan, exercise_plans, image_plans, lab_plans
from vae_conformance.reproduction.findings import REFERENCE, TINY
from vae_conformance.runner.session import Session
from vae_spec.claim import Experiment
from vae_spec.subject import SubjectFault

SEEDS = 3
"""Seeds per experiment: enough to show a spread."""
ALWAYS = {
    REFERENCE: (Experiment.IMAGES, Experiment.CONTRAST, Experiment.SWEEP, Experiment.WITHOUT_KL),
    TINY: (Experiment.LAB_PRINTED, Experiment.LAB, Experiment.LAB_WEIGHTS, Experiment.LAB_TANH),
}
"""The documents' own experiments; those of the claims about the reference alone are added."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """The trainings of an experiment for its first `count` seeds; all but the last are made by earlier jobs.

    `work` counts the training steps that no earlier job makes, as a measure of time.
    """

    options: RunOptions
    experiment: Experiment
    count: int
    work: int


def jobs(options: Sequence[RunOptions], experiments: Sequence[Sequence[Experiment]], pixels: int) -> list[Job]:
    """Return the jobs for all experiments of all systems, ordered by seed."""
    seen: set[str] = set()
    found: list[Job] = []
    for count in range(1, SEEDS + 1):
        for system, asked in zip(options, experiments, strict=True):
            for experiment in asked:
                if experiment is Experiment.LAB_PRINTED and count > 1:
                    continue
                fresh = {repr(plan): plan for plan in _plans(experiment, system.dataset, pixels, count) if repr(plan) not in seen}
                seen |= fresh.keys()
                found.append(Job(system, experiment, count, sum(plan.recipe.steps for plan in fresh.values())))
    return found


def _plans(experiment: Experiment, dataset: str, pixels: int, seed: int) -> list[Plan]:
    """Return the plans of one seed; the seed is only a label here, from which the laboratory derives its own."""
    if experiment in LAB:
        return list(lab_plans(experiment, seed, 1.0).values())
    if experiment in ARMS:
        return list(image_plans(experiment, dataset, pixels, seed).values())
    return list(exercise_plans(experiment, pixels, seed).values())


def make_all(waiting: Sequence[Job], workers: int, say: Say) -> None:
    """Make the runs of all jobs and store them.

    Failures are not reported here: the same training fails again, and is reported, when its runs are requested.
    With one worker nothing is made in advance.
    """
    if workers < 2 or not waiting:
        return
    started, whole, done = time.monotonic(), sum(job.work for job in waiting), 0
    with _pool(workers) as pool:
        pending: dict[Future[None], Job] = {
            pool.submit(_make, job.options.to_json(), str(job.experiment), job.count): job for job in waiting
        }
        while pending:
            finished, _ = wait(pending, return_when=FIRST_COMPLETED, timeout=1.0)
            for future in finished:
                done += pending.pop(future).work
                if isinstance(future.exception(), BrokenProcessPool):
                    say("a process that trains has died; the trainings go on in this one")
                    return
            spent = time.monotonic() - started
            left = f", about {spent * (whole - done) / done:.0f} s left" if done else ""
            say(f"trainings: {len(waiting) - len(pending)} of {len(waiting)} sets, {spent:.0f} s{left}")


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Create a pool of processes that are terminated when the block exits, even by an exception."""
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    pool.shutdown()


def _make(options: str, experiment: str, count: int) -> None:
    """Train, in a process of the pool, the runs that are not in the store yet."""
    try:
        _session(options).laboratory().groups(Experiment(experiment), count)
    except (Unbound, SubjectFault):
        return


@functools.cache
def _session(options: str) -> Session:
    return Session(RunOptions.from_json(options), lambda _event: None)
