"""What the other commands print: the claims, one claim in full, the registered implementations, and a binding."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from vae_conformance.config.values import area_of
from vae_conformance.report.layout import Layout, number
from vae_conformance.report.terminal import shown_weights
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
        ("With --weights", "asked of the trained model as it is" if claim.as_it_is else ""),
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


def render_binding(implementation: Mapping[str, Any], environment: Mapping[str, Any], layout: Layout) -> str:
    """What was found of an implementation: its facts, its parts by their standing, how each was known, and what was inferred."""
    binding = implementation.get("binding") or {}
    lines = [layout.paint(str(implementation.get("name") or implementation.get("target") or ""), "bold")]
    for title, name in (
        ("input shape", "input_shape"),
        ("latent dimensions", "latent_dim"),
        ("likelihood", "likelihood"),
        ("effective beta", "effective_beta"),
        ("parameters", "parameters"),
        *([("weights", "weights")] if implementation.get("weights") else []),
    ):
        lines.append(
            f"  {title:18}  {_fact(implementation.get(name), '1: no other is declared' if name == 'effective_beta' else 'unknown')}"
        )
    parts: Mapping[str, Any] = binding.get("parts") or {}
    plain = {part: account for part, account in parts.items() if not isinstance(account, Mapping)}
    groups = [("Parts", plain)] + [
        (title, {part: account for part, account in parts.items() if part not in plain and account.get("standing") == standing})
        for standing, title in _STANDINGS
    ]
    width = max((len(part) for part in parts), default=0)
    for title, group in groups:
        if group:
            lines += ["", layout.paint(title, "bold"), *_parts(group, width, layout)]
    said = {entry.get("account") for entry in parts.values() if isinstance(entry, Mapping)}
    if notes := [note for note in binding.get("notes") or () if note not in said]:
        lines += ["", layout.paint("Inferred", "bold")]
        for note in notes:
            lines += layout.wrap(str(note), "  ")
    if environment:
        lines += ["", *layout.wrap("under " + ", ".join(f"{name} {value}" for name, value in environment.items()))]
    return "\n".join(lines) + "\n"


def _parts(group: Mapping[str, Any], width: int, layout: Layout) -> list[str]:
    """Each part with its account, and below it how it was known; an account that was just given is not given again."""
    lines: list[str] = []
    given: dict[str, str] = {}
    inner = Layout(max(layout.width - width - 4, 20))
    for part, entry in group.items():
        account = str(entry.get("account") or "") if isinstance(entry, Mapping) else str(entry)
        shown = f"as {given[account]}" if account in given else account
        given.setdefault(account, part)
        texts = inner.wrap(shown, hanging="") or [""]
        known = str(entry.get("known_by") or "") if isinstance(entry, Mapping) else ""
        if known and shown == account:
            texts += [layout.paint(line, "dim") for line in inner.wrap(f"known by: {known}", hanging="")]
        lines += [f"  {part:{width}}  {texts[0]}", *(" " * (width + 4) + line for line in texts[1:])]
    return lines


def _fact(value: Any, absent: str) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(str(entry) for entry in value)
    if isinstance(value, Mapping):
        return shown_weights(value)
    return absent if value is None else number(value)
