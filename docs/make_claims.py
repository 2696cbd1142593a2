"""Print docs/claims.md, made from the registry of claims: python docs/make_claims.py > docs/claims.md."""  # noqa: INP001

from __future__ import annotations

import sys
from itertools import groupby

from vae_spec.areas import AREAS
from vae_spec.claim import Claim
from vae_spec.documents import DOCUMENTS
from vae_spec.registry import CLAIMS

_HEAD = """# The claims

Made by `docs/make_claims.py` from `vae_spec.registry.CLAIMS`; do not edit it by hand. `vae-conformance claims ID` shows
the same in a terminal.

`required` claims define a VAE, `expected` claims are phenomena that a healthy VAE shows, `informational` claims are
measured and reported. The first two gate: they decide the exit code. Claims marked *trained* look at trainings and
belong to the profiles `quick` and `full`, those about the reference's own systems to `full` alone; all others are *exact*:
they train nothing, and belong to every profile.

Sources are cited by the documents' titles and sections:
"""


def render() -> str:
    """The page as Markdown."""
    sources = (f"- {key}: {document.title}" for key, document in DOCUMENTS.items())
    parts = [_HEAD + "\n".join(sources) + "\n"]
    for area, claims in groupby(CLAIMS.values(), key=lambda claim: claim.area):
        parts += [f"## {AREAS[area]} ({area})\n", *map(_section, claims)]
    return "\n".join(parts)


def _section(claim: Claim) -> str:
    kind = "exact" if not claim.trained else "trained; of the reference's own systems alone" if claim.reference_only else "trained"
    kind += "; asked of given weights too (`--weights`)" if claim.as_it_is is not None else ""
    sources = "; ".join(map(str, claim.sources))
    lines = [
        f"### {claim.id}: {claim.title}",
        "",
        f"*{claim.level}, {kind}.* {_sentence(claim.statement)}",
        "",
        f"- Source: {sources}",
        f"- Why: {claim.why}",
        f"- Decided by: {claim.decision}",
        f"- Where it is violated: {claim.hint}",
    ]
    if claim.mistakes:
        links = ", ".join(f"[{mistake}](mistakes.md#{mistake})" for mistake in claim.mistakes)
        lines += [f"- Must reject: {links}"]
    if claim.needs:
        lines += [f"- Needs: {', '.join(map(str, claim.needs))}"]
    return "\n".join(lines) + "\n"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


if __name__ == "__main__":
    sys.stdout.write(render())
