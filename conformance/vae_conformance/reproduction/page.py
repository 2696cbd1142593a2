"""`README.md`, the page of a reproduction: both documents section by section, with measurements, figures and claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.wording import count
from vae_conformance.reproduction.findings import Findings
from vae_conformance.reproduction.sections import Answers, Section, citing, overall
from vae_conformance.runner.events import ClaimVerdict
from vae_spec.documents import DOCUMENTS, ENGINEERING
from vae_spec.outcomes import Level, Outcome
from vae_spec.registry import CLAIMS

_PLAIN = (Outcome.HOLDS, Outcome.NOT_APPLICABLE)
_WORDS = {outcome: outcome.words if outcome in _PLAIN else f"**{outcome.words}**" for outcome in Outcome}
_LINES = 6


def render_page(findings: Findings, sections: Sequence[Section], code: ExitCode) -> str:
    """Render the page as Markdown that ends with a newline."""
    lines = [*_head(findings, code), *_overview(sections)]
    reported: set[str] = set()
    for document in DOCUMENTS.values():
        lines += ["", f"# {document.title}"]
        for section in sections:
            if section.chapter.document is document:
                lines += _section(section, reported)
    others = citing(ENGINEERING, findings)
    if others:
        lines += ["", "# Good engineering", "", "Claims that no document needs to state.", *_claims(others, reported)]
    return "\n".join(lines) + "\n"


def _head(findings: Findings, code: ExitCode) -> list[str]:
    environments = [bound.environment for bound in findings.systems.values()]
    under = f"PyTorch {environments[0]['torch']}, Python {environments[0]['python']}, " if environments else ""
    asked = [answer.outcome for answer in findings.answers.values()]
    totals = [f"{asked.count(outcome)} {outcome.words}" for outcome in Outcome if outcome in asked]
    made = (
        f"Made by `vae-conformance reproduce` {version('vae-conformance')} with seed {findings.seed} on {findings.dataset}; {under}"
        f"{findings.duration_s:.0f} s. Numbers are means ± standard deviations over seeds; a dash stands where there is none. All of them"
        " are in [numbers.json](numbers.json)."
    )
    came = (
        f"{count(len(asked), 'answer')} of the reference's image model and of the tiny lab's: {', '.join(totals)}."
        f" Exit code {int(code)}: {code.meaning}."
    )
    lines = ["# The two teaching documents, reproduced", "", made, "", came]
    for experiment, problem in findings.problems.items():
        lines += ["", f"The experiment *{experiment}* could not be made: {' '.join(problem.split())}"]
    return lines


def _overview(sections: Iterable[Section]) -> list[str]:
    lines = ["", "| section | what it says | borne out by | not borne out by |", "|---|---|---|---|"]
    for section in sections:
        chapter = section.chapter
        for_it = [claim for claim in section.answers if section.outcome(claim) is Outcome.HOLDS]
        against = [claim for claim in section.answers if section.outcome(claim) not in {Outcome.HOLDS, Outcome.NOT_APPLICABLE}]
        doubts = ", ".join(f"{claim} ({section.outcome(claim).words})" for claim in against)
        document = chapter.document.title.rpartition(" ")[0]
        title = f"[{document} {chapter.section}](#{_anchor(section)})"
        lines.append(f"| {title} | {chapter.summary} | {', '.join(for_it) or '–'} | {doubts or '–'} |")
    return lines


def _heading(section: Section) -> str:
    chapter = section.chapter
    name = chapter.section if chapter.section[0].isdigit() else chapter.section.capitalize()
    heading = chapter.document.sections[chapter.section]
    return heading[0].upper() + heading[1:] if heading.startswith(chapter.section) else f"{name}: {heading}"


def _anchor(section: Section) -> str:
    """Return the anchor of the section's heading, as Markdown renderers make it."""
    return "".join(one for one in _heading(section).lower() if one.isalnum() or one in " -_").replace(" ", "-")


def _section(section: Section, reported: set[str]) -> list[str]:
    lines = ["", f"## {_heading(section)}", "", section.chapter.summary]
    for remark in section.content.remarks:
        lines += ["", remark]
    for table in section.content.tables:
        lines += ["", *table.markdown()]
    for figure, _content in section.figures:
        lines += ["", f"![{figure.caption}]({figure.file})", "", f"*{figure.caption}*"]
    return [*lines, *_claims(section.answers, reported)]


def _claims(answers: Answers, reported: set[str]) -> list[str]:
    """List the claims with their outcomes, and the messages of each claim at its first occurrence.

    The claims of the section are added to those `reported`, whose messages are already on the page.
    """
    lines: list[str] = [""] if answers else []
    for claim, asked in answers.items():
        where = "; ".join(f"{target}: {verdict.outcome.words}" for target, verdict in asked.items())
        lines.append(f"- **{claim}** {CLAIMS[claim].title} – {_WORDS[overall(asked)]} ({where})")
        if claim not in reported:
            lines += [f"  - {line}" for verdict in asked.values() for line in _message(verdict)]
        reported.add(claim)
    return lines


def _message(verdict: ClaimVerdict) -> list[str]:
    """Return the lines of the verdict's message; none for an exact claim that holds, unless it is informational."""
    of_interest = CLAIMS[verdict.claim].trained or verdict.level is Level.INFORMATIONAL
    if verdict.outcome is Outcome.NOT_APPLICABLE or (verdict.outcome is Outcome.HOLDS and not of_interest):
        return []
    lines = [line.strip() for line in verdict.message.splitlines() if line.strip()]
    shown = 1 if verdict.outcome is Outcome.ERROR else _LINES  # the rest is a traceback
    return [_plain(line) for line in lines[:shown]]


def _plain(text: str) -> str:
    """Escape the characters that Markdown would interpret."""
    return "".join(f"\\{one}" if one in "*_<|[]`" else one for one in text)
