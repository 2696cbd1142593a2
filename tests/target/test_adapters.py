"""docs/adapters.md: every example is a file that is bound and judged, and what the page says of it is so."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from named import named_options, named_target

from vae_conformance.api import Report
from vae_conformance.binding.bind import bind
from vae_conformance.implementation import PARTS, Implementation
from vae_conformance.runner.run import Judge
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS
from vae_spec.subject import Likelihood, Part, Standing

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "adapters.md").read_text(encoding="utf-8")
QUICKLY = ("OBJ-02", "OBJ-03", "KL-03", "REP-01", "NET-01", "NET-03", "NET-04")
"""What a mistake in an adapter would break first; the exact profile as a whole takes many times as long."""


def code(heading: str) -> str:
    """The Python of the section below a heading."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "\n\n".join(re.findall(r"^```python\n(.*?)^```$", section, re.MULTILINE | re.DOTALL))


@dataclass(frozen=True)
class Example:
    """A section of the page, and what it says of its record.

    Attributes:
        heading: of the section.
        name: of the record.
        likelihood: that is found or declared.
        replaced: the parts that the suite stands in for.
        given: the parts that the record gives.
        open: the claims that do not apply.
    """

    heading: str
    name: str
    likelihood: Likelihood
    replaced: frozenset[Part] = frozenset()
    given: frozenset[Part] = frozenset()
    open: frozenset[str] = frozenset()


NETWORKS = frozenset({Part.POSTERIOR, Part.DECODE})
ALL = NETWORKS | {Part.DRAW, Part.LOSS}
ONE_NUMBER = frozenset({Part.BETA, Part.LOSS_TERMS})
EXAMPLES = (
    Example(
        "An encoder and a decoder of a library",
        "pair",
        Likelihood.BERNOULLI_LOGITS,
        frozenset({Part.DRAW, Part.LOSS, Part.LOSS_TERMS, Part.NOISE_CONTROL}),
        NETWORKS,
        frozenset({"OBJ-02", "OBJ-03", "KL-03", "REP-01"}),
    ),
    Example(
        "An ELBO estimator with distributions",
        "estimator",
        Likelihood.BERNOULLI_LOGITS,
        given=ALL,
        open=frozenset({"KL-03"}),
    ),
    Example("Several codes for each item", "weighted", Likelihood.BERNOULLI, given=ALL),
    Example("A conditional VAE with its label fixed", "conditional", Likelihood.BERNOULLI, ONE_NUMBER, NETWORKS),
    Example("A model that returns the loss alone", "alone", Likelihood.BERNOULLI_LOGITS, ONE_NUMBER, ALL),
    Example("A config object", "configured", Likelihood.SQUARED_ERROR, ONE_NUMBER),
    Example("A Lightning module", "lit", Likelihood.BERNOULLI, given=ALL),
)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_an_example_is_bound_as_the_page_says_and_conforms(example: Example, tmp_path: Path) -> None:
    path = tmp_path / "adapter.py"
    path.write_text(code(example.heading), encoding="utf-8")
    target, options = named_target(str(path)), named_options(str(path), profile="exact")
    facts = bind(target, options).facts
    assert isinstance(target.record, Implementation)
    assert getattr(target.namespace, example.name, target.record) is target.record
    assert facts.likelihood is example.likelihood
    assert facts.latent_dim == 8
    assert {part for part, report in facts.parts.items() if report.standing is not Standing.PRESENT} == example.replaced
    assert {part for part, report in facts.parts.items() if "given by the Implementation record" in report.account} == example.given
    judge = Judge(options, target)
    verdicts = {claim: judge.ask(claim) for claim in QUICKLY}
    Report.of(judge.report_on(*QUICKLY)).raise_for_violations()
    assert {claim for claim, verdict in verdicts.items() if verdict.outcome is Outcome.NOT_APPLICABLE} == example.open
    assert {verdict.outcome for verdict in verdicts.values()} <= {Outcome.HOLDS, Outcome.NOT_APPLICABLE}


def test_every_section_with_a_record_is_an_example() -> None:
    assert {f"{example.name} = Implementation(" for example in EXAMPLES} == set(re.findall(r"^\w+ = Implementation\(", PAGE, re.MULTILINE))


def test_a_class_in_place_of_a_record_binds_with_every_part(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "interface.md").read_text(encoding="utf-8")
    (native,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "student.py").write_text(native, encoding="utf-8")
    (tmp_path / "adapter.py").write_text(code("A class instead"), encoding="utf-8")
    path = str(tmp_path / "adapter.py")
    facts = bind(named_target(f"{path}:VAE"), named_options(path)).facts
    assert (facts.input_shape, facts.likelihood) == ((1, 28, 28), "bernoulli")
    assert {part: report for part, report in facts.parts.items() if report.standing is not Standing.PRESENT} == {}


def test_the_table_of_functions_is_the_record_s() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)\(([^)]*)\)` \|", PAGE, re.MULTILINE)
    assert {field: tuple(arguments.split(", ")) for field, called, arguments in rows if field == called} == PARTS


def test_the_claims_that_are_asked_of_given_weights_are_named() -> None:
    section = PAGE.partition("\n## Weights of a trained model\n")[2]
    named = " ".join(section.split()).partition("which should be the data of its training:")[2].partition(". The others")[0]
    assert re.findall(r"[A-Z]+-\d\d", named) == [
        identifier
        for area in ("REC", "SMP", "LAT", "INT", "COL")
        for identifier, claim in CLAIMS.items()
        if claim.area == area and claim.as_it_is
    ]
    assert {claim.area for claim in CLAIMS.values() if claim.as_it_is} == {"REC", "SMP", "LAT", "INT", "COL"}


def test_a_mistake_is_seen_through_the_adapter(tmp_path: Path) -> None:
    wrong = code("A conditional VAE with its label fixed").replace("torch.exp(0.5 * logvar)", "torch.exp(logvar)")
    (tmp_path / "adapter.py").write_text(wrong, encoding="utf-8")
    path = str(tmp_path / "adapter.py")
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask("REP-01")
    (claim,) = judge.report_on("REP-01").claims
    assert (claim.outcome, claim.verdict.diagnosis) == (Outcome.VIOLATED, "std-no-half")
    assert [location.name for location in claim.locations] == ["Conditional.reparameterize"]
