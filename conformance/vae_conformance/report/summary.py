"""The summary that all reports share: outcomes by area and level, and the verdict in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.wording import count
from vae_conformance.runner.record import ClaimReport, RunRecord, heading
from vae_spec.outcomes import Level, Outcome
from vae_spec.parts import Part

_ADVICE: Mapping[str, str] = {
    Part.LOSS: "name the loss that training uses with --loss, or put it into the class or beside it; where it cannot be called as it is,"
    " docs/adapters.md shows a record that says how",
    Part.DRAW: "let the sampling step be a method, reparameterize(mu, logvar), or say with a record where it is: docs/adapters.md",
}
"""Advice for each part in `vae_conformance.runner.record.REPLACEABLE`."""
_NAMES: Mapping[str, str] = {Part.LOSS: "loss", Part.DRAW: "sampling step that can be called"}

_BAD = frozenset({Outcome.VIOLATED, Outcome.ERROR, Outcome.UNEXPECTED_PASS})
_OPEN = frozenset({Outcome.INCONCLUSIVE, Outcome.EXPECTED_FAILURE})


def counted(outcome: Outcome, n: int) -> str:
    """Return the number of claims with an outcome in words: "1 holds", "2 hold", "3 violated"."""
    return f"{n} hold" if outcome is Outcome.HOLDS and n != 1 else f"{n} {outcome.words}"


@dataclass(frozen=True)
class Cell:
    """The claims of one area at one level.

    Attributes:
        holding: the number that hold.
        asked: the number of claims, without those that are not applicable or were not asked.
        bad: whether any is violated, passes unexpectedly, or ended in an error.
        open: whether any is inconclusive, or fails as expected.
    """

    holding: int
    asked: int
    bad: bool
    open: bool

    @staticmethod
    def of(claims: Iterable[ClaimReport]) -> Cell:
        """Summarise these claims."""
        outcomes = [claim.outcome for claim in claims if claim.outcome not in {Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED}]
        return Cell(outcomes.count(Outcome.HOLDS), len(outcomes), bool(_BAD & set(outcomes)), bool(_OPEN & set(outcomes)))

    def shown(self) -> str:
        """Return the text for a table: "3 of 4", or a dash."""
        return f"{self.holding} of {self.asked}" if self.asked else "–"


@dataclass(frozen=True)
class Row:
    """One area, or all of them: the heading, a cell per level, and how many claims are not applicable, and how many were not asked."""

    name: str
    cells: tuple[Cell, ...]
    not_applicable: int
    not_asked: int

    @staticmethod
    def of(name: str, claims: Sequence[ClaimReport]) -> Row:
        """Summarise these claims by level."""
        cells = tuple(Cell.of(claim for claim in claims if claim.verdict.level is level) for level in Level)
        others = (sum(claim.outcome is outcome for claim in claims) for outcome in (Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED))
        return Row(name, cells, *others)


def rows(report: RunRecord) -> list[Row]:
    """Return a row for each area that has claims, and one for all areas together."""
    each = [Row.of(heading(area), claims) for area, claims in report.by_area.items()]
    return [*each, Row.of("all", report.claims)] if each else []


def advice(report: RunRecord) -> list[str]:
    """Return a sentence of advice per missing part that left claims unasked; empty if the run found something wrong."""
    open_ = report.exit_code in (ExitCode.CONFORMS, ExitCode.INCOMPLETE)
    return [_ADVICE[part] for part in report.unasked.parts] if open_ else []


def unasked_words(report: RunRecord) -> str:
    """Return a clause that says which parts were not found and how many claims could therefore not be asked."""
    missing = report.unasked
    names = " and no ".join(_NAMES[part] for part in missing.parts)
    found = "was" if len(missing.parts) == 1 else "were"
    return f"no {names} {found} found, so {len(missing.claims)} of {count(len(report.claims), 'claim')} could not be asked"


def postponed_words(report: RunRecord) -> str:
    """Return a sentence that says how many claims on training were not asked, and why; empty if none were left out."""
    left_out, these = len(report.postponed.claims), "this" if len(report.postponed.fix_first) == 1 else "these"
    if not left_out:
        return ""
    were, them = ("was", "it too") if left_out == 1 else ("were", "them all")
    return f"{count(left_out, 'claim')} on training {were} not asked: fix {these} first; --keep-going asks {them}"


def missing_words(report: RunRecord) -> str:
    """Return what is to be said of promised claims without a verdict: "not asked", or "not decided" in a run that was stopped."""
    return "not decided" if report.stopped_by else "not asked"


def whole_verdict(report: RunRecord) -> str:
    """Return the headline, with what was left out because of it."""
    return "; ".join(filter(None, (headline(report), postponed_words(report))))


def leaves_claims_open(report: RunRecord) -> bool:
    """Return whether nothing gating is violated, and some gating claims do not apply."""
    return report.exit_code is ExitCode.CONFORMS and any(claim.gates and claim.outcome is Outcome.NOT_APPLICABLE for claim in report.claims)


def short_verdict(report: RunRecord) -> str:
    """Return the verdict in a few words, for titles; one that leaves claims open says so."""
    return f"{report.exit_code.verdict}{' as far as it was asked' if leaves_claims_open(report) else ''}"


def meaning(report: RunRecord) -> str:
    """Return the exit code's meaning in this run; if claims are left open, it speaks of those that were asked alone."""
    return "every gating claim that applies holds; the others are left open" if leaves_claims_open(report) else report.exit_code.meaning


def _untrained_words(report: RunRecord) -> str:
    """Return a clause that says that none of the claims on training applies; empty if any does, or the profile has none."""
    trained = [claim.outcome for claim in report.claims if claim.verdict.trained and claim.gates]
    return "; nothing was trained, so how it learns is left open" if set(trained) == {Outcome.NOT_APPLICABLE} else ""


def headline(report: RunRecord) -> str:
    """Return the verdict as a sentence without its subject, the target."""
    violated = [claim for claim in report.claims if claim.outcome is Outcome.VIOLATED and claim.gates]
    gating = [claim for claim in report.claims if claim.gates and claim.outcome is not Outcome.NOT_APPLICABLE]
    match report.exit_code:
        case ExitCode.CONFORMS:
            holding = sum(claim.outcome is Outcome.HOLDS for claim in gating)
            excused = sum(claim.outcome is Outcome.EXPECTED_FAILURE for claim in gating)
            listed = f", and {count(excused, 'listed claim')} {'fails' if excused == 1 else 'fail'} as expected" if excused else ""
            able = sum(claim.gates for claim in report.claims)
            if len(gating) < able:
                asked = f"conforms as far as it was asked: {holding} of {count(able, 'claim')} hold, {able - len(gating)} do not apply"
                why = f"; {unasked_words(report)}" if report.unasked.claims else _untrained_words(report)
                return f"{asked}{why}{listed}"
            return f"conforms: {'the 1 claim that decides holds' if holding == 1 else f'all {holding} claims that decide hold'}{listed}"
        case ExitCode.VIOLATES if violated:
            levels = Counter(claim.verdict.level for claim in violated)
            each = " and ".join(f"{levels[level]} {level.value}" for level in Level if levels[level])
            return f"does not conform: {each} {'claim is' if len(violated) == 1 else 'claims are'} violated"
        case ExitCode.VIOLATES:
            return "does not conform: a claim that is listed as an expected failure holds, so the list is out of date"
        case ExitCode.UNBOUND:
            return "cannot be judged: it could not be loaded or bound"
        case ExitCode.INCONCLUSIVE:
            return "is not decided: nothing is violated, but some claims lie too near the border, or ran out of time"
        case ExitCode.INCOMPLETE if report.options.require_parts and report.unasked.claims:
            return f"is not decided: {unasked_words(report)}, and --require-parts wants them asked"
        case ExitCode.INTERRUPTED:
            decided = sum(claim.outcome is not Outcome.NOT_ASKED for claim in report.claims)
            return f"was stopped by {report.stopped_by}: {decided} of {count(len(report.promised), 'claim')} decided"
        case ExitCode.INCOMPLETE:
            return "is not decided: fewer claims were asked than the profile promises"
        case _:
            return "was not judged: the suite itself failed, which says nothing about the implementation"
