"""Tables of a reproduction: what a document prints, and what was measured, side by side; as records, as JSON and as Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from vae_conformance.report.wording import number
from vae_spec.evidence import TrainedRun


@dataclass(frozen=True)
class Printed:
    """A document's own figure, as it prints it; empty where it gives none."""

    text: str

    def shown(self) -> str:
        """For people."""
        return self.text or "–"

    def document(self) -> dict[str, object]:
        """For machines."""
        return {"document": self.text or None}


@dataclass(frozen=True)
class Measured:
    """A measured quantity, one value a seed.

    Attributes:
        values: of each seed; those that are not finite count in no mean.
        decimals: how many to show; four significant digits where None.
    """

    values: tuple[float, ...]
    decimals: int | None = None

    @property
    def mean(self) -> float:
        """Over seeds; nan where there is none."""
        return float(np.mean(self._finite)) if self._finite else math.nan

    @property
    def sd(self) -> float | None:
        """The standard deviation over seeds; None with fewer than two."""
        return float(np.std(self._finite, ddof=1)) if len(self._finite) > 1 else None

    @property
    def _finite(self) -> list[float]:
        return [value for value in self.values if math.isfinite(value)]

    def shown(self) -> str:
        """For people: mean ± standard deviation."""
        if not self._finite:
            return "–"
        mean = number(self.mean) if self.decimals is None else f"{self.mean:.{self.decimals}f}"
        if self.sd is None:
            return mean
        return f"{mean} ± {self.sd:.2g}" if self.decimals is None else f"{mean} ± {self.sd:.{self.decimals}f}"

    def document(self) -> dict[str, object]:
        """For machines."""
        return {"mean": self.mean, "sd": self.sd, "values": list(self.values)}


Cell = Printed | Measured


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: what it shows, with units.
        columns: their headings, that of the rows' names first.
        rows: the name of each, and its cells.
        comparable: whether what was measured can be compared with what the document prints.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    comparable: bool = True

    def markdown(self) -> list[str]:
        """As lines of Markdown, the title in bold above."""
        head = [f"**{self.title}**", "", f"| {' | '.join(self.columns)} |", f"|{'---|' * len(self.columns)}"]
        return [*head, *(f"| {' | '.join((name, *(cell.shown() for cell in cells)))} |" for name, cells in self.rows)]

    def document(self) -> dict[str, object]:
        """For machines."""
        rows = [{"name": name, "cells": [cell.document() for cell in cells]} for name, cells in self.rows]
        return {"title": self.title, "columns": list(self.columns), "comparable": self.comparable, "rows": rows}


@dataclass(frozen=True)
class Shown:
    """A figure to be drawn.

    Attributes:
        name: of its file, without the ending.
        caption: what is seen.
        draw: makes it; raises ValueError where there is nothing to draw.
    """

    name: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Content:
    """What a section of a page holds besides its text and its claims."""

    tables: tuple[Table, ...] = ()
    figures: tuple[Shown, ...] = ()
    remarks: tuple[str, ...] = ()


Quantity = tuple[str, Callable[[TrainedRun], float]]
"""A name with its unit, and how it is read off a run."""


def measured(runs: Iterable[TrainedRun], of: Callable[[TrainedRun], float], decimals: int | None = None) -> Measured:
    """A quantity of each run."""
    return Measured(tuple(float(of(run)) for run in runs), decimals)


def side_by_side(title: str, quantities: Sequence[Quantity], models: Sequence[tuple[str, Sequence[TrainedRun]]]) -> Table:
    """Quantities in rows, models in columns."""
    rows = tuple((name, tuple(measured(runs, of) for _model, runs in models)) for name, of in quantities)
    return Table(title, ("", *(model for model, _runs in models)), rows)
