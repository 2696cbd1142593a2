"""Golden results of exact runs on the catalogue: each entry's verdict, the claims that reject it, and the first diagnosis."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from named import named_options

from catalogue_index import Entry
from vae_conformance.errors import Unbound
from vae_conformance.runner.record import RunRecord
from vae_conformance.runner.run import Judge
from vae_conformance.runner.selection import selected
from vae_spec.outcomes import Outcome

GOLDEN = Path(__file__).parent / "golden.jsonl"
SEED = 0


@dataclass(frozen=True)
class Golden:
    """The result of an exact run on one entry.

    Attributes:
        entry: the entry's name.
        verdict: the word for the run's exit code.
        violated: the sorted ids of the claims that reject it.
        first: the id of the mistake that the report names first; None if it names none.
    """

    entry: str
    verdict: str
    violated: tuple[str, ...]
    first: str | None

    def to_json(self) -> str:
        """Return one line of JSON that `read` parses."""
        return json.dumps(asdict(self))


def golden(entry: Entry) -> Golden:
    """Run the exact profile on an entry, as the command does, and return the result."""
    options = named_options(str(entry.path), profile="exact", seed=SEED, **entry.options)
    claims = [claim.id for claim in selected(options)]
    judge, failure = Judge(options), None
    try:
        for claim in claims:
            judge.ask(claim)
    except Unbound as error:
        failure = error
    return of_report(entry.name, judge.report_on(*claims, not_bound=failure))


def of_report(name: str, report: RunRecord) -> Golden:
    """Extract the golden result from a report."""
    violated = sorted(claim.id for claim in report.claims if claim.outcome is Outcome.VIOLATED)
    first = report.diagnoses[0].mistake if report.diagnoses else None
    return Golden(name, report.exit_code.verdict, tuple(violated), first)


def read(path: Path = GOLDEN) -> dict[str, Golden]:
    """Read the file's results by entry."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    rows = [json.loads(line) for line in lines]
    return {row["entry"]: Golden(**{**row, "violated": tuple(row["violated"])}) for row in rows}


def write(rows: Iterable[Golden], path: Path = GOLDEN) -> None:
    """Write the file, one line per entry, sorted by name."""
    lines = sorted(row.to_json() for row in rows)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
