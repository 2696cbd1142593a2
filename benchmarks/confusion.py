"""The confusion table: which mistake the diagnosis names for each broken entry of the catalogue."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vae_spec.diagnosis import cleared, diagnose
from vae_spec.registry import CLAIMS

if TYPE_CHECKING:
    from catalogue_index import Entry

NONE = "none"
"""The table's text for a run in which no mistake is named."""
FIRST_FEW = 3
"""The number of most likely mistakes that count as named among the first."""


@dataclass(frozen=True)
class Named:
    """The diagnosis of one run of a broken entry.

    Attributes:
        entry: the entry's name.
        seed: the seed of the run.
        truth: the mistake that the entry makes.
        ranked: the named mistakes, most likely first.
    """

    entry: str
    seed: int
    truth: str
    ranked: tuple[str, ...]

    @property
    def first(self) -> str:
        """Return the most likely mistake, or `NONE`."""
        return self.ranked[0] if self.ranked else NONE

    @property
    def rank(self) -> int | None:
        """Return the rank of the true mistake, from 1; None if it is not named."""
        return self.ranked.index(self.truth) + 1 if self.truth in self.ranked else None


def diagnosed(rows: Iterable[Mapping[str, Any]], entries: Sequence[Entry]) -> list[Named]:
    """Diagnose each run of a broken entry, without runs that asked the killers alone; sorted by mistake, entry and seed."""
    truth = {entry.name: entry.mistake for entry in entries if entry.mistake is not None}
    asked = [(row, truth[row["entry"]]) for row in rows if row["entry"] in truth and not row.get("killers_alone")]
    found = [Named(row["entry"], row["seed"], mistake, named(row)) for row, mistake in asked]
    return sorted(found, key=lambda named: (named.truth, named.entry, named.seed))


def named(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the mistakes that are named for a run, most likely first."""
    held = {"holds": True, "violated": False}
    exact = [
        (CLAIMS[claim].mistakes, held[outcome])
        for claim, outcome in row["outcomes"].items()
        if outcome in held and not CLAIMS[claim].trained
    ]
    return tuple(likely.mistake for likely in diagnose(row["votes"], CLAIMS, cleared(exact)))


def page(rows: Sequence[Mapping[str, Any]], entries: Sequence[Entry]) -> str:
    """Render the page docs/confusion.md."""
    found = diagnosed(rows, entries)
    sound = [row for row in rows if row["entry"].startswith("sound")]
    accused = sum(bool(named(row)) for row in sound)
    first = sum(named.rank == 1 for named in found)
    among = sum(named.rank is not None and named.rank <= FIRST_FEW for named in found)
    entries_found, seeds = len({named.entry for named in found}), len({named.seed for named in found})
    counted = f"{_plural(entries_found, 'broken entry', 'broken entries')}, {_plural(seeds, 'seed', 'seeds')}"
    lines = [
        "# Which mistake is named",
        "",
        "The diagnosis of every broken entry of the catalogue (`tests/catalogue/broken`), made by",
        "`python benchmarks/kill_matrix.py --everything --write` from the same runs as the [error rates](error-rates.md).",
        "A broken entry is asked all exact claims and the trained ones that look at what its named killers look at.",
        "",
        "The diagnosis was written with these entries at hand: the table says that it tells them apart whatever the seed, not how often it",
        "is right about a file that nobody here has seen.",
        "",
        f"| {counted} | runs | share |",
        "|---|---|---|",
        f"| the true mistake is named first | {first} of {len(found)} | {_share(first, len(found))} |",
        f"| the true mistake is among the first {FIRST_FEW} | {among} of {len(found)} | {_share(among, len(found))} |",
        *([f"| a sound entry is said to make a mistake | {accused} of {len(sound)} | {_share(accused, len(sound))} |"] if sound else []),
        "",
        "## Mistakes and what is named first",
        "",
        "One row a mistake; where something else was named first, the number of runs and, in brackets, the place of the true one.",
        "",
        "| the mistake | runs | named first | something else first |",
        "|---|---|---|---|",
    ]
    for truth in sorted({named.truth for named in found}):
        runs = [named for named in found if named.truth == truth]
        others = Counter((named.first, named.rank) for named in runs if named.rank != 1)
        cells = ", ".join(
            f"{other}: {count} ({'not named' if rank is None else rank})" for (other, rank), count in sorted(others.items(), key=str)
        )
        lines.append(f"| [{truth}](mistakes.md#{truth}) | {len(runs)} | {sum(named.rank == 1 for named in runs)} | {cells} |")
    missed = sorted({named.entry for named in found if named.rank != 1})
    lines += ["", "## Entries with something else first", "", *(f"- {name}" for name in missed or ["none"])]
    return "\n".join(lines) + "\n"


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "nothing"
