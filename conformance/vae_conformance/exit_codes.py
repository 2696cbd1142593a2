"""How the outcomes of the claims become one exit code: the worst wins, in the order 5, 2, 1, 4, 3, 0."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum

from vae_spec.outcomes import Level, Outcome


class ExitCode(IntEnum):
    """The exit codes of `vae-conformance run`."""

    CONFORMS = 0
    VIOLATES = 1
    UNBOUND = 2
    INCONCLUSIVE = 3
    INCOMPLETE = 4
    ERROR = 5
    INTERRUPTED = 130

    @property
    def verdict(self) -> str:
        """The word for it in reports."""
        return self.name.lower()

    @property
    def meaning(self) -> str:
        """What it says, in a sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.CONFORMS: "every claim that gates holds",
    ExitCode.VIOLATES: "a claim that gates is violated, or an expected failure passes",
    ExitCode.UNBOUND: "the target cannot be loaded or bound, or an option is wrong",
    ExitCode.INCONCLUSIVE: "nothing is violated, but a claim that gates could not be decided",
    ExitCode.INCOMPLETE: "fewer claims were decided than the profile promises, or than --require-parts wants",
    ExitCode.ERROR: "the suite itself failed; this says nothing about the implementation",
    ExitCode.INTERRUPTED: "interrupted",
}


@dataclass(frozen=True)
class Standing:
    """What one claim adds to the exit code: how much it weighs and how it came out."""

    level: Level
    outcome: Outcome


def gates(level: Level, gate: str) -> bool:
    """Whether a claim of this level decides the exit code under `gate`, `expected` or `required`."""
    return level is Level.REQUIRED or (level is Level.EXPECTED and gate == "expected")


def exit_code(
    claims: Mapping[str, Standing],
    promised: Collection[str],
    gate: str,
    *,
    unbound: bool = False,
    suite_failed: bool = False,
    unasked: Collection[str] = (),
) -> ExitCode:
    """The exit code of a run.

    An error of the suite counts at every level, because nothing is known after it. An expected failure that passes
    fails the run whatever the gate, because the list that names it is out of date; informational claims never do.
    A claim that is not applicable has a verdict, so the promise is met without it, but it is no pass: where nothing
    else was asked, the run is incomplete.

    Args:
        claims: every claim that has a verdict, by id.
        promised: the ids that the profile asks.
        gate: `expected` or `required`.
        unbound: whether the target could not be loaded or bound.
        suite_failed: whether the suite broke down beside its claims.
        unasked: the ids that gate and could not be asked for want of a part, where the user wants them asked.
    """
    outcomes = [standing.outcome for standing in claims.values()]
    gated = [standing.outcome for standing in claims.values() if gates(standing.level, gate)]
    stale = any(standing.outcome is Outcome.UNEXPECTED_PASS and standing.level is not Level.INFORMATIONAL for standing in claims.values())
    decided = set(outcomes) - {Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE}
    if suite_failed or Outcome.ERROR in outcomes:
        return ExitCode.ERROR
    if unbound:
        return ExitCode.UNBOUND
    if Outcome.VIOLATED in gated or stale:
        return ExitCode.VIOLATES
    if set(promised) - set(claims) or unasked:
        return ExitCode.INCOMPLETE
    if Outcome.INCONCLUSIVE in gated:
        return ExitCode.INCONCLUSIVE
    return ExitCode.CONFORMS if decided else ExitCode.INCOMPLETE
