"""TOY: the two-dimensional lab of VAE Basics 6.6.3."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from vae_spec.bounds import Bound, Measure, above, below
from vae_spec.claim import Claim, Experiment
from vae_spec.diagnosis import Role
from vae_spec.documents import basics
from vae_spec.evidence import Arm, Group, TrainedRun
from vae_spec.lazy import torch
from vae_spec.observations import PointObservations
from vae_spec.outcomes import Level, Number, Outcome, Verdict, holds, not_applicable, violated
from vae_spec.statistics.functionals import on_points
from vae_spec.subject import Facts
from vae_spec.trained import by_bounds, own

PRINTED = {
    1: (0.5903, 0.0293, 0.5917),
    50: (0.0335, 0.9007, 0.0785),
    100: (0.0261, 0.8229, 0.0673),
    200: (0.0244, 0.7138, 0.0601),
}
"""(reconstruction, KL, loss) by epoch as the lab prints them, to four decimals."""
PRINTED_POINTS = ((1.075, -0.014), (-0.997, -0.001), (-1.118, -0.054), (0.553, 0.041), (0.74, 0.021))
"""The five generated points, to three decimals."""
KL_WEIGHT = 0.05
LAST = 10
"""Number of final steps to average, which removes the noise of single steps."""
_MET_ON = "2.13"
"""The torch release on which every printed digit was reproduced; on others one unit in the last digit is allowed."""


def takes_points(facts: Facts) -> str | None:
    """Return why the lab does not apply to this subject, or None."""
    return None if facts.input_shape == (2,) else f"it takes {' x '.join(map(str, facts.input_shape))} numbers; the lab's points have two"


def reference_points(facts: Facts) -> str | None:
    """Return why the lab's printed figures do not apply to this subject, or None."""
    if not facts.reference:
        return "the printed figures are those of the reference's own tiny VAE under its seed"
    return takes_points(facts)


def mean_terms(
    run: TrainedRun, facts: Facts
) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """Return reconstruction and KL curves as the lab prints them: means over items and over their two dimensions.

    Curves are in nats an item: half the squared error summed over two dimensions equals its mean over them.
    """
    return run.reconstruction, run.analytic_kl / facts.latent_dim


def ends(run: TrainedRun, facts: Facts) -> tuple[float, float]:
    """Return reconstruction and KL over the last ten steps, as means over items and dimensions."""
    reconstruction, kl = mean_terms(run, facts)
    return float(reconstruction[-LAST:].mean()), float(kl[-LAST:].mean())


def converged(which: Arm) -> tuple[Bound, ...]:
    """Return bounds on the final losses of an arm: for the lab itself in TOY-01, with another activation in TOY-06."""

    def fallen(group: Group, facts: Facts) -> float:
        return ends(group[which], facts)[0] / float(group[which].reconstruction[0])

    def kl(group: Group, facts: Facts) -> float:
        return ends(group[which], facts)[1]

    kept = "KL at the end, nats a dimension"
    return (
        below(
            "reconstruction at the end over the start",
            0.1,
            "sound: 0.03 to 0.05; with a decoder that ignores z: 0.96",
            measure=fallen,
            spread=0.01,
        ),
        above(kept, 0.2, "sound: 0.6 to 0.8; with a decoder that ignores z: 0.00001", measure=kl, spread=0.06),
        below(f"{kept} (controlled)", 2, "sound: 0.6 to 0.8; without a KL: 4.5 and more", measure=kl, spread=0.06),
    )


TOY_01 = Claim(
    id="TOY-01",
    title="the tiny lab trains",
    level=Level.EXPECTED,
    statement="by the lab's recipe the reconstruction falls below a tenth of its first value, and the KL stays above zero and under"
    " control",
    formula="L_rec(end) / L_rec(start) < {0},  {1} < KL(end) < {2} nats a dimension",
    sources=(basics("lab"),),
    why="Two clusters of points, 200 full-batch steps: measured over 20 seeds the reconstruction ends at 0.03 to 0.05 of its start and the"
    " KL at 0.6 to 0.8 nat a dimension. Without the KL term the KL ends at 4.5 and more; a collapsed model keeps more than half of its"
    " reconstruction loss.",
    hint="two heads from the encoder, z = mu + exp(0.5 * logvar) * eps, and a decoder without an activation at its end",
    measured="means over the last ten steps; spreads measured over 20 seeds",
    mistakes=("kl-sign", "decoder-ignores-z"),
    applies=takes_points,
    rank=None,
    experiment=Experiment.LAB,
    bounds=converged(Arm.OWN),
    conclusion="the reconstruction falls below a tenth, the KL stays above zero and under control",
    role=Role.CAUSE,
    holds_when_collapsed=False,
)


def judge_printed(_claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge TOY-02 by comparing the run with the figures that the lab prints."""
    run = own(groups)[0]
    reconstruction, kl = mean_terms(run, facts)
    units = 0 if torch.__version__.startswith(_MET_ON) else 1
    measured: dict[str, Number] = {}
    expected: dict[str, Number] = {}
    off: list[str] = []
    for epoch, figures in PRINTED.items():
        found = (reconstruction[epoch - 1], kl[epoch - 1], reconstruction[epoch - 1] + KL_WEIGHT * kl[epoch - 1])
        for name, value, printed in zip(("reconstruction", "KL", "loss"), found, figures, strict=True):
            measured[f"epoch {epoch}, {name}"], expected[f"epoch {epoch}, {name}"] = f"{value:.4f}", f"{printed:.4f}"
            if abs(round(float(value), 4) - printed) > units * 1e-4 + 1e-9:
                off.append(f"epoch {epoch}, {name}: {value:.4f} where the lab prints {printed:.4f}")
    points = run.samples if run.samples is not None else np.zeros((0, 2))
    rounded = np.round(points, 3)
    measured["generated points"], expected["generated points"] = (
        str(rounded.tolist()),
        str([list(point) for point in PRINTED_POINTS]),
    )
    if rounded.shape != (5, 2) or float(np.abs(rounded - np.asarray(PRINTED_POINTS)).max()) > units * 1e-3 + 1e-9:
        off.append(f"generated points: {rounded.tolist()}")
    if off:
        return violated("\n".join(off), measured=measured, expected=expected)
    return holds(
        "every printed figure of the lab is met" + (" to its last digit" if units == 0 else ", within one unit of its last digit"),
        measured=measured,
        expected=expected,
        smallest_effect="one unit of the last printed digit" if units == 0 else "two units of the last printed digit",
    )


TOY_02 = Claim(
    id="TOY-02",
    title="the lab's printed figures",
    level=Level.REQUIRED,
    statement="with seed 4 the reference's tiny VAE meets every figure that the lab prints: epochs 1, 50, 100 and 200, and the five"
    " generated points",
    sources=(basics("lab"),),
    why="One stream of random numbers decides data, initialisation, noise and samples; meeting the figures to the last digit shows that"
    " recipe, model and loss are those of the document. They are met with torch 2.13 on x86-64; other releases may differ in the last"
    " digit.",
    hint="layers in the order encoder, mu, logvar, decoder; noise by randn_like; means over batch and dimensions; Adam 0.02, weight 0.05",
    decision="comparison of the rounded figures; torch 2.13: equal, other releases: within one unit of the last digit",
    applies=reference_points,
    rank=None,
    experiment=Experiment.LAB_PRINTED,
    judge=judge_printed,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)


def _of_points(number: Callable[[PointObservations], float]) -> Measure:
    """Return a measure that applies this function to the point observations of the subject's own run."""
    of_run = on_points(number)
    return lambda group, _facts: of_run(group[Arm.OWN])


_COPIES = below(
    "share of generated points on a training point",
    0.2,
    "sound: about 0.01, by chance; a decoder that stores the training points: 1",
    measure=_of_points(lambda points: points.copies),
    spread=0.01,
)


def _copied(groups: Sequence[Group], facts: Facts) -> str | None:
    return "memorising-decoder" if _COPIES.decide(groups, facts).outcome is Outcome.VIOLATED else None


TOY_03 = Claim(
    id="TOY-03",
    title="generated points lie where the data does",
    level=Level.EXPECTED,
    statement="what draws from N(0, I) decode to falls near the two clusters or between them, distributed much like the data, and is no"
    " set of training points",
    formula="2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖ < {0},  X generated, Y from the clusters",
    sources=(basics("lab"),),
    why="The lab prints five generated points: four in the clusters, one halfway between. So it is over seeds: 85 to 100 of 100 lie within"
    " three of the clusters' deviations of them or of the line between them, and their energy distance to the data is 0.02 to 0.12 (0"
    " would be the same law). It is never 0: a connected set of codes has to lead from one cluster to the other, and with a ReLU some"
    " points lie beyond the clusters' ends. Without a KL the distance is 0.28 to 0.96, with a decoder that ignores z 0.88. About one point"
    " in a hundred lies as near to a training point as one fresh point in a hundred does: that is chance, not copying.",
    hint="is the KL in the loss, and with the right weight? Does decode compute its points, or look them up?",
    measured="500 decoded draws a run against 500 fresh points; spreads measured over 20 seeds of each of three sound implementations,"
    " whose worst seed stays at least 4 of them away",
    mistakes=("autoencoder-plus-noise", "memorising-decoder", "decoder-ignores-z"),
    applies=takes_points,
    rank=490,
    explains=("TOY-05",),
    experiment=Experiment.LAB,
    bounds=(
        below(
            "energy distance of generated points to the clusters",
            0.2,
            "sound: 0.02 to 0.12; without a KL: 0.28 to 0.96, with a decoder that ignores z: 0.88",
            measure=_of_points(lambda points: points.energy_distance),
            spread=0.0125,
        ),
        above(
            "share near the clusters or between them",
            0.7,
            "sound: 0.85 to 1, and the border 4 spreads below; no broken entry of the catalogue falls below",
            measure=_of_points(lambda points: points.near),
            spread=0.03,
        ),
        _COPIES,
    ),
    conclusion="generated points fall near the clusters or between them, and are no copies",
    blames=_copied,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)


def judge_line(claim: Claim, groups: Sequence[Group], facts: Facts) -> Verdict:
    """Judge TOY-05 by its bounds; it does not apply if the decoded line does not move."""
    if any(run.points is not None and math.isnan(run.points.second_difference) for run in own(groups)):
        return not_applicable("what is decoded along the line does not move: the decoder makes no use of the code (see TOY-01)")
    return by_bounds(claim, groups, facts)


TOY_05 = Claim(
    id="TOY-05",
    title="a line through the latent plane decodes smoothly",
    level=Level.EXPECTED,
    statement="what is decoded along the most active latent axis, from -2 to 2, changes smoothly: no jump from one point to another",
    formula="max ‖x̂ₜ₊₁ − 2 x̂ₜ + x̂ₜ₋₁‖ / mean ‖x̂ₜ₊₁ − x̂ₜ‖ < {0}",
    sources=(basics("exercises"),),
    why="The exercise walks from [-2, 0] to [2, 0]. In half of all seeds that axis is the inactive one, and nothing moves along it, so the"
    " most active axis is taken. Smooth does not mean even: the decoder sharpens with training, and of 401 points the step between the"
    " clusters is up to four times the mean one. But a step is like its neighbours: their difference is at most 2.3 mean steps with ReLU,"
    " whose slope changes in kinks, and below 0.1 with Tanh or SiLU, while a decoder that jumps makes it tens or hundreds. It is no mark"
    " of a VAE: without a KL the line is as smooth.",
    hint="look for rounding, argmax or table look-ups between z and the decoder's output",
    measured="401 decoded points; spread measured over 20 seeds; sees codes rounded to multiples of 0.1 and coarser",
    mistakes=("rounded-code", "memorising-decoder"),
    applies=takes_points,
    rank=500,
    experiment=Experiment.LAB,
    bounds=(
        below(
            "largest second difference over the mean step",
            5,
            "sound: 2.3 at most; codes rounded to multiples of 0.1: 79 and more, a look-up: 146",
            measure=_of_points(lambda points: points.second_difference),
            spread=0.61,
        ),
    ),
    conclusion="the decoded line changes smoothly",
    blames="rounded-code",
    judge=judge_line,
    role=Role.CAUSE,
    holds_when_collapsed=False,
)
