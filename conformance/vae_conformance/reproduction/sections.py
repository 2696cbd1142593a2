"""Both documents' sections with all that was found for them: the common ground of the page and of the numbers."""

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
        file: its name.
        caption: what is seen.
        content: PNG.
    """

    file: str
    caption: str
    content: bytes


@dataclass(frozen=True)
class Section:
    """A chapter with what was found.

    Attributes:
        chapter: which.
        content: tables and remarks.
        figures: those that there is something to draw for.
        answers: the claims that cite it, of both systems, in the order of the claims.
    """

    chapter: Chapter
    content: Content
    figures: tuple[Drawn, ...]
    answers: tuple[Answer, ...]

    @property
    def claims(self) -> list[str]:
        """The ids of its claims."""
        return list(dict.fromkeys(answer.claim for answer in self.answers))

    def outcome(self, claim: str) -> Outcome:
        """How a claim stands: the gravest of what it gave on the two systems; not applicable only where it is so on both."""
        return overall([answer.outcome for answer in self.answers if answer.claim == claim])


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """The gravest of several outcomes."""
    return min(outcomes, key=_GRAVITY.index)


def sections(findings: Findings) -> list[Section]:
    """All sections of both documents, their figures drawn."""
    return [_section(chapter, findings) for chapter in CHAPTERS]


def _section(chapter: Chapter, findings: Findings) -> Section:
    content = chapter.content(findings)
    figures = []
    for shown in content.figures:
        try:
            figures.append(Drawn(f"{shown.name}.png", shown.caption, png(shown.draw())))
        except ValueError:
            continue  # there is nothing to draw: the training was not made, or diverged
    source = Source(chapter.document, chapter.section)
    return Section(chapter, content, tuple(figures), citing(source, findings))


def citing(source: Source, findings: Findings) -> tuple[Answer, ...]:
    """The answers of the claims that cite a source."""
    return tuple(
        findings.answers[target, claim.id]
        for claim in _asked(findings)
        if source in claim.sources
        for target in TARGETS
        if (target, claim.id) in findings.answers
    )


def engineering(findings: Findings) -> tuple[Answer, ...]:
    """The answers of the claims that no document needs to state."""
    return citing(ENGINEERING, findings)


def _asked(findings: Findings) -> list[Claim]:
    ids = {claim for _target, claim in findings.answers}
    return [claim for claim in CLAIMS.values() if claim.id in ids]
