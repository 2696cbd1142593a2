"""Tables of a reproduction, with printed and measured values side by side, rendered as JSON and Markdown."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from vae_conformance.report.wording import number
from vae_spec.evidence import TrainedRun
from vae_spec.statistics.functionals import Functional


@dataclass(frozen=True)
class Printed:
    """A value as a document prints it; empty if it gives none."""

    text: str

    def shown(self) -> str:
        """Return the text of the Markdown cell."""
        return self.text or "–"

    def document(self) -> dict[str, object]:
        """Return the JSON object."""
        return {"document": self.text or None}


@dataclass(frozen=True)
class Measured:
    """A measured quantity, one value per seed.

    Attributes:
        values: the value of each seed; non-finite values are left out of the mean.
        decimals: the number of decimals to show; None for four significant digits.
    """

    values: tuple[float, ...]
    decimals: int | None = None

    @property
    def mean(self) -> float:
        """Return the mean over seeds, or nan if no value is finite."""
        return float(np.mean(self._finite)) if self._finite else math.nan

    @property
    def sd(self) -> float | None:
        """Return the standard deviation over seeds, or None with fewer than two finite values."""
        return float(np.std(self._finite, ddof=1)) if len(self._finite) > 1 else None

    @property
    def _finite(self) -> list[float]:
        return [value for value in self.values if math.isfinite(value)]

    def shown(self) -> str:
        """Return the text of the Markdown cell: mean ± standard deviation."""
        if not self._finite:
            return "–"
        mean = number(self.mean) if self.decimals is None else f"{self.mean:.{self.decimals}f}"
        if self.sd is None:
            return mean
        return f"{mean} ± {self.sd:.2g}" if self.decimals is None else f"{mean} ± {self.sd:.{self.decimals}f}"

    def document(self) -> dict[str, object]:
        """Return the JSON object."""
        return {"mean": self.mean, "sd": self.sd, "values": list(self.values)}


Cell = Printed | Measured


@dataclass(frozen=True)
class Table:
    """A table of printed and measured values.

    The columns begin with the heading of the row names; `comparable` says whether the measured values are comparable with the printed ones.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]
    comparable: bool = True

    def markdown(self) -> list[str]:
        """Render the table as lines of Markdown, below its title in bold."""
        head = [f"**{self.title}**", "", f"| {' | '.join(self.columns)} |", f"|{'---|' * len(self.columns)}"]
        return [*head, *(f"| {' | '.join((name, *(cell.shown() for cell in cells)))} |" for name, cells in self.rows)]

    def document(self) -> dict[str, object]:
        """Return the JSON object."""
        rows = [{"name": name, "cells": [cell.document() for cell in cells]} for name, cells in self.rows]
        return {"title": self.title, "columns": list(self.columns), "comparable": self.comparable, "rows": rows}


@dataclass(frozen=True)
class Shown:
    """A figure to draw. `draw` raises ValueError if there is nothing to draw."""

    name: str
    caption: str
    draw: Callable[[], Figure]

    @property
    def file(self) -> str:
        """The file's name."""
        return f"{self.name}.png"


@dataclass(frozen=True)
class Content:
    """The tables, figures and remarks of a section."""

    tables: tuple[Table, ...] = ()
    figures: tuple[Shown, ...] = ()
    remarks: tuple[str, ...] = ()


Quantity = tuple[str, Functional]
"""A name with its unit, and the function that reads the value from a run."""


def measured(runs: Iterable[TrainedRun], of: Functional, decimals: int | None = None) -> Measured:
    """Measure a quantity on each run."""
    return Measured(tuple(float(of(run)) for run in runs), decimals)


def side_by_side(title: str, quantities: Sequence[Quantity], models: Sequence[tuple[str, Sequence[TrainedRun]]]) -> Table:
    """Build a table with quantities in rows and models in columns."""
    rows = tuple((name, tuple(measured(runs, of) for _model, runs in models)) for name, of in quantities)
    return Table(title, ("", *(model for model, _runs in models)), rows)
