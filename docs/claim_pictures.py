"""Draw the statistics of sound implementations for each trained claim into docs/images/claims: python docs/claim_pictures.py.

The numbers come from the committed calibration; each claim provides its bounds and the implementations that they apply to.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "samples"), str(ROOT / "tests" / "matrix")]

from fakes import facts

from vae_conformance.report.html.calibration_strips import Strip, strip
from vae_spec.calibration import Scope, Spread, families
from vae_spec.claim import Claim, Experiment
from vae_spec.registry import CLAIMS
from vae_spec.statistics.seeds import Side

FOLDER = ROOT / "docs" / "images" / "claims"
CALIBRATED = (Experiment.IMAGES, Experiment.CONTRAST, Experiment.SWEEP, Experiment.WITHOUT_KL)
"""The experiments whose statistics the calibration holds; claims about the tiny lab measure by themselves."""
WEIGHED = {"log of the effective beta": "over the accepted one", "log of reported over analytic KL": "less its weight"}
"""Statistics that a declared or accepted weight of the KL shifts, with the suffix of their names."""
WEIGHTS = (0.5, 1.0, 2.0)
"""The effective betas of the calibrated implementations, declared or accepted."""
WIDTH, ROW, LEFT, LINE = 500, 82, 14, 472
NEGLIGIBLE = 1e-4
PAPER, INK, SOFT, BAND, FAMILY, BAD, BEYOND = "#ffffff", "#1f2328", "#59636e", "#b9d7c2", "#1d6b3a", "#b3261e", "#fbe9e7"


@dataclass(frozen=True)
class HealthyRange:
    """The healthy range of one statistic of one claim.

    Attributes:
        statistic: the statistic's name, with its unit.
        sound: the spread of each calibrated implementation, by name.
        borders: each bound, and whether healthy values lie above it.
    """

    statistic: str
    sound: Mapping[str, Spread]
    borders: tuple[tuple[float, bool], ...]

    @property
    def strip(self) -> Strip:
        """Return the range laid out on a line."""
        return strip(self.statistic, (), self.borders, self.sound.values())

    @property
    def words(self) -> str:
        """Return the range of sound implementations and the bounds in words."""
        found = self.strip
        borders = " and ".join(f"{'>' if above else '<'} {_number(bound)}" for bound, above in self.borders)
        return f"{self.statistic}: {_number(found.low.value)} to {_number(found.high.value)}, asked for {borders}"


def healthy_ranges(claim: Claim) -> tuple[HealthyRange, ...]:
    """Return the ranges of a claim's calibrated statistics; empty for a claim without bounds on any."""
    return _healthy_ranges(claim.id)


@cache
def _healthy_ranges(identifier: str) -> tuple[HealthyRange, ...]:
    claim = CLAIMS[identifier]
    if claim.experiment not in CALIBRATED or claim.reference_only:
        return ()
    borders: dict[str, tuple[tuple[float, bool], ...]] = {}
    scopes: dict[str, Scope] = {}
    seen = replace(facts(), latent_dim=16)
    for bound in claim.applicable_bounds(seen):
        borders[bound.statistic] = (*borders.get(bound.statistic, ()), (bound.border(seen), bound.side is Side.ABOVE))
        scopes[bound.statistic] = bound.scope
    return tuple(HealthyRange(_name(one), _sound(one, scopes[one]), found) for one, found in borders.items())


def _name(statistic: str) -> str:
    return f"{statistic}, {WEIGHED[statistic]}" if statistic in WEIGHED else statistic


def _sound(statistic: str, scope: Scope) -> dict[str, Spread]:
    """Return the spreads of the calibrated implementations; weighted statistics are shifted by each implementation's own weight."""
    found = {name: one for name, one in families(statistic, scope).items() if math.isfinite(one.mean) and math.isfinite(one.sd)}
    if statistic not in WEIGHED:
        return found
    shifts = [math.log(weight) for weight in WEIGHTS]
    return {name: replace(one, mean=min((one.mean - shift for shift in shifts), key=abs)) for name, one in found.items()}


def picture(claim: Claim) -> str:
    """Render the ranges of one claim as SVG; the text is the same for the same calibration."""
    ranges = healthy_ranges(claim)
    height = 8 + ROW * len(ranges)
    title = escape(f"{claim.id}. " + "; ".join(one.words for one in ranges))
    rows = "".join(_row(one, 8 + ROW * index) for index, one in enumerate(ranges))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img"'
        f' font-family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif" font-size="13">\n'
        f"<title>{title}</title>\n"
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="{PAPER}"/>\n{rows}</svg>\n'
    )


def _row(one: HealthyRange, top: int) -> str:
    found = one.strip
    low, high = _x(found.low.place), _x(found.high.place)
    parts = [_text(LEFT, top + 16, one.statistic, "start", INK)]
    parts.append(_text(LEFT + LINE, top + 16, f"{_number(found.low.value)} to {_number(found.high.value)}", "end", SOFT))
    for border in found.borders:
        start, end = (LEFT, _x(border.place)) if border.above else (_x(border.place), LEFT + LINE)
        parts.append(f'<rect x="{start:.1f}" y="{top + 24}" width="{end - start:.1f}" height="32" fill="{BEYOND}"/>')
    parts.append(f'<rect x="{low:.1f}" y="{top + 30}" width="{max(high - low, 2):.1f}" height="20" fill="{BAND}"/>')
    families_path = "".join(f"M{_x(mark.place):.1f} {top + 33}v14" for mark in found.sound)
    parts.append(f'<path d="{families_path}" stroke="{FAMILY}"/>')
    parts.append(f'<line x1="{LEFT}" x2="{LEFT + LINE}" y1="{top + 56}" y2="{top + 56}" stroke="{SOFT}"/>')
    for border in found.borders:
        x = _x(border.place)
        anchor = "start" if border.place < 0.1 else "end" if border.place > 0.9 else "middle"
        parts.append(_line(x, top + 22, top + 60, BAD, 2))
        parts.append(_text(x, top + 74, f"{'>' if border.above else '<'} {_number(border.value)}", anchor, BAD))
    return "".join(f"{part}\n" for part in parts)


def _x(place: float) -> float:
    return LEFT + LINE * place


def _line(x: float, top: int, bottom: int, colour: str, width: int) -> str:
    return f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{bottom}" stroke="{colour}" stroke-width="{width}"/>'


def _text(x: float, y: int, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(text, quote=False)}</text>'


def _number(value: float) -> str:
    if abs(value) < NEGLIGIBLE:
        return "0"
    return (f"{value:.2g}" if abs(value) < 10 else f"{value:.0f}").replace("-", "−")


def pictures(claims: Sequence[Claim] = tuple(CLAIMS.values())) -> dict[str, str]:
    """Return file name -> content for each claim that has a calibrated statistic."""
    return {f"{claim.id}.svg": picture(claim) for claim in claims if healthy_ranges(claim)}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, content in pictures().items():
        (FOLDER / file).write_text(content, encoding="utf-8")
