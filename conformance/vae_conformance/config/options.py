"""What the user asked for: the options of one run, as one frozen record that travels to worker processes as JSON."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

OWN_IMAGES = "own images"
"""What stands for a data set's name where the user's own images are trained on."""


@dataclass(frozen=True)
class RunOptions:
    """The options of `vae-conformance run`.

    Attributes:
        target: the implementation, as the user named it.
        profile: exact, quick or full.
        dataset: digits, mnist, fashion-mnist, or clusters.
        data: an archive of the user's own images that is trained on in place of a data set, or None.
        data_root: where torchvision's data sets lie; None where none was named.
        download: whether a data set that does not lie there may be downloaded into it.
        seed: varies noise, examples and training seeds.
        only: claim ids or areas to ask; empty for all of the profile.
        gate: `expected` gates required and expected claims, `required` the required ones alone.
        require_parts: whether a gating claim that cannot be asked, because the loss or the sampling step was not found, leaves the run
            incomplete.
        expected_failures: claim id -> the reason why it may fail.
        effective_beta: the KL's weight against the negative log-likelihood that the author declares, or None.
        likelihood: the declared likelihood, or None to detect it.
        objective: what the loss is declared to be, or None where nothing is said: the ELBO.
        decoder: what the decoder is declared to see, or None where nothing is said: the code alone.
        loss: the name of the loss that training uses, where the file has several; None for the only one.
        second_head: what the encoder's second output is declared to be, or None to detect it.
        input_shape: the shape of one item, or None to detect it.
        input_range: the range of an item's entries, or None to detect it.
        weights: a file of a trained model's weights, which is judged as it is; None to train.
        device: a torch device name.
        fail_fast: stop at the first violated gated claim.
        time_limit: seconds a claim may take, its trainings apart.
        training_time_limit: seconds that one training may take.
        store: the folder of trained runs, or None for the user's cache folder.
    """

    target: str
    profile: str = "quick"
    dataset: str = "digits"
    data: str | None = None
    data_root: str | None = None
    download: bool = False
    seed: int = 0
    only: tuple[str, ...] = ()
    gate: str = "expected"
    require_parts: bool = False
    expected_failures: dict[str, str] = field(default_factory=dict)
    effective_beta: float | None = None
    likelihood: str | None = None
    objective: str | None = None
    decoder: str | None = None
    loss: str | None = None
    second_head: str | None = None
    input_shape: tuple[int, ...] | None = None
    input_range: tuple[float, float] | None = None
    weights: str | None = None
    device: str = "cpu"
    fail_fast: bool = False
    time_limit: float = 60.0
    training_time_limit: float = 600.0
    store: str | None = None

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return json.dumps(msgspec.to_builtins(self))

    @staticmethod
    def from_json(text: str) -> RunOptions:
        """The options that `to_json` wrote."""
        return msgspec.convert(json.loads(text), RunOptions)

    @property
    def images(self) -> str:
        """What the image models are trained on, by name: a data set, or `OWN_IMAGES`."""
        return self.dataset if self.data is None else OWN_IMAGES

    @property
    def data_name(self) -> str:
        """What reports call the data."""
        return self.dataset if self.data is None else Path(self.data).name

    @property
    def store_path(self) -> Path | None:
        """The folder of trained runs, where one was named."""
        return None if self.store is None else Path(self.store)


def default_workers(profile: str) -> int:
    """One process for the exact claims, which are sooner asked than it starts; otherwise up to two."""
    if profile == "exact":
        return 1
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(2, cores)
