"""What the other commands print: the claims, one claim in full, the registered implementations, and a binding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vae_conformance.config.values import area_of
from vae_conformance.report.layout import Layout, number
from vae_conformance.runner.events import FoundImplementation, FoundPart
from vae_conformance.runner.record import heading, in_order
from vae_spec.mistakes import MISTAKES

if TYPE_CHECKING:
    from vae_spec.claim import Claim


def render_claims(claims: Mapping[str, Claim], layout: Layout) -> str:
    """Every claim by area: id, level, the smallest profile that asks it, title."""
    lines: list[str] = []
    area = ""
    for identifier in sorted(claims, key=in_order):
        claim = claims[identifier]
        if area_of(identifier) != area:
            area = area_of(identifier)
            lines += ["", layout.paint(heading(area), "bold")]
        start = f"{claim.id:8}{claim.level.value:15}{claim.profile.value:7}"
        first, *rest = Layout(max(layout.width - len(start), 20)).wrap(claim.title, hanging="") or [""]
        lines += [start + first, *(" " * len(start) + line for line in rest)]
    return "\n".join(lines[1:]) + "\n"


def render_claim(claim: Claim, layout: Layout) -> str:
    """All that the specification says of one claim."""
    entries = [
        ("In symbols", claim.formula),
        ("Sources", "\n".join(str(source) for source in claim.sources)),
        ("Why", claim.why),
        ("How it is decided", claim.decision),
        ("What to do where it is violated", claim.hint),
        ("Mistakes that it finds", "\n".join(f"{mistake}: {MISTAKES[mistake].what}" for mistake in claim.mistakes)),
        ("What it needs", ", ".join(str(part) for part in claim.needs)),
        ("With --weights", "asked of the trained model as it is" if claim.as_it_is is not None else ""),
    ]
    lines = [
        *(layout.paint(line, "bold") for line in layout.wrap(f"{claim.id}  {claim.level.value}  {claim.title}")),
        *layout.wrap(claim.statement, "  ", ""),
    ]
    for title, text in entries:
        if text:
            lines += ["", layout.paint(title, "bold"), *layout.wrap(text, "  ", "")]
    return "\n".join(lines) + "\n"


def render_implementations(entries: Iterable[tuple[str, str]], layout: Layout) -> str:
    """The registered implementations: each name with the object that it stands for."""
    rows = sorted(entries)
    if not rows:
        return "no implementation is registered; give a file, such as student.py:VAE, or package.module:object\n"
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{layout.paint(f'{name:{width}}', 'bold')}  {value}" for name, value in rows) + "\n"


_STANDINGS = (
    ("present", "Found"),
    ("replaced", "Not there, and what that means"),
    ("failing", "Found, but failing"),
    ("missing", "Missing: nothing can stand in"),
)


def render_binding(implementation: FoundImplementation, environment: Mapping[str, str | int], layout: Layout) -> str:
    """What was found of an implementation: its facts, its parts by their standing, how each was known, and what was inferred."""
    lines = [layout.paint(implementation.name or implementation.target, "bold")]
    for title, name in (
        ("input shape", "input_shape"),
        ("latent dimensions", "latent_dim"),
        ("likelihood", "likelihood"),
        ("effective beta", "effective_beta"),
        ("parameters", "parameters"),
        *([("weights", "weights")] if implementation.weights else []),
    ):
        lines.append(
            f"  {title:18}  {_fact(getattr(implementation, name), '1: no other is declared' if name == 'effective_beta' else 'unknown')}"
        )
    parts = implementation.binding.parts
    groups = [(title, {name: part for name, part in parts.items() if part.standing == standing}) for standing, title in _STANDINGS]
    width = max((len(part) for part in parts), default=0)
    for title, group in groups:
        if group:
            lines += ["", layout.paint(title, "bold"), *_parts(group, width, layout)]
    said = {part.account for part in parts.values()}
    if notes := [note for note in implementation.binding.notes if note not in said]:
        lines += ["", layout.paint("Inferred", "bold")]
        for note in notes:
            lines += layout.wrap(note, "  ")
    if environment:
        lines += ["", *layout.wrap("under " + ", ".join(f"{name} {value}" for name, value in environment.items()))]
    return "\n".join(lines) + "\n"


def _parts(group: Mapping[str, FoundPart], width: int, layout: Layout) -> list[str]:
    """Each part with its account, and below it how it was known; an account that was just given is not given again."""
    lines: list[str] = []
    given: dict[str, str] = {}
    inner = Layout(max(layout.width - width - 4, 20))
    for name, part in group.items():
        shown = f"as {given[part.account]}" if part.account in given else part.account
        given.setdefault(part.account, name)
        texts = inner.wrap(shown, hanging="") or [""]
        if part.known_by and shown == part.account:
            texts += [layout.paint(line, "dim") for line in inner.wrap(f"known by: {part.known_by}", hanging="")]
        lines += [f"  {name:{width}}  {texts[0]}", *(" " * (width + 4) + line for line in texts[1:])]
    return lines


def _fact(value: Any, absent: str) -> str:
    if value is None:
        return absent
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return number(value) if isinstance(value, int | float) else str(value)
