"""Terminal output of `claims`, `list` and `inspect`: claims, registered implementations, and a binding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console, RenderableType
from rich.text import Text

from vae_conformance.config.values import area_of
from vae_conformance.report.console import Paragraph, rendered, words
from vae_conformance.report.terminal import shown_weights
from vae_conformance.report.wording import number
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
        "With --weights": "asked of the trained model as it is" if claim.as_it_is is not None else "",
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


def render_binding(implementation: Mapping[str, Any], environment: Mapping[str, Any], console: Console) -> str:
    """Render what was found of an implementation: its facts, its parts by status, how each was identified, and what was inferred."""
    binding = implementation.get("binding") or {}
    parts: Mapping[str, Any] = binding.get("parts") or {}
    plain = {part: account for part, account in parts.items() if not isinstance(account, Mapping)}
    groups = {"Parts": plain} | {
        title: {part: account for part, account in parts.items() if part not in plain and account.get("standing") == standing}
        for standing, title in _STANDINGS
    }
    accounts = {entry.get("account") for entry in parts.values() if isinstance(entry, Mapping)}
    notes = [str(note) for note in binding.get("notes") or () if note not in accounts]
    width = max((len(part) for part in parts), default=0)
    shown = {title: list(_parts(group, width)) for title, group in groups.items()} | {
        "Inferred": [Paragraph(note, "  ", hang=2) for note in notes]
    }
    lines: list[RenderableType] = [words(str(implementation.get("name") or implementation.get("target") or ""), "bold")]
    for title, name in _FACTS.items():
        if name != "weights" or implementation.get(name):
            absent = "1: no other is declared" if name == "effective_beta" else "unknown"
            lines.append(Paragraph(_fact(implementation.get(name), absent), f"  {title:18}  "))
    for title, entries in shown.items():
        if entries:
            lines += [Text(), words(title, "bold"), *entries]
    if environment:
        under = ", ".join(f"{name} {value}" for name, value in environment.items())
        lines += [Text(), Paragraph(f"under {under}", hang=2)]
    return rendered(console, lines)


def _parts(group: Mapping[str, Any], width: int) -> Iterator[Paragraph]:
    """Yield each part with its account, and below it how the part was identified; a repeated account refers to the first."""
    given: dict[str, str] = {}
    for part, entry in group.items():
        account = str(entry.get("account") or "") if isinstance(entry, Mapping) else str(entry)
        shown = f"as {given[account]}" if account in given else account
        given.setdefault(account, part)
        yield Paragraph(shown, f"  {part:{width}}  ")
        known = str(entry.get("known_by") or "") if isinstance(entry, Mapping) else ""
        if known and shown == account:
            yield Paragraph(f"known by: {known}", " " * (width + 4), style="dim")


def _fact(value: Any, absent: str) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(entry) for entry in value)
    if isinstance(value, Mapping):
        return shown_weights(value)
    return absent if value is None else number(value)
