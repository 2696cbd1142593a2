"""The terminal report: a block for each claim that does not hold, the diagnoses, and a summary by area and level."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from vae_conformance.config.kinds import shown
from vae_conformance.config.options import OPTIONS, RunOptions
from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.console import Paragraph, plain_console, rendered, words
from vae_conformance.report.summary import Cell, advice, counted, headline, meaning, missing_words, postponed_words, rows
from vae_conformance.report.wording import count, number, numbers
from vae_conformance.runner.record import ClaimReport, Diagnosis, RunRecord, heading
from vae_spec.outcomes import Level, Outcome

COLOURS = {
    Outcome.HOLDS: "green",
    Outcome.VIOLATED: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.NOT_APPLICABLE: "dim",
    Outcome.ERROR: "red",
    Outcome.EXPECTED_FAILURE: "yellow",
    Outcome.UNEXPECTED_PASS: "red",
    Outcome.NOT_ASKED: "dim",
}
"""The style of each outcome on a terminal, for reports and comparisons."""
_WORDS = {outcome: (outcome.words.upper() if colour == "red" else outcome.words, colour) for outcome, colour in COLOURS.items()}
_WIDEST = max(len(word) for word, _ in _WORDS.values())
_FOLDED = frozenset({Outcome.HOLDS, Outcome.NOT_APPLICABLE, Outcome.NOT_ASKED})
_FAILING = frozenset({Outcome.VIOLATED, Outcome.ERROR, Outcome.UNEXPECTED_PASS, Outcome.INCONCLUSIVE})
_LABEL = 13
"""Columns of the labels in a violation's block."""
_EMPTY = Text()


def render_terminal(report: RunRecord, console: Console, *, verbose: bool = False) -> str:
    """Render the report as text that ends with a newline. If `verbose`, claims that hold or are not applicable are listed too."""
    return rendered(console, _parts(report, console, verbose=verbose))


def render_failures(report: RunRecord) -> str:
    """Render everything that keeps the exit code from being 0, as the message of an exception in a user's test suite."""
    parts: list[RenderableType] = [
        Paragraph(f"{report.options.target}: exit code {int(report.exit_code)}, {report.exit_code.meaning}", hang=2)
    ]
    for claim in report.claims:
        if claim.outcome in _FAILING and (claim.gates or claim.outcome is Outcome.ERROR):
            parts += [_EMPTY, *_claim(claim, report.options)]
    if report.missing:
        parts += [_EMPTY, Paragraph(f"{missing_words(report)}: {', '.join(report.missing)}", hang=2)]
    if postponed := postponed_words(report):
        parts += [_EMPTY, Paragraph(postponed, hang=2)]
    return rendered(plain_console(), [*parts, *_problem(report)]).rstrip("\n")


def repeat_command(options: RunOptions, claim: str = "") -> str:
    """Return the command that reproduces one claim, or the whole profile, with all options that can affect the outcome."""
    words = ["vae-conformance", "run", options.target.text, *(["--only", claim] if claim else []), "--seed", str(options.seed)]
    for name, option in OPTIONS.items():
        value = getattr(options, name)
        if option.bears and name != "seed" and value != option.default:
            words += [option.flag, shown(value)]
    return shlex.join(words)


def _parts(report: RunRecord, console: Console, *, verbose: bool) -> Iterator[RenderableType]:
    yield _header(report)
    if report.implementation is not None:
        yield from (Paragraph(text, f"  {kind}: ", hang=2) for kind, text in report.implementation.binding.heading)
    for area, claims in report.by_area.items():
        shown = [claim for claim in claims if verbose or claim.outcome not in _FOLDED]
        if shown:
            yield from (_EMPTY, words(heading(area), "bold"))
        for claim in shown:
            yield from _claim(claim, report.options)
    yield from (*_problem(report), _EMPTY, *_summary(report, console, verbose=verbose))


def _header(report: RunRecord) -> Paragraph:
    found = report.implementation
    facts = [] if found is None else [f"{number(found.parameters)} parameters", f"{number(found.latent_dim)} latent dimensions"]
    if found is not None and found.likelihood:
        facts.append(f"likelihood {found.likelihood}")
    if found is not None and found.weights:
        facts.append(f"weights {found.weights}")
    return Paragraph(": ".join(filter(None, (report.options.target.text, ", ".join(facts)))), hang=2)


def _claim(claim: ClaimReport, options: RunOptions) -> list[RenderableType]:
    """Return a block for a violation or an error; otherwise a line with the outcome at its right, and the reasons below."""
    verdict = claim.verdict
    if claim.outcome in (Outcome.VIOLATED, Outcome.ERROR):
        return _block(claim, options)
    details = {
        Outcome.EXPECTED_FAILURE: f"listed: {claim.reason}\n{verdict.message}",
        Outcome.UNEXPECTED_PASS: f"it holds now: take it out of the expected failures (listed: {claim.reason})",
        Outcome.INCONCLUSIVE: verdict.message + (f"\nmeasured {numbers(verdict.measured)}" if verdict.measured else ""),
        Outcome.HOLDS: f"smallest effect: {verdict.smallest_effect}" if verdict.smallest_effect else "",
    }.get(claim.outcome, verdict.message)
    word, colour = _WORDS[claim.outcome]
    return [
        Paragraph(verdict.title, _start(claim), words(f"{word:{_WIDEST}}", colour)),
        *([Paragraph(details, "    ", hang=2)] if details else []),
    ]


def _block(claim: ClaimReport, options: RunOptions) -> list[RenderableType]:
    verdict = claim.verdict
    word, colour = _WORDS[claim.outcome]
    if claim.outcome is Outcome.VIOLATED and not claim.gates:
        word = "VIOLATED (does not gate)"
    entries = (
        ("requirement", verdict.statement or verdict.title),
        ("found", verdict.message),
        ("expected", numbers(verdict.expected)),
        ("measured", numbers(verdict.measured)),
        ("most likely", claim.cause),
        ("fix", claim.mend),
        ("look at", ", ".join(map(str, claim.locations))),
    )
    # keep the command on one line, so that it can be copied
    repeat = Text.assemble(f"  {'repeat':{_LABEL}}", words(repeat_command(options, claim.id)), no_wrap=True, overflow="ignore")
    return [
        Paragraph(verdict.source, _start(claim), words(word, f"bold {colour}")),
        *(Paragraph(text, f"  {label:{_LABEL}}") for label, text in entries if text),
        *(repeat, _EMPTY),
    ]


def _start(claim: ClaimReport) -> str:
    return f"{claim.id:8}{claim.verdict.level.value:15}"


def _problem(report: RunRecord) -> list[RenderableType]:
    if report.problem is None:
        return []
    word = "The suite failed" if report.exit_code is ExitCode.ERROR else "Cannot be judged"
    texts = (text for text in (report.problem.message, report.problem.hint) if text)
    return [
        *(_EMPTY, words(word, "bold red")),
        *(Paragraph(text, "  ", hang=2) for text in texts),
        *(Paragraph(line, "  | ") for line in report.problem.details.splitlines()),
    ]


def _summary(report: RunRecord, console: Console, *, verbose: bool) -> Iterator[RenderableType]:
    if report.diagnoses:
        yield words("What most likely is wrong", "bold")
        for diagnosis in report.diagnoses:
            yield from _diagnosis(diagnosis, report.summary.get(Outcome.VIOLATED, 0))
        yield _EMPTY
    colour = "green" if report.exit_code is ExitCode.CONFORMS else "red"
    end = f"exit code {int(report.exit_code)}: {meaning(report)}"
    if report.problem is not None and not report.claims:
        yield Paragraph(end, "  ", hang=2)
        return
    yield words("Summary", "bold")
    yield from _table(report, console)
    yield from (Paragraph(text, "  ", hang=2) for text in _conditions(report, verbose=verbose))
    if report.claims:
        yield from (_EMPTY, Paragraph(f"{report.options.target} {headline(report)}", hang=2, style=f"bold {colour}"))
        yield from (Paragraph(text, "  ", hang=2) for text in filter(None, (postponed_words(report), *advice(report))))
    yield Paragraph(end, "  ", hang=2, style=colour)


def _conditions(report: RunRecord, *, verbose: bool) -> Iterator[str]:
    """Yield the number of claims with each outcome, and the conditions of the run."""
    options, budget = report.options, report.error_budget
    each = ", ".join(counted(outcome, n) for outcome, n in report.summary.items() if n)
    more = " (--verbose says why)" if report.summary.get(Outcome.NOT_APPLICABLE) and not verbose else ""
    yield f"{count(len(report.claims), 'claim')}{': ' if each else ''}{each}{more}"
    if report.missing and report.implementation is not None:
        yield f"{missing_words(report)}: {', '.join(report.missing)}"
    gate = "required claims" if options.gate == "required" else "required and expected claims"
    yield f"{gate} gate; all others are reported only"
    yield f"seed {options.seed}, profile {options.profile}, data {report.data_name}, {report.duration_s:.1f} s"
    if tests := int(budget["exact_tail_claims"]):
        yield (
            f"false alarms of exact tests: at most {budget['exact_tail_false_alarm_probability']:g} a run, of which"
            f" {budget['exact_tail_level_given_out']:.2g} is given out to {count(tests, 'claim')}"
        )


def _table(report: RunRecord, console: Console) -> list[Table]:
    """Return the table of claims that hold by area and level, or nothing if the terminal is too narrow for it."""
    found = rows(report)
    table = Table(box=None, padding=(0, 0, 0, 2), header_style="dim")
    table.add_column()
    left_out = bool(report.postponed.claims)
    for name in (*(level.value for level in Level), "n/a", *(["not asked"] if left_out else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found:
        others = [str(n or "–") for n in (row.not_applicable, row.not_asked)]
        table.add_row(words(f"{row.name}  "), *map(_cell, row.cells), *others[: 1 + left_out])
    fits = Measurement.get(console, console.options.update(max_width=10 * console.width), table).maximum <= console.width
    return [table] if found and fits else []


def _cell(cell: Cell) -> Text:
    return words(cell.shown(), "bold red" if cell.bad else "yellow" if cell.open else "")


def _diagnosis(diagnosis: Diagnosis, violated: int) -> Iterator[Paragraph]:
    account = f"{diagnosis.mistake}: {diagnosis.explanation}" if diagnosis.explanation else diagnosis.mistake
    share = f"{len(diagnosis.evidence)} of {count(violated, 'violated claim')}: {', '.join(diagnosis.evidence)}"
    yield Paragraph(f"{account} ({share})", "  ", hang=2)
    if diagnosis.mend:
        yield Paragraph(f"fix: {diagnosis.mend}", "    ", hang=2)
