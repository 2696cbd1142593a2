"""What an HTML page shows beside the record: figures, and measured numbers beside calibrated ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vae_conformance.report.figures.gallery import Exhibit
    from vae_conformance.report.html.calibration_strips import Strip


@dataclass(frozen=True)
class FigureData:
    """What is shown beside the record.

    Attributes:
        exhibits: the figures, drawn or left out.
        strips: by claim, its statistics beside those of calibrated implementations.
        calibrated_on: the data that the calibration was made on.
        note: why there is none of it, or why some is missing; empty where nothing needs to be said.
    """

    exhibits: Sequence[Exhibit] = ()
    strips: Mapping[str, Sequence[Strip]] | None = None
    calibrated_on: str = ""
    note: str = ""
