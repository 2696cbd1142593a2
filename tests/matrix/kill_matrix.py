"""The kill matrix: claims asked of every catalogue entry, in this process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from named import named_options

from catalogue_index import Entry
from golden import Golden, of_report
from vae_conformance.runner.record import assemble
from vae_conformance.runner.run_state import RunState
from vae_conformance.runner.session import Session
from vae_spec.claim import Claim, Profile
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS, select

COMPARED = frozenset({"batch-norm-encoder", "native-digits", "points-tanh"})
"""Sound entries that every test run asks the comparisons; benchmarks/kill_matrix.py can ask them of all sound entries."""
SAME_NETWORKS = frozenset(
    {
        "all-inline",
        "careless",
        "code-first",
        "command-line-values",
        "conditional",
        "dict-output",
        "distribution-objects",
        "embedded-label",
        "encode-of-features",
        "encoder-decoder-classes",
        "encoder-decoder-objects",
        "encoder-samples",
        "estimated-kl-kept",
        "flat-required-arguments",
        "floor-on-std",
        "forward-returns-loss",
        "four-tuple-z-last",
        "functions-of-networks",
        "image-in-flat-out",
        "inline-forward",
        "lightning-module",
        "list-of-sizes",
        "loss-and-reconstruction",
        "loss-of-the-batch",
        "loop-looks-at-items",
        "loss-of-the-model",
        "mean-and-std-decoder",
        "mean-first",
        "mean-in-eval",
        "means-over-everything",
        "missing-packages",
        "multinomial",
        "no-forward",
        "output-record",
        "own-distribution",
        "own-methods",
        "posterior-object",
        "private-generator",
        "reconstruction-alone",
        "reconstruction-and-kl",
        "rescaled-target",
        "scalar-loss-method",
        "scaled-likelihood",
        "script-flat",
        "settings-table",
        "std-head-of-distributions",
        "stored-kl",
        "stored-mean",
        "submodules-only",
        "terms-of-a-trainer",
        "training-step",
        "two-networks",
        "untrained-batch-norm",
        "weight-on-purpose",
        "widened-latent",
    }
)
"""Sound entries that share networks and objective with another entry and differ in the interface only; their trainings add nothing."""


@dataclass(frozen=True)
class Row:
    """One entry's verdicts.

    Attributes:
        entry: the entry.
        verdicts: the verdicts by claim id.
        exact: the golden result of a report on the exact claims alone; None if not all of them were asked.
    """

    entry: Entry
    verdicts: Mapping[str, Verdict]
    exact: Golden | None = None

    @property
    def violated(self) -> set[str]:
        """Return the claims that reject the entry."""
        return {claim for claim, verdict in self.verdicts.items() if verdict.outcome == "violated"}

    @property
    def surviving_killers(self) -> set[str]:
        """Return the named killers that were asked and did not reject the entry."""
        return {claim for claim in self.entry.killers if claim in self.verdicts} - self.violated


def claims_for(entry: Entry, *, everything: bool = False, killers: bool = False) -> list[Claim]:
    """Return the claims that an entry is asked.

    A broken entry named exactly like its mistake is asked the exact claims, and the trained claims on the experiments of its named killers.
    Another form of the same mistake is asked the exact claims and its named killers; with `everything`, or if all of these are trained, the
    same as the former. A sound entry is asked the exact claims; the claims on its own training, unless it is in `SAME_NETWORKS`; and the
    comparisons, which train it five times as often, if it is in `COMPARED`; with `everything`, all claims. With `killers`, every broken
    entry is asked its named killers alone.
    """
    claims = [claim for claim in CLAIMS.values() if not claim.reference_only]
    if entry.kind == "broken" and killers:
        return [claim for claim in claims if claim.id in entry.killers]
    form = entry.path.stem != entry.mistake and any(not CLAIMS[killer].trained for killer in entry.killers)
    if entry.kind == "broken" and form and not everything:
        return [claim for claim in claims if not claim.trained or claim.id in entry.killers]
    if everything and entry.kind == "sound":
        return claims
    if entry.kind == "broken":
        seen = {CLAIMS[killer].experiment for killer in entry.killers}
        return [claim for claim in claims if not claim.trained or claim.experiment in seen]
    name = entry.path.stem
    asked = [claim for claim in claims if claim.experiment is None or not claim.experiment.paired or name in COMPARED]
    return [claim for claim in asked if not claim.trained or name not in SAME_NETWORKS]


def judge_entry(entry: Entry, *, seed: int, store: str, everything: bool = False, killers: bool = False, data: str | None = None) -> Row:
    """Ask an entry the claims of `claims_for`, with trainings on the embedded digits or on the archive of images `data`."""
    threads = torch.get_num_threads()
    # Other sizes reveal false alarms and hard-coded constants; all other mistakes show at the model's own size.
    other_sizes = everything or entry.mistake == "hard-coded-shape" or (entry.kind == "sound" and entry.path.stem not in SAME_NETWORKS)
    session = Session(
        named_options(str(entry.path), seed=seed, store=store, data=data, **entry.options), lambda _event: None, other_sizes=other_sizes
    )
    try:
        verdicts = {claim.id: session.verdict(claim.id) for claim in claims_for(entry, everything=everything, killers=killers)}
        return Row(entry, verdicts, _exact(session, entry, verdicts))
    finally:
        torch.set_num_threads(threads)


def _exact(session: Session, entry: Entry, verdicts: Mapping[str, Verdict]) -> Golden | None:
    """Return the golden result of a report on the exact claims, assembled as in a run; None if not all of them were asked."""
    exact = tuple(claim.id for claim in select(Profile.EXACT))
    if not verdicts.keys() >= set(exact):
        return None
    state = RunState(promised=exact, verdicts={claim: session.record(claim, verdicts[claim], 0.0) for claim in exact})
    return of_report(entry.name, assemble(state, session.options, duration_s=0.0))


def table(outcomes: Mapping[str, Mapping[str, str]]) -> str:
    """Format a table of entries by claims: X violated, . holds, - not applicable, ? inconclusive, ! error, blank not asked."""
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
    """Return the claims that reject nothing in these rows."""
    killing = {claim for row in rows for claim, outcome in row.items() if outcome == "violated"}
    return set(CLAIMS) - killing
