"""What the other commands print, letter by letter: `pytest --snapshot-update` takes over what was changed on purpose."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from claim_samples import claim
from consoles import console
from msgspec.structs import replace as changed
from report_samples import BOUND
from rich.console import Console
from snapshots import file
from syrupy.assertion import SnapshotAssertion

from vae_conformance.cli.listing import render_binding, render_claim, render_claims, render_implementations
from vae_conformance.runner.events import Binding, FoundPart, WeightsFile
from vae_spec.claim import Claim
from vae_spec.documents import basics, notes
from vae_spec.subject import Part


def make_claim(identifier: str) -> Claim:
    return claim(
        id=identifier,
        title="a title " * 12,
        statement="what is claimed",
        sources=(basics("loss"), notes("13.4.7")),
        why="why it is",
        hint="what to do",
        decision="how",
        mistakes=("missing-half",),
        needs=(Part.LOSS,),
    )


HEADS = FoundPart("present", "encode(x) -> (mu, logvar)", None, "its two outputs, of which the second may be negative")
PARTS = {
    "encode": HEADS,
    "posterior": HEADS,
    "sampling step": FoundPart("replaced", "mu + exp(logvar / 2) * eps, which the suite computes itself: " + "so " * 20, None),
    "loss": FoundPart("failing", "loss(x) raises TypeError: [red]missing[/red] 1 required argument", None),
    "decode": FoundPart("missing", "nothing that takes z", None),
}
FOUND = changed(
    BOUND.implementation,
    binding=Binding(PARTS, ("the second head is a log-variance",)),
    weights=WeightsFile("mine.pt", "0123456789abcdef" * 4),
)
IN_SHORT = changed(BOUND.implementation, name="", binding=Binding(), effective_beta=None, likelihood=None)
SHOWN: dict[str, Callable[[Console], str]] = {
    "claims": lambda on: render_claims({name: make_claim(name) for name in ("COL-01", "OBJ-02", "OBJ-01")}, on),
    "claim": lambda on: render_claim(replace(make_claim("OBJ-01"), formula="z = mu + σ · eps"), on),
    "implementations": lambda on: render_implementations([("tiny", "a:B"), ("reference", "a:C")], on),
    "no-implementation": lambda on: render_implementations([], on),
    "binding": lambda on: render_binding(FOUND, BOUND.environment, on),
    "binding-in-short": lambda on: render_binding(IN_SHORT, {}, on),
}


@pytest.mark.parametrize("what", SHOWN)
@pytest.mark.parametrize(("width", "colour"), [(80, False), (40, False), (80, True)], ids=["plain", "narrow", "colour"])
def test_what_is_printed(what: str, width: int, colour: bool, snapshot: SnapshotAssertion) -> None:
    assert SHOWN[what](console(width, colour=colour)) == snapshot(extension_class=file("txt"))
