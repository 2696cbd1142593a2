"""The pytest plug-in: one test a claim, events for the command, and nothing at all where it is not asked for."""

from __future__ import annotations

import functools
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from named import named_options

from vae_conformance.runner.selection import in_asking_order
from vae_conformance.testing.plugin import _options
from vae_spec.claim import Profile
from vae_spec.registry import CLAIMS, select

SUITE = ("--pyargs", "vae_conformance.testing.suite", "-q", "-rA", "-p", "no:cacheprovider")

MEAN = '''
import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    """Decodes the mean in training too."""

    latent_dim = 3

    def __init__(self):
        super().__init__()
        self.hidden, self.head, self.second = nn.Linear(64, 16), nn.Linear(16, 3), nn.Linear(16, 3)
        self.layers = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())

    def encode(self, x):
        h = torch.relu(self.hidden(x))
        return self.head(h), self.second(h)

    def decode(self, z):
        return self.layers(z)

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar
'''


@dataclass(frozen=True)
class Ran:
    """How a pytest of its own ended, what it printed, and the events that it left."""

    code: int
    printed: str
    events: tuple[dict[str, Any], ...]

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each claim's test, in pytest's words, by the claim's id; a skipped test has no name there."""
        return {claim: word for word, claim in re.findall(r"^(\w+) \S+::test_claim\[([A-Z]+-\d\d)\]", self.printed, re.MULTILINE)}


@functools.cache
def ran(*arguments: str, source: str = "") -> Ran:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "pytest.ini").write_text("[pytest]\n")
        if source:
            (folder / "student.py").write_text(source)
        log = folder / "events.jsonl"
        given = ["--vae-events", str(log)] if arguments else []
        command = [sys.executable, "-m", "pytest", *SUITE, *given, *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        events = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return Ran(done.returncode, done.stdout + done.stderr, tuple(events))


def of_kind(found: Ran, kind: str) -> list[dict[str, Any]]:
    return [event for event in found.events if event["event"] == kind]


def test_a_registered_implementation_passes() -> None:
    found = ran("--vae", "tiny", "--vae-profile", "exact")
    assert found.code == 0, found.printed
    assert set(found.outcomes.values()) == {"PASSED"}
    promised = [claim.id for claim in select(Profile.EXACT)]
    (said,) = of_kind(found, "promised")
    assert said["claims"] == promised
    outcomes = {event["claim"]: event["outcome"] for event in of_kind(found, "verdict")}
    assert set(outcomes) == set(promised)
    # It has neither methods that reconstruct and interpolate nor an argument for the number of latent dimensions.
    assert {claim for claim, outcome in outcomes.items() if outcome != "holds"} == {"REC-04", "INT-04", "NET-11"}
    assert set(found.outcomes) == {claim for claim, outcome in outcomes.items() if outcome == "holds"}
    assert found.events[-1] == {"event": "finished"}


def test_without_an_implementation_everything_is_skipped() -> None:
    found = ran()
    assert found.code == 0
    assert re.search(r"^\d+ skipped in", found.printed, re.MULTILINE)
    assert found.events == ()


def test_a_violated_claim_fails_in_words() -> None:
    found = ran("--vae", "student.py", "--vae-only", "NET-01,NET-03,NET-05,REP-01", "--vae-seed", "7", source=MEAN)
    assert found.code == 1
    assert found.outcomes == {"NET-01": "PASSED", "NET-03": "FAILED", "NET-05": "PASSED"}
    assert re.search(r"NET-03 required violated\n", found.printed)
    assert "Traceback" not in found.printed
    (bound,) = of_kind(found, "bound")
    assert bound["implementation"]["name"] == "student.py:VAE"
    verdicts = {event["claim"]: event for event in of_kind(found, "verdict")}
    assert verdicts["REP-01"]["outcome"] == "not-applicable"
    assert verdicts["NET-03"]["diagnosis"] == "mean-in-training"
    assert verdicts["NET-03"]["message"] in found.printed
    assert Counter(event["event"] for event in found.events) == {
        "promised": 1,
        "probing": 1,
        "loading": 1,
        "bound": 1,
        "started": 4,
        "verdict": 4,
        "finished": 1,
    }
    for event in verdicts.values():
        assert event["duration_s"] >= 0
        assert event["title"] == CLAIMS[event["claim"]].title


def test_a_name_that_is_no_claim_is_a_usage_error() -> None:
    found = ran("--vae", "tiny", "--vae-only", "NET-01,NET-99")
    assert found.code == 2
    assert "NET-99 is neither a claim nor an area" in found.printed
    assert of_kind(found, "unbound")[0]["hint"] == "vae-conformance claims lists them"


def test_a_target_that_is_not_there_ends_the_run_at_once() -> None:
    found = ran("--vae", "nowhere.py", "--vae-only", "NET")
    assert found.code != 0
    assert "there is no file nowhere.py" in found.printed
    assert len(of_kind(found, "unbound")) == 1
    assert of_kind(found, "verdict") == []


LIGHT = """
import sys
import vae_conformance.testing.plugin
heavy = {"torch", "numpy", "scipy", "sklearn", "matplotlib", "hypothesis"} & set(sys.modules)
assert not heavy, heavy
names_alone = {"vae_spec.areas", "vae_spec.likelihoods"}
assert {name for name in sys.modules if name.startswith("vae_spec.")} <= names_alone
"""


def test_the_plug_in_alone_imports_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", LIGHT], check=True, timeout=60)


def test_without_a_file_no_event_is_written() -> None:
    found = ran("--vae", "tiny", "--vae-only", "NET-01", "--vae-events", "")
    assert found.code == 0, found.printed
    assert found.events == ()


def test_the_whole_suite_is_one_test_a_claim_and_those_on_training_come_last() -> None:
    found = ran("--vae", "tiny", "--vae-profile", "quick", "--vae-skip", "OBJ-01", "--collect-only")
    collected = re.findall(r"::test_claim\[([A-Z]+-\d\d)\]", found.printed)
    quick = [claim for claim in select(Profile.QUICK) if claim.id != "OBJ-01"]
    assert collected == [claim.id for claim in in_asking_order(quick, named_options("tiny"))]
    trained = [CLAIMS[claim].trained for claim in collected]
    assert trained == sorted(trained)


def test_a_pytest_of_the_user_s_own_asks_every_claim() -> None:
    given = {"--vae-options": "", "--vae": "tiny", "--vae-profile": "quick"}
    options = _options(SimpleNamespace(getoption=given.get))  # type: ignore[arg-type]
    assert options == named_options("tiny", profile="quick", keep_going=True)
    assert _options(SimpleNamespace(getoption={"--vae-options": named_options("tiny").to_json()}.get)) == named_options("tiny")  # type: ignore[arg-type]
