"""Terminal output of `claims`, `list` and `inspect`: claims, registered implementations, and a binding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.text import Text

from vae_conformance.config.values import area_of
from vae_conformance.report.console import Paragraph, rendered, words
from vae_conformance.report.wording import number
from vae_conformance.runner.events import FoundImplementation, FoundPart
from vae_conformance.runner.record import heading, in_order
from vae_spec.mistakes import MISTAKES

if TYPE_CHECKING:
    from vae_spec.claim import Claim


def render_claims(claims: Mapping[str, Claim], console: Console) -> str:
    """Render all claims by area, with id, level, the smallest profile that includes each, and title."""
    areas: dict[str, list[Claim]] = {}
    for identifier in sorted(claims, key=in_order):
        areas.setdefault(area_of(identifier), []).append(claims[identifier])
    parts: list[RenderableType] = []
    for area, members in areas.items():
        listed = (Paragraph(claim.title, f"{claim.id:8}{claim.level.value:15}{claim.profile.value:7}") for claim in members)
        parts += [*([Text()] if parts else []), words(heading(area), "bold"), *listed]
    return rendered(console, parts)


def render_claim(claim: Claim, console: Console) -> str:
    """Render everything that the specification says about one claim."""
    entries = {
        "In symbols": claim.formula,
        "Sources": "\n".join(str(source) for source in claim.sources),
        "Why": claim.why,
        "How it is decided": claim.decision,
        "What to do where it is violated": claim.hint,
        "Mistakes that it finds": "\n".join(f"{mistake}: {MISTAKES[mistake].what}" for mistake in claim.mistakes),
        "What it needs": ", ".join(str(part) for part in claim.needs),
        "With --weights": "asked of the trained model as it is" if claim.as_it_is else "",
    }
    parts: list[RenderableType] = [
        Paragraph(f"{claim.id}  {claim.level.value}  {claim.title}", hang=2, style="bold"),
        Paragraph(claim.statement, "  "),
    ]
    for title, text in entries.items():
        if text:
            parts += [Text(), words(title, "bold"), Paragraph(text, "  ")]
    return rendered(console, parts)


def render_implementations(entries: Iterable[tuple[str, str]], console: Console) -> str:
    """Render the registered implementations: each name with the object that it refers to."""
    rows = sorted(entries)
    if not rows:
        return "no implementation is registered; give a file, such as student.py:VAE, or package.module:object\n"
    width = max(len(name) for name, _ in rows)
    return rendered(console, (Paragraph(value, words(f"{name:{width}}  ", "bold")) for name, value in rows))


_FACTS = {
    "input shape": "input_shape",
    "latent dimensions": "latent_dim",
    "likelihood": "likelihood",
    "effective beta": "effective_beta",
    "parameters": "parameters",
    "weights": "weights",
}
_STANDINGS = (
    ("present", "Found"),
    ("replaced", "Not there, and what that means"),
    ("failing", "Found, but failing"),
    ("missing", "Missing: nothing can stand in"),
)


def render_binding(implementation: FoundImplementation, environment: Mapping[str, str | int], console: Console) -> str:
    """Render what was found of an implementation: its facts, its parts by status, how each was identified, and what was inferred."""
    parts = implementation.binding.parts
    groups = {title: {name: part for name, part in parts.items() if part.standing == standing} for standing, title in _STANDINGS}
    said = {part.account for part in parts.values()}
    width = max((len(name) for name in parts), default=0)
    shown = {title: list(_parts(group, width)) for title, group in groups.items()} | {
        "Inferred": [Paragraph(note, "  ", hang=2) for note in implementation.binding.notes if note not in said],
        "Declared by the code": [Paragraph(text, "  ", hang=2) for text in implementation.binding.declared],
        "Assumed": [Paragraph(text, "  ", hang=2) for text in implementation.binding.assumed],
    }
    lines: list[RenderableType] = [words(implementation.name or implementation.target, "bold")]
    for title, name in _FACTS.items():
        if name != "weights" or implementation.weights:
            absent = "1: no other is declared" if name == "effective_beta" else "unknown"
            lines.append(Paragraph(_fact(getattr(implementation, name), absent), f"  {title:18}  "))
    for title, entries in shown.items():
        if entries:
            lines += [Text(), words(title, "bold"), *entries]
    if environment:
        under = ", ".join(f"{name} {value}" for name, value in environment.items())
        lines += [Text(), Paragraph(f"under {under}", hang=2)]
    return rendered(console, lines)


def _parts(group: Mapping[str, FoundPart], width: int) -> Iterator[Paragraph]:
    """Yield each part with its account, and below it how the part was identified; a repeated account refers to the first."""
    given: dict[str, str] = {}
    for name, part in group.items():
        shown = f"as {given[part.account]}" if part.account in given else part.account
        given.setdefault(part.account, name)
        yield Paragraph(shown, f"  {name:{width}}  ")
        if part.known_by and shown == part.account:
            yield Paragraph(f"known by: {part.known_by}", " " * (width + 4), style="dim")


def _fact(value: Any, absent: str) -> str:
    if value is None:
        return absent
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return number(value) if isinstance(value, int | float) else str(value)
