"""Fake worker processes for tests of the parent: small scripts that emit events, then crash, hang or print garbage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from vae_conformance.runner.worker_process import Assignment

_PRELUDE = """
import json, os, signal, sys, time
PATH, SKIP = sys.argv[1], sys.argv[2].split(",")
def say(event, **entries):
    with open(PATH, "a", encoding="utf-8") as stream:
        stream.write(json.dumps({"event": event, **entries}) + chr(10))
def bound(**facts):
    parts = {"encode": {"standing": "present", "account": "encode(x) -> (mu, logvar)", "location": None},
             "loss": {"standing": "replaced", "account": "the suite's own", "location": None}}
    say("bound", implementation={"target": "t.py", "name": "VAE", "effective_beta": None, "likelihood": "bernoulli",
        "binding": {"parts": parts, "notes": ["logvar is a log-variance"]}, "parameters": 1234567,
        "input_shape": [784], "latent_dim": 16, **facts},
        environment={"python": "3.11.0", "torch": "2.13.0", "device": "cpu", "threads": 1})
def promised(*claims):
    say("promised", claims=list(claims))
def started(claim, **more):
    say("started", claim=claim, **more)
def verdict(claim, outcome="holds", **more):
    entries = dict(title="a title", level="required", source="VAE Basics 6.6.3, loss", measured={}, expected={},
                   message="it is so", hint="", diagnosis=None, smallest_effect="1 %", decision="by probing",
                   duration_s=0.1)
    say("verdict", claim=claim, outcome=outcome, **{**entries, **more})
def ask(claim, outcome="holds", **more):
    if claim not in SKIP:
        started(claim)
        verdict(claim, outcome, **more)
"""


@dataclass
class FakeChild:
    """A callable that returns the command of each worker in turn; the last script is used for all further workers.

    Attributes:
        scripts: the body of each worker's script.
        assignments: the assignment of each worker so far.
    """

    scripts: Sequence[str]
    assignments: list[Assignment] = field(default_factory=list)

    def __call__(self, assignment: Assignment) -> list[str]:
        script = self.scripts[min(len(self.assignments), len(self.scripts) - 1)]
        self.assignments.append(assignment)
        return [sys.executable, "-I", "-S", "-c", _PRELUDE + script, str(assignment.events), ",".join(assignment.skip)]
