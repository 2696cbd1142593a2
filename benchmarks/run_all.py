"""Compare costs within one run, as ratios: the training loop, the exact claims, the interception of noise.

    python benchmarks/run_all.py [--threads N] [--steps N] [--rounds N] [--data-root FOLDER] [--json FILE] [--check]

Contestants take turns, and the fastest round of each counts, so that other load on the machine hardly affects the
ratios. Absolute times hold for this machine only; compare the ratios. Three of them have targets, and with --check a
missed target is an error. Nothing is written unless --json names a file.

Threads: MNIST is measured with PyTorch's default number of threads, as in a single user process, unless
--threads sets another. The command trains with one thread per process, and so does the measurement on the digits.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.utils.data import TensorDataset

from training_loops import LEARNING_RATE, SHAPE, bare_loop, documents_loop, images, matrix_products
from vae_conformance.binding.bind import bind
from vae_conformance.config.options import RunOptions
from vae_conformance.data.datasets import digits, render
from vae_conformance.experiments.trainer import train
from vae_conformance.guard.random_calls import RandomCalls
from vae_conformance.runner.session import Session
from vae_conformance.target.spec import parse_target
from vae_conformance.target.target import load_target
from vae_spec.claim import Profile
from vae_spec.evidence import Recipe
from vae_spec.registry import select
from vae_spec.subject import Noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vae_conformance.binding.bound_subject import InProcessSubject

BATCH = 256
DIGITS = Recipe("digits", steps=400, batch=64, learning_rate=LEARNING_RATE)
"""The first two fifths of the command's training of a model for 28 x 28 images on the embedded digits; short, to allow many rounds."""
SUITE, BARE, DOCUMENTS, PRODUCTS = (
    "the suite's loop, data in memory",
    "a bare loop, data in memory, nothing written down",
    "the documents' loop, image by image",
    "the matrix products alone",
)


@dataclass(frozen=True)
class Row:
    """One contestant: the milliseconds per step (or pass, or claim) of its fastest round, and their ratio to the first contestant's."""

    name: str
    milliseconds: float
    ratio: float


def contest(contestants: Sequence[tuple[str, Callable[[], object]]], *, rounds: int, steps: int) -> list[Row]:
    """Time contestants that take turns, each with `steps` steps per round."""
    best = dict.fromkeys((name for name, _ in contestants), float("inf"))
    for _ in range(rounds):
        for name, run in contestants:
            started = time.perf_counter()
            run()
            best[name] = min(best[name], (time.perf_counter() - started) / steps * 1e3)
    first = best[contestants[0][0]]
    return [Row(name, value, value / first) for name, value in best.items()]


def reference() -> InProcessSubject:
    """Return the reference, bound as the command binds it."""
    options = RunOptions(parse_target("reference"))
    return bind(load_target(options.target), options)


@dataclass(frozen=True)
class Target:
    """The target for a ratio of two rows.

    Attributes:
        statement: what is compared, for the output.
        ratio: the measured ratio.
        bound: the target value.
        at_least: whether the bound is a minimum; otherwise it is a maximum.
    """

    statement: str
    ratio: float
    bound: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Return whether the ratio meets its bound."""
        return self.ratio >= self.bound if self.at_least else self.ratio <= self.bound

    def line(self) -> str:
        """Return the line of the output."""
        bound = f"at {'least' if self.at_least else 'most'} {self.bound:.2f}"
        return f"  {self.statement}: {self.ratio:.2f}, target {bound}: {'met' if self.met else 'MISSED'}"


def targets(mnist: Sequence[Row], small: Sequence[Row]) -> list[Target]:
    """Return the ratios that the training loop has to meet."""
    step = {row.name: row.milliseconds for row in mnist}
    small_step = {row.name: row.milliseconds for row in small}
    return [
        Target("MNIST, the documents' loop against the suite's", step[DOCUMENTS] / step[SUITE], 3.5, at_least=True),
        Target("MNIST, the suite's loop against its matrix products", step[SUITE] / step[PRODUCTS], 2.2, at_least=False),
        Target("digits, the suite's loop against a bare one", small_step[SUITE] / small_step[BARE], 1.1, at_least=False),
    ]


def mnist_rows(subject: InProcessSubject, steps: int, rounds: int, data_root: str | None) -> tuple[str, list[Row]]:
    """Time a training step of the suite, the documents' loop, a bare loop and the matrix products; return the rows with the data's name."""
    data = images(data_root)
    recipe = Recipe("mnist", steps=steps, batch=BATCH, learning_rate=LEARNING_RATE)
    tensors = TensorDataset(data.tensor)
    contestants: tuple[tuple[str, Callable[[], object]], ...] = (
        (SUITE, lambda: train(subject, recipe, data.tensor)),
        (BARE, lambda: bare_loop(subject, data.tensor, steps, BATCH)),
        ("the documents' loop, tensors through a DataLoader", lambda: documents_loop(subject, tensors, steps, BATCH)),
        (DOCUMENTS, lambda: documents_loop(subject, data.one_by_one, steps, BATCH)),
        (PRODUCTS, lambda: matrix_products(subject.model, steps, BATCH)),
    )
    return data.account, contest(contestants, rounds=rounds, steps=steps)


def digits_rows(subject: InProcessSubject, rounds: int) -> list[Row]:
    """Time a step of the command's default training against a bare loop; the step is small, so the suite's overhead shows."""
    data = render(digits().train, SHAPE, (0.0, 1.0))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        contestants: tuple[tuple[str, Callable[[], object]], ...] = (
            (SUITE, lambda: train(subject, DIGITS, data)),
            (BARE, lambda: bare_loop(subject, data, DIGITS.steps, DIGITS.batch)),
        )
        return contest(contestants, rounds=rounds, steps=DIGITS.steps)
    finally:
        torch.set_num_threads(threads)


def noise_rows(subject: InProcessSubject, rounds: int) -> list[Row]:
    """Time a training-mode forward pass with and without the interception of noise."""
    passes = 50
    model = subject.model.train()
    x = torch.rand(128, 1, 28, 28, generator=torch.Generator().manual_seed(0))

    def plain() -> None:
        for _ in range(passes):
            model(x)

    def watched(noise: Noise) -> Callable[[], None]:
        def run() -> None:
            for _ in range(passes):
                with RandomCalls(noise):
                    model(x)

        return run

    with torch.no_grad():
        contestants = (
            ("forward pass", plain),
            ("forward pass, its random calls watched", watched(Noise())),
            ("forward pass, its noise left out", watched(Noise.none())),
        )
        return contest(contestants, rounds=rounds, steps=passes)


def claim_rows() -> list[Row]:
    """Time each exact claim on the reference; the ratio is its share of the total."""
    session = Session(RunOptions(parse_target("reference"), profile="exact"), lambda _event: None)
    session.bind()
    seconds: dict[str, float] = {}
    for claim in select(Profile.EXACT):
        started = time.perf_counter()
        session.verdict(claim.id)
        seconds[claim.id] = time.perf_counter() - started
    whole = sum(seconds.values())
    rows = [Row(name, value * 1e3, value / whole) for name, value in seconds.items()]
    return [*sorted(rows, key=lambda row: -row.milliseconds), Row("all exact claims", whole * 1e3, 1.0)]


def table(title: str, unit: str, ratio: str, rows: Sequence[Row]) -> str:
    """Format the rows as text."""
    width = max(len(row.name) for row in rows)
    lines = [title, f"  {'':{width}}  {unit:>10}  {ratio:>8}"]
    lines += [f"  {row.name:{width}}  {row.milliseconds:10.2f}  {row.ratio:8.2f}" for row in rows]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print, and write the numbers with --json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, help="of PyTorch, for MNIST and forward passes (as many as PyTorch takes by itself)")
    parser.add_argument("--steps", type=int, default=234, help="training steps a round on MNIST (234, an epoch)")
    parser.add_argument("--rounds", type=int, default=4, help="how often the contestants take turns (4)")
    parser.add_argument("--data-root", help="the folder of torchvision's data sets; a stand-in replaces MNIST without it")
    parser.add_argument("--json", type=Path, help="write the numbers as JSON")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed")
    given = parser.parse_args(argv)
    if given.threads is not None:
        torch.set_num_threads(given.threads)
    threads = torch.get_num_threads()
    subject = reference()
    measured: dict[str, list[Row]] = {}
    account, measured["training step"] = mnist_rows(subject, given.steps, given.rounds, given.data_root)
    chosen = "as PyTorch takes them by itself" if given.threads is None else "as asked for"
    title = f"A training step of the reference, batch {BATCH}, {threads} thread(s), {chosen}\non {account}"
    print(table(title, "ms", "ratio", measured["training step"]), flush=True)
    measured["small training step"] = digits_rows(subject, 3 * given.rounds)
    title = f"A step of the default training on the embedded digits at 28 x 28, batch {DIGITS.batch}, one thread"
    print(table(title, "ms", "ratio", measured["small training step"]), flush=True)
    aims = targets(measured["training step"], measured["small training step"])
    print("\n".join(["The training loop against its targets", *(aim.line() for aim in aims)]) + "\n", flush=True)
    measured["control of the noise"] = noise_rows(subject, given.rounds)
    print(table(f"A forward pass, batch 128, {threads} thread(s)", "ms", "ratio", measured["control of the noise"]), flush=True)
    measured["exact claims"] = claim_rows()
    print(table("The exact claims on the reference, one thread", "ms", "share", measured["exact claims"]), flush=True)
    if given.json is not None:
        content = {
            "torch": torch.__version__,
            "threads": threads,
            "data": account,
            "targets": [{**asdict(aim), "met": aim.met} for aim in aims],
            "rows": {name: [asdict(row) for row in rows] for name, rows in measured.items()},
        }
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 1 if given.check and not all(aim.met for aim in aims) else 0


if __name__ == "__main__":
    sys.exit(main())
