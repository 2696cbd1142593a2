"""The pytest plug-in: one test a claim, and nothing at all where it is not asked for."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

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
    """How a pytest of its own ended, and what it printed."""

    code: int
    printed: str

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
        command = [sys.executable, "-m", "pytest", *SUITE, *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    return Ran(done.returncode, done.stdout + done.stderr)


def test_a_registered_implementation_passes() -> None:
    found = ran("--vae", "tiny", "--vae-profile", "exact")
    assert found.code == 0, found.printed
    assert set(found.outcomes.values()) == {"PASSED"}
    # It has neither methods that reconstruct and interpolate nor an argument for the number of latent dimensions.
    assert {claim.id for claim in select(Profile.EXACT)} - set(found.outcomes) == {"REC-04", "INT-04", "NET-11"}


def test_without_an_implementation_everything_is_skipped() -> None:
    found = ran()
    assert found.code == 0
    assert re.search(r"^\d+ skipped in", found.printed, re.MULTILINE)


def test_a_violated_claim_fails_in_words() -> None:
    found = ran("--vae", "student.py", "--vae-only", "NET-01,NET-03,NET-05,REP-01", "--vae-seed", "7", source=MEAN)
    assert found.code == 1
    assert found.outcomes == {"NET-01": "PASSED", "NET-03": "FAILED", "NET-05": "PASSED"}
    assert re.search(r"NET-03 required violated\n", found.printed)
    assert "Traceback" not in found.printed
    assert "two training forward passes under different seeds give the same output" in found.printed


def test_a_name_that_is_no_claim_is_a_usage_error() -> None:
    found = ran("--vae", "tiny", "--vae-only", "NET-01,NET-99")
    assert found.code == 2
    assert "NET-99 is neither a claim nor an area" in found.printed
    assert "vae-conformance claims lists them" in found.printed


def test_a_target_that_is_not_there_ends_the_run_at_once() -> None:
    found = ran("--vae", "nowhere.py", "--vae-only", "NET")
    assert found.code != 0
    assert "there is no file nowhere.py" in found.printed
    assert len(found.outcomes) == 1


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


def test_the_whole_suite_is_one_test_a_claim_and_those_on_training_come_last() -> None:
    found = ran("--vae", "tiny", "--vae-profile", "quick", "--collect-only")
    collected = re.findall(r"::test_claim\[([A-Z]+-\d\d)\]", found.printed)
    assert collected == [claim.id for claim in in_asking_order(select(Profile.QUICK), named_options("tiny"))]
    trained = [CLAIMS[claim].trained for claim in collected]
    assert trained == sorted(trained)


def test_a_pytest_of_the_user_s_own_asks_every_claim() -> None:
    given = {"--vae": "tiny", "--vae-profile": "quick"}
    options = _options(SimpleNamespace(getoption=given.get))  # type: ignore[arg-type]
    assert options == named_options("tiny", profile="quick", keep_going=True)
