"""Verdicts and reports that the tests of the report formats share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from msgspec.structs import replace as changed
from named import named_options

from vae_conformance.config.options import RunOptions
from vae_conformance.location import Location
from vae_conformance.runner.events import Binding, Bound, ClaimVerdict, FoundImplementation, FoundPart, NotBound, SuiteError
from vae_conformance.runner.record import RunRecord, assemble
from vae_conformance.runner.run_state import RunState
from vae_spec.outcomes import Level, Outcome
from vae_spec.registry import CLAIMS
from vae_spec.subject import Part

PARTS = {"encode": FoundPart("present", "encode(x)", None), "loss": FoundPart("replaced", "the suite's own", None)}
BOUND = Bound(
    FoundImplementation(
        target="student.py:VAE",
        name="VAE",
        binding=Binding(PARTS, ("the second head is a log-variance",)),
        effective_beta=None,
        likelihood="bernoulli",
        parameters=1_234_567,
        input_shape=(1, 28, 28),
        latent_dim=16,
    ),
    {"python": "3.11.0", "torch": "2.13.0", "device": "cpu", "threads": 2},
)


OPTIONS = named_options("student.py:VAE", seed=8435)


def verdict(
    claim: str, outcome: Outcome, message: str = "as it should be", *, level: Level = Level.REQUIRED, **more: object
) -> ClaimVerdict:
    plain = ClaimVerdict(
        claim,
        f"the title of {claim}",
        level,
        "Deep Learning Notes 13.4, objective",
        outcome,
        message,
        decision="by an identity",
        smallest_effect="1 %",
        duration_s=0.25,
    )
    known = CLAIMS.get(claim)
    related = {} if known is None else {"rank": known.rank, "role": known.role, "explains": known.explains, "trained": known.trained}
    return changed(plain, **related, **more)


MISSING_HALF = verdict(
    "KL-02",
    Outcome.VIOLATED,
    "closed form 1.374, Monte Carlo 0.687 ± 0.002",
    diagnosis="missing-half",
    statement="the closed-form KL equals the Monte Carlo estimate",
    hint="put the factor 1/2 back",
    measured={"ratio": 2.0004321, "n": 65536},
    expected={"ratio": 1, "margin": float("inf")},
    level_of_error=1e-8,
)


MIXED = (
    verdict("REP-01", Outcome.HOLDS, level_of_error=1e-8),
    MISSING_HALF,
    verdict("KL-03", Outcome.VIOLATED, "the ratio is 2.00", diagnosis="missing-half"),
    verdict("KL-01", Outcome.VIOLATED, "negative", diagnosis="kl-sign"),
    verdict("OBJ-02", Outcome.VIOLATED, "weighed 0.1"),
    verdict("OBJ-01", Outcome.HOLDS),
    verdict("TRN-01", Outcome.INCONCLUSIVE, "too near the border", level=Level.EXPECTED, measured={"drop": 0.5}),
    verdict("TRN-02", Outcome.NOT_APPLICABLE, "it cannot be trained", level=Level.EXPECTED),
    verdict("LAT-03", Outcome.VIOLATED, "islands", level=Level.INFORMATIONAL),
)


def report_on(*verdicts: ClaimVerdict, options: RunOptions = OPTIONS, missing: tuple[str, ...] = (), **more: object) -> RunRecord:
    promised = (*(entry.claim for entry in verdicts), *missing)
    return assemble(RunState(BOUND, promised, {entry.claim: entry for entry in verdicts}, **more), options, duration_s=12.34)  # type: ignore[arg-type]


def mixed(**more: object) -> RunRecord:
    options = replace(OPTIONS, expected_failures={"OBJ-02": "0.1 on purpose", "OBJ-01": "was broken once"})
    return report_on(*MIXED, options=options, **more)


REPORTS = {
    "mixed": mixed(missing=("SMP-01",)),
    "good": report_on(verdict("KL-01", Outcome.HOLDS)),
    "error": report_on(verdict("KL-01", Outcome.ERROR, "a fault")),
    "unbound": assemble(RunState(not_bound=NotBound("no class in student.py", "name one: student.py:VAE")), OPTIONS, duration_s=0.1),
    "broken": report_on(suite_error=SuiteError("pytest failed", "line 1\nline 2\x1b[0m")),
}


POSTPONED = report_on(
    verdict("KL-01", Outcome.HOLDS),
    MISSING_HALF,
    verdict("KL-03", Outcome.VIOLATED, "the ratio is 2.00", diagnosis="missing-half"),
    *(
        verdict(claim, Outcome.NOT_ASKED, "fix KL-02, KL-03 first; --keep-going asks it all the same", level=Level.EXPECTED)
        for claim in ("TRN-02", "REC-01", "SMP-01")
    ),
)
"""A report on claims on training that were left out."""
STOPPED = report_on(verdict("KL-01", Outcome.HOLDS), MISSING_HALF, missing=("TRN-01", "TRN-02"), stopped_by="you")
"""A report of a run that its user stopped."""
REPORTS |= {"postponed": POSTPONED, "stopped": STOPPED}


LOSS = Location("student.py", 32, "VAE.loss")


DRAW = Location("student.py", 21, "VAE.reparameterize")


def placed(*verdicts: Any, **locations: Location) -> RunRecord:
    """Return a report on an implementation with parts at these locations."""
    parts = {str(Part[name]): FoundPart("present", "", location) for name, location in locations.items()}
    implementation = changed(BOUND.implementation, binding=Binding(parts))
    by_claim = {one.claim: one for one in verdicts}
    found = RunState(Bound(implementation, BOUND.environment), tuple(by_claim), by_claim)
    return assemble(found, OPTIONS, duration_s=1.0)


def locations(report: RunRecord) -> dict[str, tuple[Location, ...]]:
    return {claim.id: claim.locations for claim in report.claims}
