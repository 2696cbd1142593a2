"""Weights of a trained model: what is asked of it as it is, what is not, and that nothing is trained."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import torch
from named import named_options, named_target
from torch import nn
from trained_samples import held_out
from trained_samples import run as trained_run

from vae_conformance import Implementation, check_vae
from vae_conformance.api import Report
from vae_conformance.config.options import RunOptions
from vae_conformance.config.pyproject import load_options
from vae_conformance.data.datasets import load
from vae_conformance.exit_codes import ExitCode
from vae_conformance.experiments import make_run as making
from vae_conformance.runner.run import Judge
from vae_conformance.runner.session import Session
from vae_conformance.target.spec import parse_target
from vae_conformance.target.weights import of_given_weights
from vae_spec.calibration import EVERYWHERE, NO_PIXEL_VARIANCE, families, rule
from vae_spec.claim import Experiment
from vae_spec.evidence import Recipe, TrainedRun
from vae_spec.judging import judge, precondition
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS
from vae_spec.statistics.seeds import Side, decide
from vae_spec.subject import Part

MODEL = """
from vae_reference import VAE


def small():
    return VAE(input_shape=(64,), hidden_dim=64, latent_dim=8)
"""
AS_THEY_ARE = ("REC-01", "SMP-01", "SMP-03", "LAT-01", "LAT-02", "INT-01", "COL-01")
NOT_ASKED = ("TRN-01", "TRN-06", "TRN-07", "REC-02", "SMP-04", "BETA-01", "BETA-04", "TOY-01", "EXR-04", "COL-04")


def trained(make: Any, beta: float, steps: int) -> nn.Module:
    """The model after a short training on the digits."""
    items = load("digits", None, None).train.flatten(1).float()
    torch.manual_seed(0)
    model: nn.Module = make()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(steps):
        x = items[torch.randint(len(items), (128,))]
        x_hat, mu, logvar = model(x)
        total = model.loss(x_hat, x, mu, logvar, beta)[0]  # type: ignore[operator]
        optimiser.zero_grad()
        total.backward()
        optimiser.step()
    return model


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model's file, weights that were trained well, and weights that a heavy KL has emptied."""
    folder = tmp_path_factory.mktemp("weights")
    (folder / "model.py").write_text(MODEL)
    make = named_target(f"{folder / 'model.py'}:small").make
    torch.save(trained(make, 1.0, 1500).state_dict(), folder / "good.pt")
    state = trained(make, 200.0, 400).state_dict()
    torch.save({"epoch": 3, "state_dict": {f"model.{name}": value for name, value in state.items()}}, folder / "collapsed.ckpt")
    return folder


def options(place: Path, file: str, **changes: Any) -> RunOptions:
    return named_options(f"{place / 'model.py'}:small", weights=str(place / file), store=str(place / "store"), **changes)


def judged(place: Path, file: str, *claims: str) -> Report:
    judge = Judge(options(place, file))
    for claim in claims:
        judge.ask(claim)
    return Report.of(judge.report_on(*claims))


def outcomes(report: Report) -> dict[str, Outcome]:
    return {claim.id: claim.outcome for claim in report.claims}


def test_what_one_model_can_answer_is_asked_and_nothing_else(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("nothing is trained")

    monkeypatch.setattr(making, "train_in_stages", never)
    exact = ("REP-01", "KL-03", "NET-06")
    report = judged(place, "good.pt", *AS_THEY_ARE, *NOT_ASKED, *exact)
    assert outcomes(report) == dict.fromkeys((*AS_THEY_ARE, *exact), Outcome.HOLDS) | dict.fromkeys(NOT_ASKED, Outcome.NOT_APPLICABLE)
    assert report.exit_code is ExitCode.CONFORMS
    said = {claim.id: claim.verdict.message for claim in report.claims if claim.id in NOT_ASKED and not CLAIMS[claim.id].reference_only}
    assert all(text.startswith("the weights are judged as they are, and nothing is trained: this claim ") for text in said.values())
    assert said["TRN-01"].endswith("looks at the course of trainings")
    assert said["BETA-01"].endswith("compares trainings at several weights of the KL")
    assert said["SMP-04"].endswith("compares with an autoencoder of the same size that is trained beside it")


def test_the_claims_that_one_model_answers_are_those_that_say_so() -> None:
    assert {claim.id for claim in CLAIMS.values() if claim.as_it_is} == set(AS_THEY_ARE)


def test_collapsed_weights_are_seen_through(place: Path) -> None:
    report = judged(place, "collapsed.ckpt", *AS_THEY_ARE)
    found = outcomes(report)
    assert {claim for claim, outcome in found.items() if outcome is Outcome.VIOLATED} >= {"REC-01", "SMP-01", "COL-01"}
    assert report.exit_code is ExitCode.VIOLATES
    collapse = next(claim.verdict for claim in report.claims if claim.id == "COL-01")
    assert collapse.message.startswith("the posterior has collapsed")
    assert collapse.measured["seeds"] == 1
    assert "KL over the reconstruction's drop" not in collapse.expected
    assert collapse.hint.endswith("were they trained on other data than digits, name it with --dataset or --data")


def test_where_nothing_is_left_to_ask_the_run_is_incomplete(place: Path) -> None:
    assert judged(place, "good.pt", "TRN-01", "BETA-01").exit_code is ExitCode.INCOMPLETE


def test_reports_name_the_file_and_its_checksum(place: Path) -> None:
    report = judged(place, "good.pt", "REC-01")
    document = json.loads(report.to_json())
    jsonschema.validate(document, json.loads(files("vae_conformance").joinpath("report", "schema", "report-2.schema.json").read_text()))
    weights = document["implementation"]["weights"]
    assert (weights["file"], len(weights["sha256"])) == ("good.pt", 64)
    page = report.to_html()
    assert f"good.pt (SHA-256 {weights['sha256'][:12]})" in page
    assert "the weights are judged as they are, and nothing was trained" in page
    assert judged(place, "good.pt", "KL-03").exit_code is ExitCode.CONFORMS


def test_the_binding_says_what_was_taken_from_where(place: Path) -> None:
    session = Session(options(place, "collapsed.ckpt"), lambda _event: None)
    subject = session.bind()
    (note,) = [note for note in subject.facts.notes if "collapsed.ckpt" in note]
    assert note.endswith("10 tensors, from its entry state_dict, their names without 'model.'")
    assert subject.facts.given_weights
    assert subject.facts.parts[Part.TRAINING].account == "the weights are judged as they are: nothing is trained"
    there = torch.load(place / "collapsed.ckpt", weights_only=True)["state_dict"]
    for seed in (0, 1):
        assert all(torch.equal(value, there[f"model.{name}"]) for name, value in subject.fresh(seed).items())


def test_the_stored_observation_is_that_of_the_weights_content(place: Path) -> None:
    (place / "again.pt").write_bytes((place / "good.pt").read_bytes())

    def keys(file: str) -> list[dict[str, str]]:
        laboratory = Session(options(place, file), lambda _event: None).laboratory()
        assert laboratory.keys(Experiment.CONTRAST, 3) == laboratory.keys(Experiment.IMAGES, 1)
        return laboratory.keys(Experiment.IMAGES, 1)

    assert keys("good.pt") == keys("again.pt")
    assert keys("good.pt") != keys("collapsed.ckpt")


@pytest.mark.parametrize(("r2", "outcome"), [(0.9, Outcome.HOLDS), (0.201, Outcome.INCONCLUSIVE), (-0.1, Outcome.VIOLATED)])
def test_one_model_near_a_border_is_left_open(place: Path, r2: float, outcome: Outcome) -> None:
    nothing = np.zeros(0)
    seen = replace(held_out(), r2_mean_code=r2)
    run = TrainedRun(Recipe("digits", 0, 0, 0.0), nothing, nothing, nothing, nothing, held_out=seen)
    facts = Session(options(place, "good.pt"), lambda _event: None).bind().facts
    verdict = judge(CLAIMS["REC-01"], [{"own": run}], facts)
    assert (verdict.outcome, verdict.measured["seeds"]) == (outcome, 1)
    assert "seeds" not in verdict.message or "between seeds" in verdict.message
    assert precondition(CLAIMS["REC-01"], facts) is None


@pytest.mark.parametrize("identifier", [name for name in AS_THEY_ARE if name != "LAT-01"])
def test_one_model_of_each_calibrated_family_would_be_decided(identifier: str, place: Path) -> None:
    facts = Session(options(place, "good.pt"), lambda _event: None).bind().facts
    claim, scope = CLAIMS[identifier], NO_PIXEL_VARIANCE if identifier in ("SMP-01", "LAT-02") else EVERYWHERE
    bounds = judge(claim, [{"own": trained_run()}], facts).expected
    assert bounds
    for functional, text in bounds.items():
        for border in str(text).split(" and "):
            sign, bound = border.split()
            found = rule(functional, float(bound), Side.ABOVE if sign == ">" else Side.BELOW, scope)
            for name, spread in families(functional, scope).items():
                assert decide([spread.mean], found).outcome is Outcome.HOLDS, (name, functional, spread.mean, border)


def test_an_object_is_judged_with_weights_and_keeps_its_own(place: Path) -> None:
    make = named_target(f"{place / 'model.py'}:small").make
    assert make is not None
    model: Any = make()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for target in (model, make, Implementation(make, name="small")):
        report = check_vae(target, profile="quick", only=["REC-01", "REP-01"], weights=place / "good.pt")
        assert outcomes(report) == {"REP-01": Outcome.HOLDS, "REC-01": Outcome.HOLDS}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_configuration_s_path_is_relative_to_its_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.vae-conformance]\nweights = "runs/vae.pt"\n')
    assert load_options(parse_target(str(tmp_path / "model.py")), {}, Path("elsewhere")).weights == str(tmp_path / "runs" / "vae.pt")


def test_a_file_that_is_not_there_is_told_at_once(place: Path) -> None:
    report = check_vae(place / "model.py", weights=place / "god.pt", profile="exact")
    assert report.exit_code is ExitCode.UNBOUND
    assert report.problem is not None
    assert report.problem.message == f"there is no file of weights {place / 'god.pt'} (did you mean good.pt?)"


def test_what_nobody_saw_is_no_diagnosis(place: Path) -> None:
    """The code may be sound, as it is here: then the report names no mistake and no line of it."""
    report = judged(place, "collapsed.ckpt", "KL-03", *AS_THEY_ARE)
    assert report.diagnoses == ()
    violated = [claim for claim in report.claims if claim.outcome is Outcome.VIOLATED]
    assert violated
    for claim in violated:
        assert claim.verdict.diagnosis is None
        assert claim.locations == ()
        assert "how the weights were trained cannot be seen" in claim.verdict.hint
    said = next(claim.verdict.hint for claim in violated if claim.id == "COL-01")
    assert f"one mistake that leaves such weights behind: {MISTAKES['recon-mean-kl-sum'].what} (recon-mean-kl-sum)" in said
    assert "Most likely" not in report.to_html()


def test_a_mistake_of_the_code_is_still_named_beside_given_weights(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        MODEL
        + """

class Halved(VAE):
    def reparameterize(self, mu, logvar):
        return mu + logvar.exp() * super().reparameterize(mu * 0, logvar * 0)


def small():
    return Halved(input_shape=(64,), hidden_dim=64, latent_dim=8)
"""
    )
    torch.save(named_target(f"{tmp_path / 'model.py'}:small").make().state_dict(), tmp_path / "some.pt")  # type: ignore[misc]
    report = judged(tmp_path, "some.pt", "REP-01")
    assert [one.mistake for one in report.diagnoses] == ["std-no-half"]
    assert report.claims[0].locations[0].name == "Halved.reparameterize"


def test_a_sound_verdict_on_given_weights_stays_as_it_is() -> None:
    verdict = Verdict(Outcome.INCONCLUSIVE, "too near the border", diagnosis="kl-sign")
    assert of_given_weights(verdict, "digits") is verdict
