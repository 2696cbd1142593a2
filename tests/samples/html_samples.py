"""Figure data for the HTML page, and a report full of hostile text."""

from __future__ import annotations

from msgspec.structs import replace
from named import named_options
from report_samples import BOUND, verdict

from vae_conformance.report.figures.gallery import Exhibit
from vae_conformance.report.html.calibration_strips import Border, Mark, Strip
from vae_conformance.report.html.figure_data import FigureData
from vae_conformance.runner.events import Binding, FoundPart
from vae_conformance.runner.record import RunRecord, assemble
from vae_conformance.runner.run_state import RunState
from vae_spec.outcomes import Outcome

PNG = b"\x89PNG\r\n\x1a\n not really"


STRIP = Strip(
    "log of <KL>", (Mark(0.5, 0.4), Mark(0.7, 0.5)), (Mark(0.6, 0.45),), Mark(0.2, 0.2), Mark(0.9, 0.8), (Border(0.1, 0.1, True),)
)


SHOWING = FigureData(
    (
        Exhibit("reconstructions", "Reconstructions", "a caption", ("KL",), PNG, photographic=True),
        Exhibit("lab", "The lab", "another", ("TOY",), missing="its loss does not stay finite"),
    ),
    {"KL-02": [STRIP]},
    "digits",
    "3 trained runs cannot be read",
)


HOSTILE = """<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{ 7 * 7 }}{% raw %}&amp;\u202e"""


def hostile() -> RunRecord:
    claim = verdict(
        "KL-02",
        Outcome.VIOLATED,
        HOSTILE,
        title=HOSTILE,
        source=HOSTILE,
        statement=HOSTILE,
        decision=HOSTILE,
        why=HOSTILE,
        hint=HOSTILE,
        diagnosis=HOSTILE,
        smallest_effect=HOSTILE,
        measured={HOSTILE: HOSTILE},
        expected={HOSTILE: HOSTILE},
    )
    binding = Binding({HOSTILE: FoundPart(HOSTILE, HOSTILE, None)}, (HOSTILE,))
    found = replace(BOUND.implementation, target=HOSTILE, name=HOSTILE, likelihood=HOSTILE, binding=binding)
    bound = replace(BOUND, implementation=found, environment={HOSTILE: HOSTILE})
    options = named_options(HOSTILE, expected_failures={"KL-03": HOSTILE}, likelihood=HOSTILE)
    other = verdict("KL-03", Outcome.VIOLATED, HOSTILE)
    return assemble(RunState(bound, ("KL-02", "KL-03", HOSTILE), {"KL-02": claim, "KL-03": other}), options, duration_s=1.0)
