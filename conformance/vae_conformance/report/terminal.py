"""The report for people: a block for each claim that does not hold, what follows from it, and how the rest came out by area and level."""

from __future__ import annotations

import shlex

from vae_conformance.config.options import RunOptions
from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.layout import Layout, count, number, numbers
from vae_conformance.report.summary import Cell, advice, counted, headline, rows
from vae_conformance.runner.record import ClaimReport, Diagnosis, RunRecord, heading
from vae_spec.outcomes import Level, Outcome

_COLOURS = {
    Outcome.HOLDS: "green",
    Outcome.VIOLATED: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.NOT_APPLICABLE: "dim",
    Outcome.ERROR: "red",
    Outcome.EXPECTED_FAILURE: "yellow",
    Outcome.UNEXPECTED_PASS: "red",
}
_WORDS = {outcome: (outcome.words.upper() if colour == "red" else outcome.words, colour) for outcome, colour in _COLOURS.items()}
_WIDEST = max(len(word) for word, _ in _WORDS.values())
_BEARING = (
    *("profile", "dataset", "data", "data_root", "effective_beta", "likelihood"),
    *("objective", "decoder", "loss", "second_head", "weights", "device"),
)
"""Options that bear on an outcome, by name."""
_LEAST_ROOM = 24
_FOLDED = frozenset({Outcome.HOLDS, Outcome.NOT_APPLICABLE})
_LABEL = 13
"""Columns of what stands before each line of a violation's block."""


def render_terminal(report: RunRecord, layout: Layout, *, verbose: bool = False) -> str:
    """The report as text that ends with a newline.

    Args:
        report: the record.
        layout: of the terminal.
        verbose: whether claims that hold, or do not apply, have lines of their own.
    """
    lines = _header(report, layout)
    for area, claims in report.by_area.items():
        shown = [claim for claim in claims if verbose or claim.outcome not in _FOLDED]
        if shown:
            lines += ["", layout.paint(heading(area), "bold")]
        for claim in shown:
            lines += _claim(claim, report.options, layout)
            if verbose and claim.outcome is Outcome.HOLDS and claim.verdict.smallest_effect:
                lines += layout.wrap(f"smallest effect: {claim.verdict.smallest_effect}", "    ")
    lines += [*_problem(report, layout), "", *_summary(report, layout, verbose=verbose)]
    spaced = (line for line, before in zip(lines, ["", *lines], strict=False) if line or before)
    return "\n".join(spaced) + "\n"


def render_failures(report: RunRecord, layout: Layout) -> str:
    """The blocks of what keeps the exit code from 0, what follows from it, and the code: the text of an error in somebody's tests."""
    failing = (Outcome.VIOLATED, Outcome.ERROR, Outcome.UNEXPECTED_PASS, Outcome.INCONCLUSIVE)
    claims = [claim for claim in report.claims if claim.outcome in failing and (claim.gates or claim.outcome is Outcome.ERROR)]
    lines = [line for claim in claims for line in ("", *_claim(claim, report.options, layout))]
    if report.missing:
        lines += ["", *layout.wrap(f"not asked: {', '.join(report.missing)}")]
    end = f"{report.options.target}: exit code {int(report.exit_code)}, {report.exit_code.meaning}"
    return "\n".join([end, *lines, *_problem(report, layout)]).rstrip("\n")


def repeat_command(options: RunOptions, claim: str = "") -> str:
    """The command that asks this one claim again, or all of the profile, under all options that bear on the outcome."""
    words = ["vae-conformance", "run", options.target, *(["--only", claim] if claim else []), "--seed", str(options.seed)]
    plain = RunOptions(target=options.target)
    for name in _BEARING:
        value = getattr(options, name)
        if value != getattr(plain, name):
            words += ["--" + name.replace("_", "-"), str(value)]
    if options.input_shape is not None:
        words += ["--input-shape", ",".join(map(str, options.input_shape))]
    if options.input_range is not None:
        words += ["--input-range", ",".join(f"{end:g}" for end in options.input_range)]
    return shlex.join(words)


def _header(report: RunRecord, layout: Layout) -> list[str]:
    found = report.implementation
    if found is None:
        return layout.wrap(report.options.target)
    facts = [f"{number(found.parameters)} parameters", f"{number(found.latent_dim)} latent dimensions"]
    if found.likelihood:
        facts.append(f"likelihood {found.likelihood}")
    if found.weights:
        facts.append(f"weights {found.weights}")
    return layout.wrap(": ".join(filter(None, (report.options.target, ", ".join(facts)))))


def _claim(claim: ClaimReport, options: RunOptions, layout: Layout) -> list[str]:
    match claim.outcome:
        case Outcome.HOLDS:
            return _line(claim, layout)
        case Outcome.VIOLATED | Outcome.ERROR:
            return _block(claim, options, layout)
        case Outcome.EXPECTED_FAILURE:
            return [
                *_line(claim, layout),
                *layout.wrap(f"listed: {claim.reason}", "    "),
                *layout.wrap(claim.verdict.message, "    "),
            ]
        case Outcome.UNEXPECTED_PASS:
            advice = f"it holds now: take it out of the expected failures (listed: {claim.reason})"
            return [*_line(claim, layout), *layout.wrap(advice, "    ")]
        case Outcome.INCONCLUSIVE:
            seen = f"measured {numbers(claim.verdict.measured)}" if claim.verdict.measured else ""
            return [*_line(claim, layout), *layout.wrap(claim.verdict.message, "    "), *layout.wrap(seen, "    ")]
        case Outcome.NOT_APPLICABLE:
            return [*_line(claim, layout), *layout.wrap(claim.verdict.message, "    ")]


def _line(claim: ClaimReport, layout: Layout) -> list[str]:
    """Id, level, title, and the outcome at the right; a long title wraps under itself, in a narrow terminal below."""
    word, colour = _WORDS[claim.outcome]
    painted = layout.paint(word, colour)
    start = f"{claim.id:8}{claim.verdict.level.value:15}"
    room = layout.width - len(start) - 2 - _WIDEST
    if room < _LEAST_ROOM:
        return [start + painted, *layout.wrap(claim.verdict.title, "    ", "")]
    first, *rest = Layout(room).wrap(claim.verdict.title, hanging="") or [""]
    return [f"{start}{first:{room}}  {painted}", *(" " * len(start) + line for line in rest)]


def _block(claim: ClaimReport, options: RunOptions, layout: Layout) -> list[str]:
    verdict = claim.verdict
    word, colour = _WORDS[claim.outcome]
    if claim.outcome is Outcome.VIOLATED and not claim.gates:
        word = "VIOLATED (does not gate)"
    start = f"{claim.id:8}{verdict.level.value:15}"
    fits = len(start) + len(verdict.source) + 2 + len(word) <= layout.width
    room = max(layout.width - len(start) - len(word), 0)
    head = [f"{start}{verdict.source if fits else '':{room}}{layout.paint(word, colour, 'bold')}"]
    if len(start) + len(word) > layout.width:
        head = [start.rstrip(), "  " + layout.paint(word, colour, "bold")]
    entries = (
        ("source", "" if fits else verdict.source),
        ("requirement", verdict.statement or verdict.title),
        ("found", verdict.message),
        ("expected", numbers(verdict.expected)),
        ("measured", numbers(verdict.measured)),
        ("most likely", claim.cause),
        ("mend", claim.mend),
        ("look at", ", ".join(map(str, claim.locations))),
    )
    lines = [line for label, text in entries if text for line in _labelled(label, text, layout)]
    # the command stays on one line, so that it can be copied
    return [*head, *lines, f"  {'repeat':{_LABEL}}{repeat_command(options, claim.id)}", ""]


def _labelled(label: str, text: str, layout: Layout) -> list[str]:
    """The text behind its label, its lines below each other."""
    first, *rest = Layout(max(layout.width - _LABEL - 2, _LEAST_ROOM)).wrap(text, hanging="") or [""]
    return [f"  {label:{_LABEL}}{first}", *(" " * (_LABEL + 2) + line for line in rest)]


def _problem(report: RunRecord, layout: Layout) -> list[str]:
    if report.problem is None:
        return []
    word = "The suite failed" if report.exit_code is ExitCode.ERROR else "Cannot be judged"
    return [
        "",
        layout.paint(word, "red", "bold"),
        *layout.wrap(report.problem.message, "  "),
        *layout.wrap(report.problem.hint, "  "),
        *(f"  | {line}" for line in report.problem.details.splitlines()),
    ]


def _summary(report: RunRecord, layout: Layout, *, verbose: bool) -> list[str]:
    options = report.options
    lines: list[str] = []
    if report.diagnoses:
        violated = report.summary.get(Outcome.VIOLATED, 0)
        lines += [layout.paint("What most likely is wrong", "bold")]
        for diagnosis in report.diagnoses:
            lines += layout.wrap(_diagnosis(diagnosis, violated), "  ")
        lines += [""]
    more = " (--verbose says why)" if report.summary.get(Outcome.NOT_APPLICABLE) and not verbose else ""
    if report.problem is not None and not report.claims:
        return layout.wrap(f"exit code {int(report.exit_code)}: {report.exit_code.meaning}", "  ")
    lines += [layout.paint("Summary", "bold"), *_table(report, layout), *layout.wrap(_counts(report) + more, "  ")]
    if report.missing and report.implementation is not None:
        lines += layout.wrap(f"not asked: {', '.join(report.missing)}", "  ")
    gate = "required claims" if options.gate == "required" else "required and expected claims"
    lines += layout.wrap(f"{gate} gate; all others are reported only", "  ")
    lines += layout.wrap(f"seed {options.seed}, profile {options.profile}, data {options.data_name}, {report.duration_s:.1f} s", "  ")
    budget = report.error_budget
    if tests := int(budget["exact_tail_claims"]):
        lines += layout.wrap(
            f"false alarms of exact tests: at most {budget['exact_tail_false_alarm_probability']:g} a run, of which"
            f" {budget['exact_tail_level_given_out']:.2g} is given out to {count(tests, 'claim')}",
            "  ",
        )
    colour = "green" if report.exit_code is ExitCode.CONFORMS else "red"
    text = f"exit code {int(report.exit_code)}: {report.exit_code.meaning}"
    if report.claims:
        lines += ["", *(layout.paint(line, colour, "bold") for line in layout.wrap(f"{options.target} {headline(report)}"))]
        lines += [line for one in advice(report) for line in layout.wrap(one, "  ")]
    return [*lines, *(layout.paint(line, colour) for line in layout.wrap(text, "  "))]


def _table(report: RunRecord, layout: Layout) -> list[str]:
    """How many claims hold, by area and level; where the terminal is too narrow for it, nothing."""
    found = rows(report)
    names = [*(level.value for level in Level), "n/a"]
    first = max((len(row.name) for row in found), default=0) + 2
    if not found or first + 2 + sum(len(name) + 2 for name in names) > layout.width:
        return []
    lines = [layout.paint(f"  {'':{first}}" + "".join(f"  {name:>{len(name)}}" for name in names), "dim")]
    for row in found:
        cells = "".join("  " + _cell(cell, len(name), layout) for cell, name in zip(row.cells, names, strict=False))
        lines.append(f"  {row.name:{first}}{cells}  {row.not_applicable or '–':>{len(names[-1])}}")
    return lines


def _cell(cell: Cell, width: int, layout: Layout) -> str:
    text = f"{cell.shown():>{width}}"
    return layout.paint(text, *(("red", "bold") if cell.bad else ("yellow",) if cell.open else ()))


def _counts(report: RunRecord) -> str:
    each = ", ".join(counted(outcome, n) for outcome, n in report.summary.items() if n)
    return f"{count(len(report.claims), 'claim')}{': ' if each else ''}{each}"


def _diagnosis(diagnosis: Diagnosis, violated: int) -> str:
    account = f"{diagnosis.mistake}: {diagnosis.explanation}" if diagnosis.explanation else diagnosis.mistake
    share = f"{len(diagnosis.evidence)} of {count(violated, 'violated claim')}: {', '.join(diagnosis.evidence)}"
    mend = f"\n  mend: {diagnosis.mend}" if diagnosis.mend else ""
    return f"{account} ({share}){mend}"
