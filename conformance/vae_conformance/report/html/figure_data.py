"""The figures and calibration strips that the HTML page adds to the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_conformance.report.figures.gallery import Exhibit
    from vae_conformance.report.html.calibration_strips import Strip


@dataclass(frozen=True)
class FigureData:
    """Figures and calibration strips of one report.

    Attributes:
        exhibits: the figures, drawn or left out.
        strips: by claim, its statistics compared with those of calibrated implementations.
        calibrated_on: the data set of the calibration.
        note: why all or some of it is missing; empty if nothing is.
    """

    exhibits: Sequence[Exhibit] = ()
    strips: Mapping[str, Sequence[Strip]] | None = None
    calibrated_on: str = ""
    note: str = ""
