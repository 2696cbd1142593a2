"""The judgements that the published pages rest on, a line a run, whose outcomes are signs in the order of the claims.

A run of the kill matrix over everything takes a minute, all of them a day of two cores; what was judged is kept with the repository, so
that anybody can go on from it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vae_spec.outcomes import Outcome

KEPT = Path(__file__).parent / "judgements.jsonl"
NOT_ASKED = " "
_OUTCOMES = {outcome.sign: str(outcome) for outcome in Outcome}


def read(path: Path = KEPT) -> list[dict[str, Any]]:
    """The judgements of a file, as the kill matrix notes them; none where there is no file.

    Raises:
        ValueError: a line is none of such a file.
    """
    if not path.exists():
        return []
    try:
        head, *runs = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        return [run | {"outcomes": _unpacked(head["claims"], run["outcomes"])} for run in runs]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} holds no judgements: {error}") from error


def write(rows: Sequence[Mapping[str, Any]], claims: Sequence[str], path: Path = KEPT) -> None:
    """Keep judgements, sorted by entry and seed.

    Args:
        rows: what kill_matrix.py notes of each run.
        claims: the ids of all claims, in order.
        path: of the file.
    """
    ordered = sorted(rows, key=lambda row: (row["entry"], row["seed"]))
    lines = [json.dumps({"claims": list(claims)})]
    for row in ordered:
        # The fingerprint of the code goes: whoever goes on from these judgements takes them for what their commit says. So do the votes
        # where a few claims were asked: a diagnosis needs all.
        left_out = {"code", "votes"} if row.get("killers_alone") else {"code"}
        kept = {name: value for name, value in row.items() if name not in left_out}
        lines.append(json.dumps(kept | {"outcomes": _packed(claims, row["outcomes"])}, ensure_ascii=False))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _packed(claims: Sequence[str], outcomes: Mapping[str, str]) -> str:
    return "".join(Outcome(outcomes[claim]).sign if claim in outcomes else NOT_ASKED for claim in claims)


def _unpacked(claims: Sequence[str], signs: str) -> dict[str, str]:
    if len(signs) != len(claims):
        raise ValueError(f"{len(signs)} outcomes for {len(claims)} claims")
    return {claim: _OUTCOMES[sign] for claim, sign in zip(claims, signs, strict=True) if sign != NOT_ASKED}
