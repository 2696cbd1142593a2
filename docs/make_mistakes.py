"""Print docs/mistakes.md, generated from the registry of mistakes: python docs/make_mistakes.py > docs/mistakes.md."""

from __future__ import annotations

import sys

from vae_spec.mistakes import MISTAKES, Mistake
from vae_spec.registry import CLAIMS

_HEAD = """# The mistakes

Made by `docs/make_mistakes.py` from `vae_spec.mistakes.MISTAKES`; do not edit it by hand.

What people really get wrong when they write a VAE, the commonest first, with the claims that must reject each. The
folder `tests/catalogue/broken` holds at least one implementation that makes each of them.

Not mistakes, though they are often taken for such: a KL that rises during training; a loss summed over the batch;
sampling in eval mode, and decoding the mean in eval mode; squared error without its 1/2, which is an effective beta of
0.5; a KL weight that the author declares.
"""


def render() -> str:
    """Render the page as Markdown."""
    return "\n".join([_HEAD, *map(_section, MISTAKES.values())])


def _section(mistake: Mistake) -> str:
    killers = [claim.id for claim in CLAIMS.values() if mistake.id in claim.mistakes]
    links = ", ".join(f"[{claim}](claims.md#{_anchor(claim)})" for claim in killers)
    lines = [
        f"## {mistake.id}",
        "",
        f"{mistake.what[0].upper()}{mistake.what[1:]}.",
        "",
        f"- **What its author notices**: {mistake.seen}",
        f"- **How to fix it**: {mistake.fix}",
        f"- **Where to look**: {', '.join(mistake.parts)}",
        f"- **Seen**: {mistake.frequency}",
        f"- **Rejected by**: {links or 'no claim yet'}",
    ]
    return "\n".join(lines) + "\n"


def _anchor(claim: str) -> str:
    """Return the anchor of a claim's heading as Markdown renderers make it: lower case, hyphens for spaces, no punctuation."""
    heading = f"{claim}: {CLAIMS[claim].title}".lower()
    return "".join(letter for letter in heading if letter.isalnum() or letter in " -_").replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(render())
