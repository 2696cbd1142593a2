"""The exit code of a run, from the outcomes of its claims: the worst wins, in the order 5, 2, 1, 4, 3, 0."""

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
        """The exit code's name in reports."""
        return self.name.lower()

    @property
    def meaning(self) -> str:
        """The exit code's meaning, in a sentence."""
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.CONFORMS: "every claim that gates holds",
    ExitCode.VIOLATES: "a claim that gates is violated, or an expected failure passes",
    ExitCode.UNBOUND: "the target cannot be loaded or bound, or an option is wrong",
    ExitCode.INCONCLUSIVE: "nothing is violated, but a claim that gates could not be decided",
    ExitCode.INCOMPLETE: "fewer claims were decided than the profile promises, or than --require-parts wants",
    ExitCode.ERROR: "the suite itself failed; this says nothing about the implementation",
    ExitCode.INTERRUPTED: "interrupted; the report holds what was decided until then",
}


@dataclass(frozen=True)
class Standing:
    """One claim's contribution to the exit code: its level and its outcome."""

    level: Level
    outcome: Outcome


def gates(level: Level, gate: str) -> bool:
    """Return whether a claim of this level is gating under `gate`, which is `expected` or `required`."""
    return level is Level.REQUIRED or (level is Level.EXPECTED and gate == "expected")


def exit_code(
    claims: Mapping[str, Standing],
    promised: Collection[str],
    gate: str,
    *,
    unbound: bool = False,
    suite_failed: bool = False,
    unasked: Collection[str] = (),
    interrupted: bool = False,
) -> ExitCode:
    """Return the exit code of a run.

    An error of the suite counts at every level, because nothing is known after it. An expected failure that passes
    fails the run under either gate, because the list that names it is out of date; informational claims never do.
    A claim that is not applicable has a verdict, so it counts as decided for the profile, but it is not a pass: if no
    other claim was checked, the run is incomplete. Claims are left out only because of a required one that is violated,
    which decides. An interrupted run has no verdict as a whole.

    Args:
        claims: all claims that have a verdict, by id.
        promised: the ids of the claims in the profile.
        gate: `expected` or `required`.
        unbound: whether the target could not be loaded or bound.
        suite_failed: whether the suite itself failed outside its claims.
        unasked: ids of gating claims that the user requires but that could not be checked because a part is missing.
        interrupted: whether the run was stopped before its end.
    """
    outcomes = [standing.outcome for standing in claims.values()]
    gated = [standing.outcome for standing in claims.values() if gates(standing.level, gate)]
    stale = any(standing.outcome is Outcome.UNEXPECTED_PASS and standing.level is not Level.INFORMATIONAL for standing in claims.values())
    decided = set(outcomes) - {Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE, Outcome.NOT_ASKED}
    if interrupted:
        return ExitCode.INTERRUPTED
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
