"""Print docs/claims.md, generated from the registry of claims: python docs/make_claims.py > docs/claims.md."""

from __future__ import annotations

import sys
from itertools import groupby
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS))

from claim_pictures import FOLDER, healthy_ranges

from catalogue_index import entries  # of the tests, which claim_pictures makes importable
from vae_spec.areas import AREAS
from vae_spec.calibration import DATASETS
from vae_spec.claim import Claim
from vae_spec.documents import DOCUMENTS
from vae_spec.facts import InputKind
from vae_spec.registry import CLAIMS

_HEAD = """# The claims

Made by `docs/make_claims.py` from `vae_spec.registry.CLAIMS`; do not edit it by hand. `vae-conformance claims KL-02` shows
the same of one claim in a terminal.

`required` claims define a VAE, `expected` claims are phenomena that a healthy VAE shows, `informational` claims are
measured and reported. The first two gate: they decide the exit code. Claims marked *trained* look at trainings and
belong to the profiles `quick` and `full`, those about the reference's own systems to `full` alone; all others are *exact*:
they train nothing, and belong to every profile.

In formulas L is the loss, L_rec its reconstruction term, `r` the scale on which both are written, x̂ the output and x̄ the mean
image; `start` and `end` are those of a training. Where the project has calibrated what a trained claim measures, a picture
shows it: the green lines are sound implementations of `tests/catalogue/sound`, each its mean over seeds, trained on
{dataset}; the green band holds one standard deviation more at either end; the red line is the claim's border, and red is
beyond it. [Statistics](statistics.md#decisions-over-seeds) says how a border decides.

Sources are cited by the documents' titles and sections:

"""


def render() -> str:
    """Render the page as Markdown."""
    sources = (f"- {key}: {document.title}" for key, document in DOCUMENTS.items())
    parts = [_HEAD.format(dataset=DATASETS[InputKind.IMAGE]) + "\n".join(sources) + "\n"]
    for area, claims in groupby(CLAIMS.values(), key=lambda claim: claim.area):
        parts += [f"## {AREAS[area]} ({area})\n", *map(_section, claims)]
    return "\n".join(parts)


def _section(claim: Claim) -> str:
    kind = "exact" if not claim.trained else "trained; of the reference's own systems alone" if claim.reference_only else "trained"
    kind += "; asked of given weights too (`--weights`)" if claim.as_it_is else ""
    sources = "; ".join(map(str, claim.sources))
    lines = [
        f"### {claim.id}: {claim.title}",
        "",
        f"*{claim.level}, {kind}.* {_sentence(claim.statement)}",
        "",
        *([f"- **Formula**: `{claim.formula}`"] if claim.formula else []),
        f"- **Source**: {sources}",
        f"- **Why**: {claim.why}",
        f"- **Decided by**: {claim.decision}",
        f"- **Where it is violated**: {claim.hint}",
    ]
    if claim.mistakes:
        links = ", ".join(f"[{mistake}](mistakes.md#{mistake})" for mistake in claim.mistakes)
        lines += [f"- **Must reject**: {links}"]
    if mutants := [f"`{entry.path.stem}`" for entry in entries("broken") if claim.id in entry.killers]:
        lines += [f"- **Rejects in `tests/catalogue/broken`**: {', '.join(mutants)}"]
    if claim.needs:
        lines += [f"- **Needs**: {', '.join(map(str, claim.needs))}"]
    if ranges := healthy_ranges(claim):
        words = "; ".join(one.words for one in ranges)
        file = (FOLDER / f"{claim.id}.svg").relative_to(DOCS).as_posix()
        lines += [f"- **Sound implementations**: {words}", "", f"![What sound implementations measure for {claim.id}]({file})"]
    return "\n".join(lines) + "\n"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + "."


if __name__ == "__main__":
    sys.stdout.write(render())
