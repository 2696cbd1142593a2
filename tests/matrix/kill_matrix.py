"""The kill matrix: every claim asked of every catalogue entry, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from catalogue_index import Entry

from vae_conformance.config.options import RunOptions
from vae_conformance.runner.session import Session
from vae_spec.claim import Claim
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS

COMPARED = frozenset({"batch-norm-encoder", "native-digits", "points-tanh"})
"""Sound entries that are asked the comparisons in every run of the tests; benchmarks/kill_matrix.py asks them of all."""
SAME_NETWORKS = frozenset(
    {
        "all-inline",
        "careless",
        "code-first",
        "dict-output",
        "distribution-objects",
        "encoder-decoder-classes",
        "encoder-decoder-objects",
        "encoder-samples",
        "flat-required-arguments",
        "floor-on-std",
        "four-tuple-z-last",
        "image-in-flat-out",
        "inline-forward",
        "loss-and-reconstruction",
        "loss-of-the-batch",
        "loss-of-the-model",
        "mean-and-std-decoder",
        "mean-first",
        "mean-in-eval",
        "means-over-everything",
        "no-forward",
        "output-record",
        "posterior-object",
        "private-generator",
        "reconstruction-alone",
        "reconstruction-and-kl",
        "scalar-loss-method",
        "script-flat",
        "std-head-of-distributions",
        "stored-kl",
        "stored-mean",
        "submodules-only",
        "training-step",
        "two-networks",
    }
)
"""Sound entries with another interface to networks and objective of another entry: their trainings would show the same again."""


@dataclass(frozen=True)
class Row:
    """One entry's verdicts."""

    entry: Entry
    verdicts: Mapping[str, Verdict]

    @property
    def violated(self) -> set[str]:
        """The claims that reject it."""
        return {claim for claim, verdict in self.verdicts.items() if verdict.outcome == "violated"}

    @property
    def surviving_killers(self) -> set[str]:
        """The named killers that were asked and did not fire."""
        return {claim for claim in self.entry.killers if claim in self.verdicts} - self.violated


def claims_for(entry: Entry, *, everything: bool = False, killers: bool = False) -> list[Claim]:
    """What an entry is asked.

    A broken one that bears its mistake's name: the exact claims, and the trained ones that look at what its named killers look at. Another
    form of the same mistake: its named killers, and with `everything` the same. A sound one: the exact claims; those on its own training,
    unless its networks are another entry's; comparisons, which train it five times as often, where it is one of `COMPARED`; with
    `everything` all. With `killers` every broken one: its named killers alone.
    """
    claims = [claim for claim in CLAIMS.values() if not claim.reference_only]
    if entry.kind == "broken" and (killers or (entry.path.stem != entry.mistake and not everything)):
        return [claim for claim in claims if claim.id in entry.killers]
    if everything and entry.kind == "sound":
        return claims
    if entry.kind == "broken":
        seen = {CLAIMS[killer].experiment for killer in entry.killers}
        return [claim for claim in claims if not claim.trained or claim.experiment in seen]
    name = entry.path.stem
    asked = [claim for claim in claims if claim.experiment is None or not claim.experiment.paired or name in COMPARED]
    return [claim for claim in asked if not claim.trained or name not in SAME_NETWORKS]


def judge_entry(entry: Entry, *, seed: int, store: str, everything: bool = False, killers: bool = False, data: str | None = None) -> Row:
    """Ask an entry, about trainings on the embedded digits or on an archive of other images; which claims, `claims_for` tells."""
    threads = torch.get_num_threads()
    # Other sizes are for false alarms and for wrong constants; every other mistake shows at a model's own size.
    other_sizes = everything or entry.mistake == "hard-coded-shape" or (entry.kind == "sound" and entry.path.stem not in SAME_NETWORKS)
    session = Session(
        RunOptions(str(entry.path), seed=seed, store=store, data=data, **entry.options), lambda _event: None, other_sizes=other_sizes
    )
    try:
        verdicts = {claim.id: session.verdict(claim.id) for claim in claims_for(entry, everything=everything, killers=killers)}
    finally:
        torch.set_num_threads(threads)
    return Row(entry, verdicts)


def table(outcomes: Mapping[str, Mapping[str, str]]) -> str:
    """Entries down, claims across: X violated, . holds, - not applicable, ? inconclusive, ! error, blank not asked."""
    ids = list(CLAIMS)
    width = max((len(name) for name in outcomes), default=0)
    heads = [
        "".join(f"{claim.rpartition('-')[0][:3]:>4}" for claim in ids),
        "".join(f"{claim.rpartition('-')[2]:>4}" for claim in ids),
    ]
    lines = [" " * width + head for head in heads]
    lines += [
        f"{name:{width}}" + "".join(f"{Outcome(row[claim]).sign if claim in row else ' ':>4}" for claim in ids)
        for name, row in sorted(outcomes.items())
    ]
    return "\n".join(lines)


def claims_without_a_kill(rows: Iterable[Mapping[str, str]]) -> set[str]:
    """Claims that reject nothing in these rows."""
    killing = {claim for row in rows for claim, outcome in row.items() if outcome == "violated"}
    return set(CLAIMS) - killing
