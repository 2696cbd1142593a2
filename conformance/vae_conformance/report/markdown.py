"""The report as Markdown, for a comment on a pull request or the summary of a CI job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.markdown_text import code, code_block, escaped, escaped_lines, table
from vae_conformance.report.summary import advice, meaning, missing_words, short_verdict, whole_verdict
from vae_conformance.report.terminal import repeat_command
from vae_conformance.report.wording import count, number
from vae_conformance.runner.record import ClaimReport, Diagnosis, RunRecord, heading
from vae_spec.outcomes import Number, Outcome

LARGEST = 60_000
"""Maximum length in characters; GitHub limits comments to 65 536."""
_SHOWN = (Outcome.VIOLATED, Outcome.ERROR, Outcome.UNEXPECTED_PASS, Outcome.INCONCLUSIVE)


def render_markdown(report: RunRecord) -> str:
    """Render the report as Markdown text that ends with a newline.

    It holds the verdict, the most likely mistakes, each claim that does not hold with its cause and location, a table by area, and the
    command that reproduces the run. All text from the implementation is escaped. If the report exceeds `LARGEST`, the last claims are
    only named.
    """
    lines = [*_verdict(report), *_problem(report), *_diagnoses(report.diagnoses)]
    failing = [claim for outcome in _SHOWN for claim in report.claims if claim.outcome is outcome]
    tail = [*_areas(report), *_rest(report)]
    room = LARGEST - sum(len(line) + 1 for line in (*lines, *tail))
    named: list[str] = []
    for claim in failing:
        block = _block(claim, report)
        room -= sum(len(line) + 1 for line in block)
        if room > 0:
            lines += block
        else:
            named.append(claim.id)
    if named:
        lines += [f"Not shown for lack of room, and in the other reports: {', '.join(named)}", ""]
    return "\n".join([*lines, *tail]).rstrip("\n") + "\n"


def _verdict(report: RunRecord) -> list[str]:
    code_number, words = int(report.exit_code), meaning(report)
    weights = None if report.implementation is None else report.implementation.weights
    heading = () if report.implementation is None else report.implementation.binding.heading
    return [
        f"## {code(report.options.target.text)}: {short_verdict(report)}",
        "",
        f"{words[0].upper()}{words[1:]} (exit code {code_number}).",
        "",
        *_left_open(report),
        *([] if weights is None else [f"Weights, judged as they are: {code(str(weights))}", ""]),
        *(line for kind, text in heading for line in (f"{kind.capitalize()}: {escaped(text)}", "")),
    ]


def _left_open(report: RunRecord) -> list[str]:
    """Return what was not asked and why, with how to have it asked, and how far a run came that was stopped; nothing if all was decided."""
    hints = advice(report)
    if not (hints or report.postponed.claims or report.stopped_by):
        return []
    listed = [*(f"- To have them asked: {escaped(one)}." for one in hints), ""] if hints else []
    return [f"It {escaped(whole_verdict(report))}.", "", *listed]


def _problem(report: RunRecord) -> list[str]:
    problem = report.problem
    if problem is None:
        return []
    lines = [f"**{escaped(problem.message)}**", ""]
    lines += [escaped(problem.hint), ""] if problem.hint else []
    return [*lines, *code_block(problem.details), ""] if problem.details else lines


def _diagnoses(diagnoses: Sequence[Diagnosis]) -> list[str]:
    lines: list[str] = []
    for diagnosis in diagnoses:
        account = f": {escaped(diagnosis.explanation)}" if diagnosis.explanation else ""
        lines.append(f"- {code(diagnosis.mistake)}{account} ({', '.join(diagnosis.evidence)})")
        if diagnosis.mend:
            lines.append(f"  - Fix: {escaped(diagnosis.mend)}")
    return ["### What most likely is wrong", "", *lines, ""] if lines else []


def _block(claim: ClaimReport, report: RunRecord) -> list[str]:
    verdict = claim.verdict
    word = claim.outcome.words + ("" if claim.gates else ", does not gate")
    lines = [f"### {claim.id} ({verdict.level.value}): {word}", "", f"*{escaped(verdict.statement or verdict.title)}*", ""]
    if claim.outcome is Outcome.UNEXPECTED_PASS:
        return [*lines, f"It holds now: take it out of the expected failures. Listed: {escaped(claim.reason)}", ""]
    lines += [escaped_lines(verdict.message), ""]
    entries = [
        ("Look at", ", ".join(code(str(place)) for place in claim.locations)),
        ("Most likely", _cause(claim)),
        ("Measured", _numbers(verdict.measured)),
        ("Expected", _numbers(verdict.expected)),
        ("Hint", escaped(claim.mend)),
        ("Source", escaped(verdict.source)),
        ("Repeat", code(repeat_command(report.options, claim.id))),
    ]
    return [*lines, *(f"- {title}: {text}" for title, text in entries if text), ""]


def _cause(claim: ClaimReport) -> str:
    mistake = claim.verdict.diagnosis if claim.explained is None else claim.explained.mistake
    return "" if mistake is None else code(mistake) + escaped(claim.cause.removeprefix(mistake))


def _numbers(values: Mapping[str, Number]) -> str:
    return ", ".join(f"{escaped(name.replace('_', ' '))} {escaped(number(value))}" for name, value in values.items())


def _areas(report: RunRecord) -> list[str]:
    """Return a table with one row per area and one column per outcome that occurs."""
    used = [outcome for outcome in Outcome if report.summary.get(outcome)]
    rows = []
    for area, claims in report.by_area.items():
        counts = [sum(claim.outcome is outcome for claim in claims) for outcome in used]
        rows.append([heading(area), *(str(n) if n else "" for n in counts)])
    lines = table(["Area", *(outcome.words for outcome in used)], rows)
    return ["### Claims by area", "", *lines, ""] if lines else []


def _rest(report: RunRecord) -> list[str]:
    options = report.options
    lines: list[str] = []
    if report.missing and report.implementation is not None:
        lines += [f"{missing_words(report).capitalize()}: {', '.join(report.missing)}.", ""]
    others = [claim for claim in report.claims if claim.outcome in (Outcome.NOT_APPLICABLE, Outcome.EXPECTED_FAILURE)]
    rows = [[claim.id, claim.outcome.words, escaped_lines(claim.reason or claim.verdict.message)] for claim in others]
    if rows:
        summary = f"<details><summary>{count(len(rows), 'claim')} not applicable or expected to fail</summary>"
        lines += [summary, "", *table(["Claim", "Outcome", "Reason"], rows), "", "</details>", ""]
    if report.exit_code is not ExitCode.UNBOUND:
        lines += ["Repeat the whole run:", "", *code_block(repeat_command(options, ",".join(options.only)), "sh"), ""]
    under = f"Seed {options.seed}, profile {options.profile}, data {report.data_name}, {report.duration_s:.1f} s"
    versions = [f"{name} {report.environment[name]}" for name in ("python", "torch") if report.environment.get(name)]
    return [*lines, escaped(", ".join([under, *versions])) + "."]
