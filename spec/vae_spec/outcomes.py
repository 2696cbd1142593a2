"""What can be said of a claim once it has been asked: the outcome, the numbers behind it, and the words.

A verdict is a frozen record of plain values, so that it can cross a process border, be stored as JSON and be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

Number = float | int | str | bool | None


class Outcome(StrEnum):
    """How one claim stands for one implementation."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"
    EXPECTED_FAILURE = "expected-failure"
    UNEXPECTED_PASS = "unexpected-pass"  # noqa: S105  an outcome, not a password

    @property
    def words(self) -> str:
        """The outcome as it stands in a sentence."""
        return self.value.replace("-", " ")

    @property
    def sign(self) -> str:
        """The outcome as one ASCII character, for tables of many."""
        return _SIGNS[self]


_SIGNS: Mapping[Outcome, str] = {
    Outcome.HOLDS: ".",
    Outcome.VIOLATED: "X",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_APPLICABLE: "-",
    Outcome.ERROR: "!",
    Outcome.EXPECTED_FAILURE: "x",
    Outcome.UNEXPECTED_PASS: "P",
}


class Level(StrEnum):
    """How much a claim weighs.

    `required` claims define a VAE, `expected` claims are phenomena that the documents say a healthy VAE shows, and
    `informational` claims are measured and reported, never gated.
    """

    REQUIRED = "required"
    EXPECTED = "expected"
    INFORMATIONAL = "informational"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim with what was measured, what was expected and what to do about it.

    Attributes:
        outcome: how the claim stands.
        message: one or more lines in plain words; the first says what happened.
        measured: what was measured, by name (value, standard error, n, seeds, ...).
        expected: what the claim expects of the same quantities, and the margin.
        hint: what most likely went wrong and how to mend it; empty where nothing did.
        diagnosis: the id of the mistake (see `vae_spec.mistakes`) that explains a violation best, if one does.
        smallest_effect: the smallest error that this check would have caught, in words with numbers.
    """

    outcome: Outcome
    message: str
    measured: Mapping[str, Number] = field(default_factory=dict)
    expected: Mapping[str, Number] = field(default_factory=dict)
    hint: str = ""
    diagnosis: str | None = None
    smallest_effect: str = ""

    def with_hint(self, hint: str) -> Verdict:
        """The same verdict; `hint` stands in where it has none of its own."""
        return self if self.hint else replace(self, hint=hint)


def holds(
    message: str,
    *,
    measured: Mapping[str, Number] | None = None,
    expected: Mapping[str, Number] | None = None,
    smallest_effect: str = "",
) -> Verdict:
    """The claim holds."""
    return Verdict(Outcome.HOLDS, message, measured or {}, expected or {}, smallest_effect=smallest_effect)


def violated(
    message: str,
    *,
    measured: Mapping[str, Number] | None = None,
    expected: Mapping[str, Number] | None = None,
    hint: str = "",
    diagnosis: str | None = None,
) -> Verdict:
    """The claim does not hold; `hint` and `diagnosis` say why, where that is known better than the claim's own hint."""
    return Verdict(Outcome.VIOLATED, message, measured or {}, expected or {}, hint, diagnosis)


def inconclusive(message: str, *, measured: Mapping[str, Number] | None = None, expected: Mapping[str, Number] | None = None) -> Verdict:
    """The numbers lie too near the border to say either."""
    return Verdict(Outcome.INCONCLUSIVE, message, measured or {}, expected or {})


def not_applicable(reason: str, *, measured: Mapping[str, Number] | None = None) -> Verdict:
    """The claim does not concern this implementation, and why; never counts as a pass. `measured` names a part that was not found."""
    return Verdict(Outcome.NOT_APPLICABLE, reason, measured or {})
