"""The options of a run, each declared once, as a field of the frozen record that worker processes receive as JSON."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from vae_conformance.config import kinds, values
from vae_conformance.config.kinds import Kind, checked, choice, shown
from vae_conformance.config.target_spec import TargetSpec

OWN_IMAGES = "own images"
"""The data set's name if the user's own images are trained on."""

T = TypeVar("T")


class Group(StrEnum):
    """The groups of options in the command's help, in order."""

    ASKED = "what is asked"
    DECLARED = "what is declared of the implementation, where detection is not enough"
    COUNTS = "what counts"
    HOW = "how it is run"


class Scope(IntEnum):
    """The scope of an option, which determines where it may be set; the command line and Python accept all options."""

    CALL = 1
    """A single run."""
    PROJECT = 2
    """All runs of a project: may also be set in its pyproject.toml."""
    IMPLEMENTATION = 3
    """The implementation, in all its runs: may also be declared by its class."""


ASKED, DECLARED, COUNTS, HOW = Group
CALL = Scope.CALL


@dataclass(frozen=True)
class Option:
    """An option, apart from its Python type, which is that of its field.

    Its name is a field of `RunOptions`, and the keyword in Python. `scope` says where it may be set; `bears`, whether it affects verdicts,
    so that the command that reproduces a verdict includes it; `spelling` is its name on the command line, empty if it is the key.
    """

    name: str
    default: Any
    kind: Kind[Any]
    group: Group
    help: str
    scope: Scope = Scope.PROJECT
    bears: bool = True
    spelling: str = ""

    @property
    def key(self) -> str:
        """Its name in TOML and in declarations of a class."""
        return self.name.replace("_", "-")

    @property
    def flag(self) -> str:
        """Its name on the command line."""
        return f"--{self.spelling or self.key}"

    @property
    def argument(self) -> dict[str, Any]:
        """Its keyword arguments for argparse; an absent option sets no attribute, so that the configuration file can provide it."""
        given: dict[str, Any] = {"help": self.help, "default": argparse.SUPPRESS}
        if self.kind.of_text is None:
            return {**given, "action": "store_true"}
        if self.kind.choices:
            return {**given, "choices": self.kind.choices}
        action = "store" if self.kind.joined is None else "append"
        return {**given, "metavar": self.kind.metavar, "type": checked(self.kind.of_text), "action": action}


def _option(default: T, kind: Kind[T], group: Group, words: str, **more: Any) -> T:
    """Declare an option as a dataclass field; `{default}` in its help is replaced by the default, `more` holds other fields of `Option`."""
    facts = {"kind": kind, "group": group, "help": words.format(default=shown(default)), **more}
    made: T = field(default_factory=lambda: copy(default), metadata=facts)
    return made


def _declared(kind: Kind[T], words: str) -> T | None:
    return _option(None, kind, DECLARED, words, scope=Scope.IMPLEMENTATION)


@dataclass(frozen=True)
class RunOptions:
    """The options of `vae-conformance run`, each explained by its help; None means detected, or not set.

    Attributes:
        target: the implementation.
        training_time_limit: the time limit of one training in seconds; not settable by itself, and never less than `time_limit`.
    """

    target: TargetSpec
    profile: str = _option("quick", choice(values.PROFILES), ASKED, "how much is run: no training, little of it, or all ({default})")
    only: tuple[str, ...] = _option(
        (), kinds.SELECTION, ASKED, "claims or areas, such as KL-02,REP; may be given several times", scope=CALL, bears=False
    )
    dataset: str = _option(
        "digits",
        choice(values.DATASETS),
        ASKED,
        "what images are trained on ({default}, which ship with the package); rows and waves declare an item to be a row or a series",
    )
    data: str | None = _option(None, kinds.FILE, ASKED, "your own images to train on: a NumPy archive with train and test, or images")
    data_root: str | None = _option(None, kinds.PATH, ASKED, "the folder of torchvision's data sets")
    download: bool = _option(False, kinds.FLAG, ASKED, "download MNIST or Fashion-MNIST into that folder where it lacks it", bears=False)
    seed: int = _option(0, kinds.SEED, ASKED, "varies noise, examples and trainings ({default})", scope=CALL)
    effective_beta: float | None = _declared(kinds.WEIGHT, "the KL's weight against the negative log-likelihood")
    likelihood: str | None = _declared(choice(values.LIKELIHOODS), "what the reconstruction term is")
    objective: str | None = _declared(
        choice(values.OBJECTIVES),
        "what the loss is: the ELBO, the ELBO with a KL estimated from draws (detected too), or something else on purpose (elbo)",
    )
    decoder: str | None = _declared(
        choice(values.DECODERS),
        "what an entry of the output may depend on: the code alone, or earlier entries of x too (factorised)",
    )
    loss: str | None = _declared(kinds.NAME, "the loss that training uses, where the file has several")
    second_head: str | None = _declared(choice(values.SECOND_HEADS), "what the encoder's second output is, where nothing settles it")
    input_shape: tuple[int, ...] | None = _declared(kinds.SHAPE, "of one item, such as 1,28,28")
    input_range: tuple[float, float] | None = _declared(kinds.RANGE, "of an item's entries, such as -1,1")
    weights: str | None = _option(
        None, kinds.FILE, DECLARED, "a trained model's weights (a state dict): it is judged as it is, and nothing is trained"
    )
    device: str = _option("cpu", kinds.NAME, DECLARED, "a torch device ({default})")
    gate: str = _option(
        "expected",
        choice(values.GATES),
        COUNTS,
        "which claims decide the exit code: expected and required ones, or required ones alone ({default})",
        bears=False,
    )
    expected_failures: Mapping[str, str] = _option(
        {}, kinds.FAILURES, COUNTS, "a claim that may fail, and why; may be given several times", spelling="expect-fail", bears=False
    )
    require_parts: bool = _option(
        False,
        kinds.FLAG,
        COUNTS,
        "leave nothing open: a claim that gates and cannot be asked, because no loss or no sampling step was found, makes the exit code 4",
        bears=False,
    )
    fail_fast: bool = _option(False, kinds.FLAG, COUNTS, "stop at the first violated claim that gates", scope=CALL, bears=False)
    keep_going: bool = _option(
        False,
        kinds.FLAG,
        COUNTS,
        "ask claims on training too where a required claim that needs no training is violated; without it they are left out",
        bears=False,
    )
    time_limit: float = _option(60.0, kinds.SECONDS, HOW, "seconds that a claim may take, its trainings apart ({default})", bears=False)
    training_time_limit: float = 600.0
    store: str | None = _option(None, kinds.PATH, HOW, "the folder where trained runs are kept", scope=CALL, bears=False)

    def to_json(self) -> str:
        """Serialise the options as one line of JSON, for `from_json`."""
        return json.dumps(msgspec.to_builtins(self, enc_hook=str))

    @staticmethod
    def from_json(text: str) -> RunOptions:
        """Read the options that `to_json` wrote."""
        return msgspec.convert(json.loads(text), RunOptions, dec_hook=lambda kind, value: kind(value))

    @property
    def images(self) -> str:
        """The name of the data that image models are trained on: a data set, or `OWN_IMAGES`."""
        return self.dataset if self.data is None else OWN_IMAGES

    @property
    def data_name(self) -> str:
        """The name of the data in reports."""
        return self.dataset if self.data is None else Path(self.data).name

    @property
    def store_path(self) -> Path | None:
        """The folder of trained runs, if one was given."""
        return None if self.store is None else Path(self.store)


OPTIONS: Mapping[str, Option] = {
    entry.name: Option(entry.name, entry.default_factory(), **entry.metadata)
    for entry in fields(RunOptions)
    if entry.metadata and callable(entry.default_factory)
}
"""The options by field name, in the order of the help."""


def read_words(parsed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options given on a command line, by name; entries that are None, or no option, are left out."""
    given = ((option, parsed[name]) for name, option in OPTIONS.items() if parsed.get(name) is not None)
    return {option.name: option.kind.joined(value) if option.kind.joined else value for option, value in given}


def default_workers(profile: str) -> int:
    """Return 1 for the exact profile, whose claims take less time than starting a process; otherwise up to 2."""
    if profile == "exact":
        return 1
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(2, cores)
