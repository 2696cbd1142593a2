"""The report as one self-contained HTML page: it fetches nothing, has a light and a dark mode, and is readable without its script."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from vae_conformance.config.values import area_of
from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.html.figure_data import FigureData
from vae_conformance.report.summary import advice, counted, headline, meaning, missing_words, postponed_words, rows, short_verdict
from vae_conformance.report.terminal import repeat_command
from vae_conformance.report.wording import count, number
from vae_conformance.runner.record import ClaimReport, RunRecord, heading
from vae_spec.outcomes import Level, Number, Outcome

_UNFOLDED = frozenset({Outcome.VIOLATED, Outcome.ERROR, Outcome.UNEXPECTED_PASS})
_FACTS = (
    ("name", "class"),
    ("input_shape", "input shape"),
    ("latent_dim", "latent dimensions"),
    ("likelihood", "likelihood"),
    ("effective_beta", "declared effective beta"),
    ("parameters", "parameters"),
    ("weights", "weights"),
)


@dataclass(frozen=True)
class Quantity:
    """One row of a claim's numbers."""

    name: str
    measured: str
    expected: str


def render_html(report: RunRecord, showing: FigureData | None = None) -> str:
    """Render the report as one HTML page. The figures are made from the stored trained runs unless they are given."""
    style, script = asset("report.css"), asset("report.js")
    return render_template(
        "report.html",
        report=report,
        showing=_from_store(report) if showing is None else showing,
        weights=dict(_facts(report)).get("weights", ""),
        headline=headline(report),
        short_verdict=short_verdict(report),
        meaning=meaning(report),
        advice=advice(report),
        postponed=postponed_words(report),
        missing_words=missing_words(report),
        status=_status(report.exit_code),
        rows=rows(report),
        levels=[level.value for level in Level],
        areas=[(area, heading(area), claims) for area, claims in report.by_area.items()],
        outcomes=[outcome for outcome in Outcome if report.summary.get(outcome)],
        violated=report.summary.get(Outcome.VIOLATED, 0),
        unfolded=_UNFOLDED,
        facts=_facts(report),
        environment=_environment(report),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        version=version("vae-conformance"),
    )


def quantities(claim: ClaimReport) -> list[Quantity]:
    """Return everything that was measured or expected, by name."""
    verdict = claim.verdict
    names = dict.fromkeys([*verdict.measured, *verdict.expected])
    return [Quantity(name.replace("_", " "), _shown(verdict.measured, name), _shown(verdict.expected, name)) for name in names]


def _shown(values: Mapping[str, Number], name: str) -> str:
    return number(values[name]) if name in values else ""


def _from_store(report: RunRecord) -> FigureData:
    """Make the figures from the stored runs; a report without trainings avoids the slow imports."""
    if not report.trained:
        return FigureData(note=_why_nothing(report))
    from vae_conformance.report.html.collect_figures import collect_figures  # noqa: PLC0415  PyTorch and matplotlib come with it

    return collect_figures(report)


def _why_nothing(report: RunRecord) -> str:
    if report.implementation is None:
        return "There are no figures, because nothing could be trained."
    if report.options.profile == "exact":
        return "There are no figures: the exact profile trains nothing. --profile quick does, and takes about a minute."
    if report.postponed.claims:
        return "There are no figures: the claims on training were not asked, so nothing was trained. --keep-going asks them."
    if report.stopped_by:
        return "There are no figures: the run was stopped before any claim looked at a training."
    if report.options.only:
        return "There are no figures: none of the claims that were asked looked at a training."
    return "There are no figures: no training came to its end. The claims about training say what happened."


def _status(code: ExitCode) -> str:
    """Return the CSS class that decides the header's colour: good, open or bad."""
    if code is ExitCode.CONFORMS:
        return "good"
    return "open" if code in {ExitCode.INCONCLUSIVE, ExitCode.INCOMPLETE} else "bad"


def _facts(report: RunRecord) -> list[tuple[str, str]]:
    found = [(words, getattr(report.implementation, name, None)) for name, words in _FACTS]
    heading = () if report.implementation is None else report.implementation.binding.heading
    return [*((words, _fact(value)) for words, value in found if value is not None), *heading]


def _fact(value: Any) -> str:
    if isinstance(value, tuple):
        return " × ".join(map(str, value))
    return number(value) if isinstance(value, int | float) else str(value)


def _environment(report: RunRecord) -> list[tuple[str, str]]:
    options, budget = report.options, report.error_budget
    spent = (
        f"at most {budget['exact_tail_false_alarm_probability']:g} a run over all exact tests; "
        f"{budget['exact_tail_level_given_out']:.2g} given out to {count(int(budget['exact_tail_claims']), 'claim')}"
    )
    gate = "required claims" if options.gate == "required" else "required and expected claims"
    return [
        ("target", options.target.text),
        ("seed", str(options.seed)),
        ("profile", options.profile),
        ("data", report.data_name),
        ("what decides", gate),
        *((name, str(value)) for name, value in report.environment.items()),
        ("vae-conformance", version("vae-conformance")),
        ("took", f"{report.duration_s:.1f} s"),
        ("false alarms", spent),
    ]


def asset(name: str) -> str:
    """Return the text of a template, a style or a script."""
    return files("vae_conformance").joinpath("report", "html", "templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return the hash by which the page's Content-Security-Policy allows this style or script."""
    return "sha256-" + _base64(hashlib.sha256(text.encode()).digest())


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


@functools.cache
def _environment_of_templates() -> Environment:
    environment = Environment(
        loader=FunctionLoader(asset), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["number"] = number
    environment.filters["data"] = _base64
    for helper in (quantities, repeat_command, count, counted, area_of):
        environment.globals[helper.__name__] = helper
    return environment


def render_template(name: str, **values: object) -> str:
    """Render a page from its template; all text is escaped."""
    return _environment_of_templates().get_template(name).render(**values)
