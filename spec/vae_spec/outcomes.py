"""Verdicts on claims: the outcome, the numbers behind it, and the message.

A verdict is a frozen record of plain values, so that it can be sent to another process, stored as JSON and compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

Number = float | int | str | bool | None
Numbers = Mapping[str, Number]
NONE: Numbers = {}
"""No numbers."""


class Outcome(StrEnum):
    """The outcome of one claim for one implementation."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"
    EXPECTED_FAILURE = "expected-failure"
    UNEXPECTED_PASS = "unexpected-pass"  # noqa: S105  an outcome, not a password
    NOT_ASKED = "not-asked"

    @property
    def words(self) -> str:
        """The outcome as worded in a sentence."""
        return self.value.replace("-", " ")

    @property
    def sign(self) -> str:
        """The outcome as one ASCII character, for compact tables."""
        return _SIGNS[self]


_SIGNS: Mapping[Outcome, str] = {
    Outcome.HOLDS: ".",
    Outcome.VIOLATED: "X",
    Outcome.INCONCLUSIVE: "?",
    Outcome.NOT_APPLICABLE: "-",
    Outcome.ERROR: "!",
    Outcome.EXPECTED_FAILURE: "x",
    Outcome.UNEXPECTED_PASS: "P",
    Outcome.NOT_ASKED: "/",
}


class Level(StrEnum):
    """The weight of a claim.

    `required` claims define a VAE, `expected` claims are phenomena that the documents say a healthy VAE shows, and
    `informational` claims are measured and reported but never gating.
    """

    REQUIRED = "required"
    EXPECTED = "expected"
    INFORMATIONAL = "informational"


@dataclass(frozen=True)
class Verdict:
    """The outcome of one claim, with measured and expected values and a hint.

    Attributes:
        outcome: the outcome of the claim.
        message: one or more lines in plain words; the first says what happened.
        measured: measured quantities, by name (value, standard error, n, seeds, ...).
        expected: the values that the claim expects of the same quantities, and the margin.
        hint: the most likely fault and how to fix it; empty if there is none.
        diagnosis: the id of the mistake (see `vae_spec.mistakes`) that best explains a violation, if any.
        smallest_effect: the smallest error that this check would have detected, in words with numbers.
    """

    outcome: Outcome
    message: str
    measured: Numbers = field(default_factory=dict)
    expected: Numbers = field(default_factory=dict)
    hint: str = ""
    diagnosis: str | None = None
    smallest_effect: str = ""

    def with_hint(self, hint: str) -> Verdict:
        """Return the verdict with `hint`, unless it already has a hint."""
        return self if self.hint else replace(self, hint=hint)


def holds(message: str, *, measured: Numbers = NONE, expected: Numbers = NONE, smallest_effect: str = "") -> Verdict:
    """Return the verdict that the claim holds."""
    return Verdict(Outcome.HOLDS, message, measured, expected, smallest_effect=smallest_effect)


def violated(message: str, *, measured: Numbers = NONE, expected: Numbers = NONE, hint: str = "", diagnosis: str | None = None) -> Verdict:
    """Return the verdict that the claim is violated; `hint` and `diagnosis` override the claim's own hint if more is known."""
    return Verdict(Outcome.VIOLATED, message, measured, expected, hint, diagnosis)


def inconclusive(message: str, *, measured: Numbers = NONE, expected: Numbers = NONE) -> Verdict:
    """Return the verdict that the numbers are too close to the bound to decide."""
    return Verdict(Outcome.INCONCLUSIVE, message, measured, expected)


def not_applicable(reason: str, *, measured: Numbers = NONE) -> Verdict:
    """Return the verdict that the claim does not apply; never counts as a pass. `measured` may name a part that was not found."""
    return Verdict(Outcome.NOT_APPLICABLE, reason, measured)


def not_asked(reason: str) -> Verdict:
    """Return the verdict that the claim was left out of the run, which decides nothing; never counts as a pass."""
    return Verdict(Outcome.NOT_ASKED, reason)
