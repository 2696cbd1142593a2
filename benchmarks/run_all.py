"""Costs side by side in one run, as ratios: the training loop, the exact claims, the control of the noise.

    python benchmarks/run_all.py [--threads N] [--steps N] [--rounds N] [--data-root FOLDER] [--json FILE]

Contestants take turns, round after round, and each counts with its fastest round, so that a busy machine disturbs the
ratios little. Times hold for this machine; the ratios are what to compare. Nothing is written unless --json names a
file.
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
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, TensorDataset

from vae_conformance.binding.bind import bind
from vae_conformance.binding.noise import RandomCalls
from vae_conformance.experiments.trainer import train
from vae_conformance.options import RunOptions
from vae_conformance.session import Session
from vae_conformance.targets import load_target
from vae_conformance.torchvision_cpu import import_torchvision
from vae_spec.claim import Profile
from vae_spec.evidence import Recipe
from vae_spec.registry import select
from vae_spec.subject import Noise

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vae_conformance.binding.inprocess import InProcessSubject

BATCH = 256
LEARNING_RATE = 1e-3
WIDTHS = ((784, 256), (256, 64), (32, 256), (256, 784))
"""Inputs and outputs of the reference's linear layers, its two heads counted as one."""


@dataclass(frozen=True)
class Row:
    """One contestant: its fastest round, milliseconds a step (a pass, a claim), and that against the first one's."""

    name: str
    milliseconds: float
    ratio: float


def contest(contestants: Sequence[tuple[str, Callable[[], object]]], *, rounds: int, steps: int) -> list[Row]:
    """Let the contestants take turns; each does `steps` steps a round."""
    best = dict.fromkeys((name for name, _ in contestants), float("inf"))
    for _ in range(rounds):
        for name, run in contestants:
            started = time.perf_counter()
            run()
            best[name] = min(best[name], (time.perf_counter() - started) / steps * 1e3)
    first = best[contestants[0][0]]
    return [Row(name, value, value / first) for name, value in best.items()]


def reference() -> InProcessSubject:
    """The reference, bound as the command binds it."""
    return bind(load_target("reference"), RunOptions("reference"))


def documents_loop(subject: InProcessSubject, data: Dataset[tuple[Tensor, ...]], steps: int) -> None:
    """A training loop as teaching material has it: a DataLoader, default Adam, three `.item()` a step for the log."""
    subject.load(subject.fresh(0))
    model = subject.model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    sums = [0.0, 0.0, 0.0]
    done = 0
    while done < steps:
        for x, *_ in DataLoader(data, batch_size=BATCH, shuffle=True, drop_last=True):
            x_hat, mu, logvar = model(x)
            terms = model.loss(x_hat, x, mu, logvar)
            optimiser.zero_grad()
            terms[0].backward()
            optimiser.step()
            sums = [total + term.item() for total, term in zip(sums, terms, strict=True)]
            done += 1
            if done == steps:
                break


def matrix_products(steps: int) -> None:
    """The matrix products that forward and backward passes of these layers cannot do without, and nothing else."""
    sides = [(torch.randn(BATCH, inputs), torch.randn(outputs, inputs), torch.randn(BATCH, outputs)) for inputs, outputs in WIDTHS]
    for _ in range(steps):
        for index, (x, weight, gradient) in enumerate(sides):
            torch.mm(x, weight.T)
            torch.mm(gradient.T, x)
            if index > 0:  # nobody needs the gradient of the data
                torch.mm(gradient, weight)


def training_rows(subject: InProcessSubject, steps: int, rounds: int, data_root: str | None) -> list[Row]:
    """A training step of the suite against a documents-style loop and against its matrix products."""
    images = torch.rand(20 * BATCH, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    recipe = Recipe("noise", steps=steps, batch=BATCH, learning_rate=LEARNING_RATE)
    tensors = TensorDataset(images)
    contestants: list[tuple[str, Callable[[], object]]] = [
        ("the suite's loop, data in memory", lambda: train(subject, recipe, images)),
        ("a documents-style loop, tensors through a DataLoader", lambda: documents_loop(subject, tensors, steps)),
        ("the matrix products alone", lambda: matrix_products(steps)),
    ]
    if data_root is not None:
        to_tensor = import_torchvision("torchvision.transforms").ToTensor()
        mnist = import_torchvision("torchvision.datasets").MNIST(data_root, transform=to_tensor)
        one_by_one = ("a documents-style loop, MNIST image by image", lambda: documents_loop(subject, mnist, steps))
        contestants.insert(2, one_by_one)
    return contest(contestants, rounds=rounds, steps=steps)


def noise_rows(subject: InProcessSubject, rounds: int) -> list[Row]:
    """A training-mode forward pass without and with the control of the noise."""
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
    """The time of each exact claim on the reference; the ratio is its share of the whole."""
    session = Session(RunOptions("reference", profile="exact"), lambda _event: None)
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
    """The rows as text."""
    width = max(len(row.name) for row in rows)
    lines = [title, f"  {'':{width}}  {unit:>10}  {ratio:>8}"]
    lines += [f"  {row.name:{width}}  {row.milliseconds:10.2f}  {row.ratio:8.2f}" for row in rows]
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write where that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch, for training and forward passes (1)")
    parser.add_argument("--steps", type=int, default=60, help="training steps a round (60)")
    parser.add_argument("--rounds", type=int, default=5, help="how often the contestants take turns (5)")
    parser.add_argument("--data-root", help="the folder of torchvision's data sets: adds MNIST image by image")
    parser.add_argument("--json", type=Path, help="write the numbers as JSON")
    given = parser.parse_args(argv)
    torch.set_num_threads(given.threads)
    subject = reference()
    measured: dict[str, list[Row]] = {}
    measured["training step"] = training_rows(subject, given.steps, given.rounds, given.data_root)
    title = f"A training step, batch {BATCH}, {given.threads} thread(s)"
    print(table(title, "ms", "ratio", measured["training step"]), flush=True)
    measured["control of the noise"] = noise_rows(subject, given.rounds)
    print(table("A forward pass, batch 128", "ms", "ratio", measured["control of the noise"]), flush=True)
    measured["exact claims"] = claim_rows()
    print(table("The exact claims on the reference, one thread", "ms", "share", measured["exact claims"]), flush=True)
    if given.json is not None:
        content = {
            "torch": torch.__version__,
            "threads": given.threads,
            "rows": {name: [asdict(row) for row in rows] for name, rows in measured.items()},
        }
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
