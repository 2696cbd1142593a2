"""The judgements that the published pages are made from: one line per run, with outcomes as symbols in the order of the claims.

One run of the kill matrix with --everything takes a minute, and all of them take a day on two cores; the judgements are therefore kept in
the repository, so that later runs can reuse them.
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
    """Read the judgements of a file as the kill matrix records them; an empty list if there is no file.

    Raises:
        ValueError: the file is damaged.
    """
    if not path.exists():
        return []
    try:
        head, *runs = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
        return [run | {"outcomes": _unpacked(head["claims"], run["outcomes"])} for run in runs]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path.name} holds no judgements: {error}") from error


def write(rows: Sequence[Mapping[str, Any]], claims: Sequence[str], path: Path = KEPT) -> None:
    """Write judgements, sorted by entry and seed.

    Args:
        rows: the records of kill_matrix.py, one per run.
        claims: the ids of all claims, in order.
        path: the file to write.
    """
    ordered = sorted(rows, key=lambda row: (row["entry"], row["seed"]))
    lines = [json.dumps({"claims": list(claims)})]
    for row in ordered:
        # The code's fingerprint is left out, since reused judgements are identified by their commit. So are the votes if only the
        # killers were asked, since a diagnosis needs all claims.
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
