"""TRN: what training curves show, decided over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

from vae_spec.calibration import FIXED_SCALE, FROM_PRIOR
from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import (
    TRAINED_NEEDS,
    decisions,
    decoded_images,
    divergence,
    free_scale,
    images_only,
    measure,
    optimised_weight,
    plain_decoding,
    plain_objective,
    shifted,
)
from vae_spec.documents import ENGINEERING, basics, notes
from vae_spec.evidence import TrainedRun
from vae_spec.outcomes import Level, Verdict, holds, not_applicable, violated
from vae_spec.statistics.functionals import INFORMATIVE_KL
from vae_spec.statistics.seeds import Side, combine
from vae_spec.subject import Facts, Objective
from vae_spec.trial import Trial

REPEAT_TOLERANCE = 1e-4
"""Relative: the same sums in another order on another device."""


def judge_fall(runs: Sequence[TrainedRun], facts: Facts, _trial: Trial) -> Verdict:
    """TRN-01."""
    if bad := divergence(runs):
        return bad
    found = decisions(runs, [("held-out R2", 0.15, Side.ABOVE)])
    if not free_scale(facts):
        found += decisions(runs, [("share of the drop in the first tenth", 0.4, Side.ABOVE)], FIXED_SCALE)
    return combine(
        found,
        said="the reconstruction falls fast, and beyond what the mean image explains",
        diagnosis=_collapse_cause(runs, facts),
    )


def _collapse_cause(runs: Sequence[TrainedRun], facts: Facts) -> str | None:
    """A code that carries nothing is most often the KL's weight, unless the decoder sees what it should tell."""
    if facts.autoregressive:
        return None
    kl = measure(runs, "KL at the end, nats")
    return "recon-mean-kl-sum" if all(value < INFORMATIVE_KL for value in kl) else None


TRN_01 = Claim(
    id="TRN-01",
    title="the reconstruction falls fast",
    level=Level.EXPECTED,
    statement="the reconstruction falls beyond what the mean image explains (held-out R2 > 0.15), most of its drop in the first tenth"
    " of the steps",
    formula="R² = 1 − Σ‖x − x̂‖² / Σ‖x − x̄‖² > 0.15",
    sources=(notes("13.4.1.3"), basics("diagnostics")),
    why="Both documents look for a reconstruction loss that drops quickly. A drop alone says little: the mean image, which needs no"
    " code, already"
    " gives a third to two thirds of it. R2 against the mean image tells learning from that; a collapsed model stays below 0.03.",
    hint="see whether the KL has fallen to 0 (then its weight is too high) and whether the decoder sees z at all",
    decision="held-out R2 of reconstructions from sampled codes, and the early share of the drop (not for a learned variance, whose"
    " loss keeps falling),"
    " over 3, 6 or 10 seeds",
    mistakes=("decoder-ignores-z", "recon-mean-kl-sum", "encoder-ignores-x"),
    needs=TRAINED_NEEDS,
    judge=judge_fall,
    experiment=Experiment.IMAGES,
    applies=decoded_images,
)


def judge_kl_curve(runs: Sequence[TrainedRun], facts: Facts, _trial: Trial) -> Verdict:
    """TRN-02."""
    if bad := divergence(runs):
        return bad
    found = decisions(runs, [("KL at the end, nats", INFORMATIVE_KL, Side.ABOVE)])
    from_prior = FROM_PRIOR.excludes(facts) is None
    if from_prior:
        # Of very many dimensions the untrained means alone cost some nats.
        small = max(8.0, facts.latent_dim / 40)
        found += decisions(
            runs,
            [("KL at the start, nats", small, Side.BELOW), ("KL at the start over the end", 0.9, Side.BELOW)],
            FROM_PRIOR,
        )
    if not free_scale(facts):
        found += decisions(runs, [("late change of the KL over the loss's drop", 0.03, Side.BELOW)], FIXED_SCALE)
    return combine(
        found,
        said=f"the KL {'starts small, ' if from_prior else ''}ends well above zero and has settled",
        diagnosis=_collapse_cause(runs, facts),
    )


TRN_02 = Claim(
    id="TRN-02",
    title="the KL starts small, rises and settles",
    level=Level.EXPECTED,
    statement="the KL is small before training where the untrained posterior is as wide as the prior, well above zero after it (more"
    " than 0.5 nat), and has settled by then",
    formula="KL(end) > 0.5 nat,  KL(start) < max(8, d / 40) nats,  KL(start) / KL(end) < 0.9",
    sources=(notes("13.4.1.3"), basics("diagnostics")),
    why="The documents see the KL rise gradually and stabilise. Start and end are so; the way between is not always: on 28x28 images"
    " the KL bursts"
    " within the first twenty steps, falls back and rises again, and with one or two latent dimensions it ends below its peak. So"
    " start, end and"
    " settling are judged, growth along the way is not. With BatchNorm in the encoder the start is two nats rather than a tenth of one."
    " A head that gives sigma itself, rather than its logarithm, begins with a sigma near 0, and its KL may only fall: 18.7 to 11.3 nats"
    " with 8 dimensions; a softplus begins at 0.69, which with 200 dimensions is 23 nats. There the start is not judged.",
    hint="a KL that slides to 0 has too much weight, or no gradient through the sampling step; one that keeps growing has lost its"
    " gradient",
    decision="the analytic KL of the training batches: first step (unless the untrained sigma alone costs more than 4 nats), last tenth,"
    " and the change between the last two fifths against the loss's whole drop (the last not for a learned variance), over 3, 6 or 10"
    " seeds",
    mistakes=("no-encoder-gradient", "recon-mean-kl-sum", "encoder-ignores-x", "decoder-ignores-z", "kl-sign"),
    needs=TRAINED_NEEDS,
    judge=judge_kl_curve,
    experiment=Experiment.IMAGES,
    applies=plain_objective,
)


def judge_convergence(runs: Sequence[TrainedRun], facts: Facts, _trial: Trial) -> Verdict:
    """TRN-04."""
    if bad := divergence(runs):
        return bad
    if free_scale(facts):
        return not_applicable("its likelihood learns its own variance: the loss keeps falling while the variance shrinks")
    return combine(
        decisions(runs, [("late change of the loss over its drop", 0.05, Side.BELOW)], FIXED_SCALE),
        said="the loss is nearly flat at the end",
    )


TRN_04 = Claim(
    id="TRN-04",
    title="training has nearly converged",
    level=Level.EXPECTED,
    statement="at the end of the standard training the loss is nearly flat: it changes by less than a twentieth of its whole drop"
    " between the last two fifths",
    formula="|L(last fifth) − L(fifth before)| / (L(start) − L(end)) < 0.05",
    sources=(notes("13.4.1.3"), basics("diagnostics")),
    why="The notes call the curve converged after about 2000 steps on MNIST. Nearly flat is what is so: it still falls by 0.8 % an"
    " epoch there, and ten epochs"
    " do 98.8 % of what thirty do. A loss that runs off to minus infinity, or has not begun to settle, is neither.",
    hint="a loss that keeps falling without end has a term of the wrong sign; one that is still falling fast needs a larger learning rate",
    decision="the change of the loss between the last two fifths of the steps against its whole drop, over 3, 6 or 10 seeds",
    mistakes=("kl-sign",),
    needs=TRAINED_NEEDS,
    judge=judge_convergence,
    experiment=Experiment.IMAGES,
    applies=images_only,
)


def judge_optimised_beta(runs: Sequence[TrainedRun], facts: Facts, _trial: Trial) -> Verdict:
    """TRN-06."""
    if bad := divergence(runs):
        return bad
    if facts.likelihood is None or any(run.stationarity is None for run in runs):
        return not_applicable("the reconstruction term matches no known likelihood, so its scale is unknown (see OBJ-03)")
    informative = [run.stationarity.kl for run in runs if run.stationarity is not None]
    if min(informative) < INFORMATIVE_KL:
        return not_applicable(
            f"the KL ends at {min(informative):.2g} nats: a code that carries nothing says nothing of its price (see TRN-02, COL-01)"
        )
    weight = optimised_weight(facts, runs)
    found = [run.stationarity.beta for run in runs if run.stationarity is not None]
    if min(found) <= 0:
        return violated(
            f"the effective beta at the optimum is {min(found):.3g}: training did not pay for the KL",
            measured={"effective beta": min(found), "seeds": len(runs)},
            expected={"effective beta": weight},
            diagnosis="autoencoder-plus-noise",
        )
    name = f"log of the effective beta over {weight:g}"
    both = [
        shifted(runs, "log of the effective beta", math.log(weight), math.log(border), side, f"{name}, {side} {border:g}")
        for border, side in ((0.6, Side.ABOVE), (1.6, Side.BELOW))
    ]
    # A Monte Carlo estimate is not the closed form; its weight at the optimum is what was optimised all the same.
    if facts.objective is Objective.ELBO_MONTE_CARLO:
        return combine(
            both, said=f"training optimised an effective beta of {_mean(found):.3g}", diagnosis=_weight_cause(_mean(found) / weight)
        )
    # The reported KL may carry the declared weight, or not.
    reported = measure(runs, "log of reported over analytic KL")
    own = 0.0 if sum(abs(value) for value in reported) <= sum(abs(value - math.log(weight)) for value in reported) else math.log(weight)
    both += [
        shifted(runs, "log of reported over analytic KL", own, border, side, f"log of reported over analytic KL, {side}")
        for border, side in ((-0.3, Side.ABOVE), (0.3, Side.BELOW))
    ]
    return combine(both, said=f"training optimised an effective beta of {_mean(found):.3g}", diagnosis=_weight_cause(_mean(found) / weight))


def _mean(betas: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, betas)) / len(betas))


def _weight_cause(ratio: float) -> str | None:
    if 1.7 < ratio < 2.3:
        return "missing-half"
    return "kl-mean-recon-sum" if ratio < 0.5 else None


TRN_06 = Claim(
    id="TRN-06",
    title="the KL that training optimised",
    level=Level.EXPECTED,
    statement="the KL that training really optimised is the one reported: the effective beta at the optimum is the objective's, and the"
    " reported KL is the analytic one",
    formula="β_eff = (d/d log c) E[L_rec(decode(mu + c σ eps))] / E[Σⱼ (1 − σⱼ²)] at c = 1",
    sources=(notes("13.4.1.3"), notes("13.4.6"), basics("loss")),
    why="At an optimum the derivative with respect to a common scale of all posterior standard deviations vanishes, which tells the"
    " weight that the KL really"
    " had, from encode, decode and the loss alone, whatever the architecture: 0.9 to 1.3 for sound models, 2 without the KL's half, 1/d"
    " for a KL averaged"
    " over d dimensions, 9 and more with uniform noise. It cannot see noise shared over a batch, which is a genuine optimum of its own.",
    hint="compare the KL in the loss with -0.5 * sum(1 + logvar - mu^2 - exp(logvar)), and the sampling step with exp(0.5 * logvar)",
    decision="stationarity of the posterior's scale on training data (central difference, common noise) within [0.6, 1.6] of the"
    " declared constant, and the"
    " reported KL within a factor e^0.3 of the analytic one, over 3, 6 or 10 seeds; not applicable below 0.5 nat",
    mistakes=("missing-half", "kl-mean-recon-sum", "std-no-half", "eps-from-rand"),
    needs=TRAINED_NEEDS,
    judge=judge_optimised_beta,
    experiment=Experiment.IMAGES,
    applies=plain_decoding,
)


def judge_repeatable(runs: Sequence[TrainedRun], _facts: Facts, _trial: Trial) -> Verdict:
    """TRN-07."""
    if bad := divergence(runs):
        return bad
    worst = max((run.repeat_difference for run in runs if run.repeat_difference is not None), default=math.inf)
    steps = min(run.repeat_steps for run in runs)
    if not worst <= REPEAT_TOLERANCE:
        return violated(
            f"begun again under the same seed, the first {steps} steps differ by {worst:.3g} of the loss",
            measured={"relative difference": worst, "seeds": len(runs)},
            expected={"relative difference": f"<= {REPEAT_TOLERANCE:g}"},
        )
    return holds(
        f"finite throughout, and the first {steps} steps repeat under the same seed (largest relative difference {worst:.2g})",
        measured={"relative difference": worst, "seeds": len(runs)},
        expected={"relative difference": f"<= {REPEAT_TOLERANCE:g}"},
        smallest_effect="a relative difference of 1e-4",
    )


TRN_07 = Claim(
    id="TRN-07",
    title="finite and repeatable",
    level=Level.REQUIRED,
    statement="training stays finite, and begun again under the same seed it goes the same way",
    sources=(ENGINEERING,),
    why="A run that ends in NaN teaches nothing, and one that cannot be repeated cannot be debugged.",
    hint="draw all noise with torch's own generators, and keep logarithms and exponentials bounded",
    decision="every loss finite; the first 40 steps made twice, relative tolerance 1e-4",
    mistakes=("overflow", "data-out-of-range"),
    needs=TRAINED_NEEDS,
    judge=judge_repeatable,
    experiment=Experiment.IMAGES,
    applies=images_only,
)
