"""Claims with nothing of their own but what a test changes."""

from __future__ import annotations

from vae_spec.claim import Claim, Experiment
from vae_spec.diagnosis import Role
from vae_spec.documents import ENGINEERING
from vae_spec.outcomes import Level, holds


def claim(**changes: object) -> Claim:
    """A claim about nothing, which holds."""
    plain = {
        "id": "KL-77",
        "title": "t",
        "level": Level.REQUIRED,
        "statement": "s",
        "sources": (ENGINEERING,),
        "why": "W.",
        "hint": "the claim's hint",
        "decision": "d",
        "check": lambda _subject, _context: holds("so"),
        "rank": None,
        "spends_error_budget": False,
        "at_other_sizes": False,
    }
    return Claim(**{**plain, **changes})


def trained(**changes: object) -> Claim:
    """A claim that judges trained runs, and holds."""
    return claim(
        **{
            "id": "TRN-77",
            "check": None,
            "spends_error_budget": None,
            "at_other_sizes": None,
            "judge": lambda _claim, groups, _facts: holds(f"{len(groups)} groups of {len(groups[0])}"),
            "experiment": Experiment.IMAGES,
            "role": Role.CAUSE,
            "holds_when_collapsed": False,
            **changes,
        }
    )
