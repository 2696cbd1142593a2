"""The sections of both documents with their results, from which the page and the numbers are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vae_conformance.report.figures.canvas import png
from vae_conformance.reproduction.basics_chapters import BASICS_CHAPTERS
from vae_conformance.reproduction.findings import TARGETS, Chapter, Findings
from vae_conformance.reproduction.notes_chapters import NOTES_CHAPTERS
from vae_conformance.reproduction.tables import Content, Shown
from vae_conformance.runner.events import ClaimVerdict
from vae_spec.documents import Source
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS

CHAPTERS: tuple[Chapter, ...] = (*NOTES_CHAPTERS, *BASICS_CHAPTERS)
_GRAVITY = (Outcome.ERROR, Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.HOLDS, Outcome.NOT_APPLICABLE)


Answers = Mapping[str, Mapping[str, ClaimVerdict]]
"""Verdicts by claim, in the order of the claims, and by system."""


@dataclass(frozen=True)
class Section:
    """A chapter with its results.

    Figures are those for which there is something to draw, with the PNG file of each; answers, those on the claims that cite the section.
    """

    chapter: Chapter
    content: Content
    figures: tuple[tuple[Shown, bytes], ...]
    answers: Answers

    def outcome(self, claim: str) -> Outcome:
        """Return the worse of a claim's outcomes on the two systems; not applicable only if it applies to neither."""
        return overall(self.answers[claim])


def overall(answers: Mapping[str, ClaimVerdict]) -> Outcome:
    """Return the worst outcome of a claim."""
    return min((verdict.outcome for verdict in answers.values()), key=_GRAVITY.index)


def sections(findings: Findings) -> list[Section]:
    """Return all sections of both documents, with their figures drawn."""
    return [_section(chapter, findings) for chapter in CHAPTERS]


def _section(chapter: Chapter, findings: Findings) -> Section:
    content = chapter.content(findings)
    figures = []
    for shown in content.figures:
        try:
            figures.append((shown, png(shown.draw())))
        except ValueError:
            continue  # nothing to draw: the training was not made, or diverged
    source = Source(chapter.document, chapter.section)
    return Section(chapter, content, tuple(figures), citing(source, findings))


def citing(source: Source, findings: Findings) -> Answers:
    """Return the answers on the claims that cite a source."""
    found = {
        claim.id: {target: findings.answers[target, claim.id] for target in TARGETS if (target, claim.id) in findings.answers}
        for claim in CLAIMS.values()
        if source in claim.sources
    }
    return {claim: answers for claim, answers in found.items() if answers}
