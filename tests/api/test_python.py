"""`check_vae`: a run as a function, on what is named and on what is at hand."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_type_hints

import jsonschema
import pytest
import torch
from named import named_options
from student_files import changed
from torch import nn

import vae_conformance
from vae_conformance import ConformanceError, Report, check_vae
from vae_conformance.api import Options, options_of, read_options
from vae_conformance.config import kinds
from vae_conformance.config.options import OPTIONS
from vae_conformance.config.target_spec import TargetKind, TargetSpec
from vae_conformance.errors import Unbound
from vae_conformance.report.json_report import schema
from vae_conformance.runner.run import Judge
from vae_conformance.runner.session import Session
from vae_spec.outcomes import Outcome, Verdict, holds, not_asked
from vae_spec.registry import CLAIMS as CLAIMS_KNOWN

WRONG = changed(("torch.exp(0.5 * logvar)", "torch.exp(logvar)"))
LINE = next(number for number, line in enumerate(WRONG.splitlines(), start=1) if "def reparameterize" in line)
CLAIMS = "REP-01,REP-06,NET-05"


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[nn.Module]]:
    """The class of a student's module, imported as people import their own."""
    (tmp_path / "student_module.py").write_text(WRONG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    import student_module

    yield student_module.VAE
    del sys.modules["student_module"]


def outcomes(report: Report) -> dict[str, str]:
    return {claim.id: str(claim.outcome) for claim in report.claims}


def test_importing_the_package_is_light() -> None:
    code = "import sys, vae_conformance; print(sorted({'torch', 'numpy', 'pytest'} & set(sys.modules)), vae_conformance.check_vae.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[] check_vae\n"


def test_the_package_offers_what_it_says() -> None:
    assert set(vae_conformance.__all__) <= set(dir(vae_conformance))
    assert all(getattr(vae_conformance, name) is not None for name in vae_conformance.__all__)
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = vae_conformance.nothing_such


def test_a_text_is_judged_as_the_command_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("student.py").write_text(WRONG)
    Path("pyproject.toml").write_text('[tool.vae-conformance.expected-failures]\nREP-06 = "not yet"\n')
    report = check_vae(Path("student.py"), profile="exact", only=CLAIMS)
    assert outcomes(report) == {"REP-01": "violated", "REP-06": "unexpected-pass", "NET-05": "holds"}
    assert report.exit_code == 1
    assert report.exit_code.verdict == "violates"
    with pytest.raises(ConformanceError) as raised:
        report.raise_for_violations()
    text = str(raised.value)
    for words in ("REP-01", "most likely", "std-no-half", f"student.py:{LINE} (VAE.reparameterize)", "REP-06", "exit code 1"):
        assert words in " ".join(text.split())
    assert raised.value.report is report
    assert "NET-05" not in text
    document = json.loads(report.to_json())
    jsonschema.Draft202012Validator(schema()).validate(document)


def test_an_object_is_judged_as_it_is(student: type[nn.Module]) -> None:
    threads = torch.get_num_threads()
    before = torch.get_rng_state()
    report = check_vae(student, profile="exact", only=CLAIMS)
    assert outcomes(report) == {"REP-01": "violated", "REP-06": "holds", "NET-05": "holds"}
    assert report.options.target == TargetSpec("student_module:VAE", TargetKind.OBJECT)
    (place,) = {place for claim in report.claims for place in claim.locations if claim.outcome is Outcome.VIOLATED}
    assert (place.file, place.name) == ("student_module.py", "VAE.reparameterize")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), before)


def test_what_is_changed_at_run_time_is_what_is_judged(student: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    def right(_self: nn.Module, mu: torch.Tensor, logvar: torch.Tensor) -> torch.Tensor:
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    monkeypatch.setattr(student, "reparameterize", right)
    report = check_vae(lambda: student(), profile="exact", only="REP-01")
    report.raise_for_violations()
    assert outcomes(report) == {"REP-01": "holds"}


@pytest.mark.parametrize("kind", ["model", "partial", "local"])
def test_models_and_factories_are_taken(kind: str, student: type[nn.Module]) -> None:
    class Local(student):  # type: ignore[misc,valid-type]
        pass

    given = {"model": student(), "partial": functools.partial(student), "local": Local}[kind]
    report = check_vae(given, profile="exact", only="REP-06,REP-01")
    assert outcomes(report) == {"REP-01": "violated", "REP-06": "holds"}


def test_the_class_s_own_declarations_count(student: type[nn.Module], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(student, "conformance_options", {"effective-beta": 4.0}, raising=False)
    report = check_vae(student, profile="exact", only="REP-06")
    assert report.implementation is not None
    assert report.implementation.effective_beta == 4.0


def test_an_expected_failure_raises_nothing(student: type[nn.Module]) -> None:
    report = check_vae(student, profile="exact", only=CLAIMS, expected_failures={"REP-01": "on purpose"})
    assert outcomes(report)["REP-01"] == "expected-failure"
    report.raise_for_violations()


def test_the_run_stops_at_the_first_violation(student: type[nn.Module]) -> None:
    report = check_vae(student, profile="exact", only="REP", fail_fast=True)
    assert list(outcomes(report)) == ["REP-01"]
    assert report.exit_code == 1


def test_claims_on_training_wait_until_the_parts_are_right(student: type[nn.Module]) -> None:
    report = check_vae(student, profile="quick", only="TRN-01,REP-01,TOY-01,REP-06")
    assert outcomes(report) == {"REP-01": "violated", "REP-06": "holds", "TRN-01": "not-asked", "TOY-01": "not-applicable"}
    assert (report.postponed.claims, report.postponed.fix_first, report.exit_code) == (("TRN-01",), ("REP-01",), 1)
    with pytest.raises(ConformanceError, match="1 claim on training was not asked: fix this first; --keep-going asks it too"):
        report.raise_for_violations()


@pytest.mark.parametrize("options", [{"keep_going": True}, {"expected_failures": {"REP-01": "on purpose"}}])
def test_claims_on_training_are_asked_where_that_is_wanted(
    options: dict[str, object], student: type[nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    verdict = Session.verdict

    def noted(self: Session, claim: str, fix_first: Sequence[str] = ()) -> Verdict:
        if not CLAIMS_KNOWN[claim].trained:
            return verdict(self, claim, fix_first)
        asked.append(claim)
        return holds("trained") if not fix_first else not_asked("left out")

    monkeypatch.setattr(Session, "verdict", noted)
    report = check_vae(student, profile="quick", only="TRN-01,REP-01", **options)  # type: ignore[arg-type]
    assert outcomes(report)["TRN-01"] == "holds"
    assert report.postponed.claims == ()
    assert asked == ["TRN-01"]


@pytest.mark.parametrize("target", ["nowhere.py", object(), 3, type("Empty", (), {})])
def test_what_cannot_be_judged_is_a_report_that_says_so(target: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = check_vae(target, profile="exact", only="REP-01")
    assert report.exit_code == 2
    assert report.problem is not None
    with pytest.raises(ConformanceError, match="Cannot be judged"):
        report.raise_for_violations()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"profile": "fast"}, "'fast' is none of exact, quick, full"),
        ({"only": "KL-2"}, "'KL-2' is not the id of a claim"),
        ({"only": 3}, "the option only: 3 is neither"),
        ({"only": [3]}, "neither a text nor a list of texts"),
        ({"seed": -1}, "'-1' is not a whole number"),
        ({"seed": 1.5}, "'1.5' is not a whole number"),
        ({"expected_failures": {"KL-02": ""}}, "KL-02 needs a reason"),
        ({"input_shape": "0"}, "'0' is not the shape"),
        ({"time_limit": 0}, "0 is not a number above 0"),
        ({"download": 1}, "neither true nor false"),
    ],
)
@pytest.mark.parametrize("target", ["reference", nn.Linear])
def test_a_wrong_value_is_a_value_error(options: dict[str, object], words: str, target: object) -> None:
    with pytest.raises(ValueError, match=words):
        check_vae(target, **options)  # type: ignore[arg-type]


def test_an_unknown_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="there is no option 'profil'"):
        check_vae("reference", profil="exact")  # type: ignore[call-arg]


def test_options_have_the_meaning_of_the_command_line() -> None:
    read = read_options({"input_shape": [1, 8, 8], "input_range": (-1, 1), "only": ["kl", "REP-01,KL"], "store": Path("s"), "seed": 3})
    store = str(Path("s").absolute())
    assert read == {"input_shape": (1, 8, 8), "input_range": (-1.0, 1.0), "only": ("KL", "REP-01"), "store": store, "seed": 3}


GIVEN = {
    kinds.FLAG: bool,
    kinds.NAME: str,
    kinds.PATH: str | Path,
    kinds.FILE: str | Path,
    kinds.SEED: int,
    kinds.WEIGHT: float,
    kinds.SECONDS: float,
    kinds.SHAPE: int | Sequence[int] | str,
    kinds.RANGE: Sequence[float] | str,
    kinds.SELECTION: str | Sequence[str],
    kinds.FAILURES: Mapping[str, str],
}
"""What type checkers see of the values of each kind; of choices it is a text."""


def test_type_checkers_see_the_options_of_the_table() -> None:
    table = {name: str if option.kind.choices else GIVEN[option.kind] for name, option in OPTIONS.items()}
    assert table.pop("fail_fast") is bool  # of `check_vae` alone
    assert get_type_hints(Options) == table


def test_an_object_s_trained_runs_are_its_own(student: type[nn.Module]) -> None:
    with pytest.raises(ValueError, match="cannot be stored"):
        check_vae(student, store="somewhere")
    first, second = (options_of(student, {}) for _ in range(2))
    assert first.store != second.store
    assert Path(str(first.store)).is_dir()


def test_a_judge_says_when_nothing_can_be_bound() -> None:
    with pytest.raises(Unbound, match="no file"):
        Judge(named_options("nowhere.py")).ask("REP-01")
