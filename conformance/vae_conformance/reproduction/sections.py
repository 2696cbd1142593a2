"""The sections of both documents with their results, from which the page and the numbers are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vae_conformance.report.figures.canvas import png
from vae_conformance.reproduction.basics_chapters import BASICS_CHAPTERS
from vae_conformance.reproduction.chapters import Chapter
from vae_conformance.reproduction.findings import TARGETS, Answer, Findings
from vae_conformance.reproduction.notes_chapters import NOTES_CHAPTERS
from vae_conformance.reproduction.tables import Content
from vae_spec.claim import Claim
from vae_spec.documents import ENGINEERING, Source
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS

CHAPTERS: tuple[Chapter, ...] = (*NOTES_CHAPTERS, *BASICS_CHAPTERS)
_GRAVITY = (Outcome.ERROR, Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.HOLDS, Outcome.NOT_APPLICABLE)


@dataclass(frozen=True)
class Drawn:
    """A figure as a file.

    Attributes:
        file: the file's name.
        caption: a description of what is shown.
        content: the PNG file.
    """

    file: str
    caption: str
    content: bytes


@dataclass(frozen=True)
class Section:
    """A chapter with its results.

    Attributes:
        chapter: the chapter.
        content: its tables and remarks.
        figures: the figures for which there is something to draw.
        answers: the answers of both systems on the claims that cite the section, in the order of the claims.
    """

    chapter: Chapter
    content: Content
    figures: tuple[Drawn, ...]
    answers: tuple[Answer, ...]

    @property
    def claims(self) -> list[str]:
        """Return the ids of the section's claims."""
        return list(dict.fromkeys(answer.claim for answer in self.answers))

    def outcome(self, claim: str) -> Outcome:
        """Return the worse of a claim's outcomes on the two systems; not applicable only if it applies to neither."""
        return overall([answer.outcome for answer in self.answers if answer.claim == claim])


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the worst of several outcomes."""
    return min(outcomes, key=_GRAVITY.index)


def sections(findings: Findings) -> list[Section]:
    """Return all sections of both documents, with their figures drawn."""
    return [_section(chapter, findings) for chapter in CHAPTERS]


def _section(chapter: Chapter, findings: Findings) -> Section:
    content = chapter.content(findings)
    figures = []
    for shown in content.figures:
        try:
            figures.append(Drawn(f"{shown.name}.png", shown.caption, png(shown.draw())))
        except ValueError:
            continue  # nothing to draw: the training was not made, or diverged
    source = Source(chapter.document, chapter.section)
    return Section(chapter, content, tuple(figures), citing(source, findings))


def citing(source: Source, findings: Findings) -> tuple[Answer, ...]:
    """Return the answers on the claims that cite a source."""
    return tuple(
        findings.answers[target, claim.id]
        for claim in _asked(findings)
        if source in claim.sources
        for target in TARGETS
        if (target, claim.id) in findings.answers
    )


def engineering(findings: Findings) -> tuple[Answer, ...]:
    """Return the answers on the claims of good engineering, which no document needs to state."""
    return citing(ENGINEERING, findings)


def _asked(findings: Findings) -> list[Claim]:
    ids = {claim for _target, claim in findings.answers}
    return [claim for claim in CLAIMS.values() if claim.id in ids]
