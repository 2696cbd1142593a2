"""The record of a known mistake."""

from __future__ import annotations

from dataclasses import dataclass

from vae_spec.parts import Part


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        id: stable, lower case with hyphens.
        what: what the source code does.
        seen: its symptoms.
        fix: how to avoid it.
        frequency: how common it is in public code and questions.
        parts: the parts that may contain it, the likeliest first.
        stops_the_code: whether it prevents the source code from running, so that it explains all other violations.
    """

    id: str
    what: str
    seen: str
    fix: str
    frequency: str
    parts: tuple[Part, ...]
    stops_the_code: bool = False
