"""Making all trainings of a reproduction ahead of the claims, in two processes that share the store of trained runs."""

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
from vae_conformance.experiments.plans import ARMS, Plan, exercise_plans, image_plans, lab_plans
from vae_conformance.reproduction.findings import REFERENCE, TINY
from vae_conformance.runner.session import Session
from vae_spec.claim import Experiment
from vae_spec.subject import SubjectFault

SEEDS = 3
"""Seeds of every experiment: as many as claims look at first."""
ALWAYS = {
    REFERENCE: (Experiment.IMAGES, Experiment.CONTRAST, Experiment.SWEEP, Experiment.WITHOUT_KL),
    TINY: (Experiment.LAB_PRINTED, Experiment.LAB, Experiment.LAB_WEIGHTS, Experiment.LAB_TANH),
}
"""The documents' own experiments; those of the claims about the reference alone come on top."""
_LAB = frozenset(ALWAYS[TINY])

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """The trainings of an experiment for its first `count` seeds, of which all but the last are made by then.

    Attributes:
        options: of the system that is trained.
        experiment: which.
        count: seeds.
        work: steps that come on top of those of the jobs before; they stand for time.
    """

    options: RunOptions
    experiment: Experiment
    count: int
    work: int


def jobs(options: Sequence[RunOptions], experiments: Sequence[Sequence[Experiment]], pixels: int) -> list[Job]:
    """Every experiment of every system, one seed after the other, with the work of each.

    Args:
        options: of the systems.
        experiments: of each of them.
        pixels: of an image.
    """
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
    """One seed's plans; the seed stands for itself, whatever the laboratory derives from it."""
    if experiment in _LAB:
        return list(lab_plans(experiment, seed, 1.0).values())
    if experiment in ARMS:
        return list(image_plans(experiment, dataset, pixels, seed).values())
    return list(exercise_plans(experiment, pixels, seed).values())


def make_all(waiting: Sequence[Job], workers: int, say: Say) -> None:
    """Have the runs of all jobs in the store.

    What fails here is not told: it fails again where the runs are asked for, and is told there.

    Args:
        waiting: the jobs.
        workers: processes; with one, nothing is made ahead.
        say: takes one line now and then.
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
    """Processes that end with the block, however it ends."""
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
    """In a process of the pool: train what is not there yet."""
    try:
        _session(options).laboratory().groups(Experiment(experiment), count)
    except (Unbound, SubjectFault):
        return


@functools.cache
def _session(options: str) -> Session:
    return Session(RunOptions.from_json(options), lambda _event: None)
