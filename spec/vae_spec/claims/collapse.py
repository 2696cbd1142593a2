"""COL: the code carries information, and the decoder uses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vae_spec.claim import Claim, Experiment
from vae_spec.claims.phenomena import TRAINED_NEEDS, decisions, decoded_images, divergence, images_only, measure
from vae_spec.documents import basics, notes
from vae_spec.evidence import TrainedRun
from vae_spec.outcomes import Level, Outcome, Verdict
from vae_spec.statistics.functionals import ACTIVE_VARIANCE, INFORMATIVE_KL
from vae_spec.statistics.seeds import SeedDecision, Side, combine
from vae_spec.subject import Facts
from vae_spec.trial import Trial

SHUFFLE_GAP = 0.2


_INFORMATIVE = [("log10 of the activity needed", -2.0, Side.ABOVE), ("held-out KL, nats", INFORMATIVE_KL, Side.ABOVE)]
_WORTH_IT = [("KL over the reconstruction's drop", 1.0, Side.BELOW)]


def judge_not_collapsed(runs: Sequence[TrainedRun], facts: Facts, _trial: Trial) -> Verdict:
    """COL-01."""
    if bad := divergence(runs):
        return bad
    found = decisions(runs, _INFORMATIVE + _WORTH_IT)
    return _collapse_verdict(runs, found, facts)


def judge_informative(runs: Sequence[TrainedRun], facts: Facts, _trial: Trial) -> Verdict:
    """COL-01 of one trained model: what its KL bought in reconstruction is not to be seen without a training."""
    verdict = _collapse_verdict(runs, decisions(runs, _INFORMATIVE), facts)
    if verdict.outcome is not Outcome.HOLDS:
        return verdict
    return replace(verdict, message=f"{verdict.message}\nwhether the KL dominates the loss is left open: that takes a training")


def _collapse_verdict(runs: Sequence[TrainedRun], found: Sequence[SeedDecision], facts: Facts) -> Verdict:
    # A decoder that sees earlier pixels collapses of itself: nobody's reduction is to blame.
    cause = None if facts.autoregressive else "recon-mean-kl-sum"
    verdict = combine(found, said=f"{sum(measure(runs, 'active units')) / len(runs):.1f} active units", diagnosis=cause)
    if verdict.outcome is not Outcome.VIOLATED:
        return verdict
    gap = sum(measure(runs, "R2 lost to another item's code")) / len(runs)
    silent, unused = found[0].outcome is Outcome.VIOLATED or found[1].outcome is Outcome.VIOLATED, gap < SHUFFLE_GAP
    if silent and unused:
        words = f"the posterior has collapsed: the code carries next to nothing, and exchanging codes costs {gap:.2g} of R2"
    elif silent:
        words = f"the code is silent by its numbers, but exchanging codes costs {gap:.2g} of R2: mu, logvar and z do not belong together"
    else:
        words = "the KL outweighs what it buys"
    return Verdict(
        verdict.outcome,
        f"{words}\n{verdict.message}",
        verdict.measured,
        verdict.expected,
        diagnosis=verdict.diagnosis if silent and unused else None,
    )


COL_01 = Claim(
    id="COL-01",
    title="the posterior has not collapsed",
    level=Level.EXPECTED,
    statement="at least two latent dimensions are active (one, where there are only one or two), the KL is well above zero, and it does"
    " not dominate the loss",
    formula="variance over items of muⱼ > 0.01 for two j,  KL > 0.5 nat,  KL(end) < L_rec(start) − L_rec(end)",
    sources=(notes("13.4.7"), basics("diagnostics")),
    why="Collapse is a KL near zero, a posterior that equals the prior and a decoder that ignores z, all together; the report says"
    " which of them were seen. Active"
    f" units are dimensions whose mean varies over items by more than {ACTIVE_VARIANCE} (variance). Squared error with unit variance on"
    " small images collapses"
    " in truth: its optimum needs no code. The opposite sign is a KL larger than what it buys in reconstruction.",
    hint="too much weight on the KL (a reconstruction averaged over pixels is the usual way), an encoder cut off from x, or no gradient"
    " through the sampling step",
    decision="variance of the needed active dimension above 0.01, held-out KL above 0.5 nat, and the KL below the reconstruction's"
    " drop, over 3, 6 or 10 seeds",
    mistakes=("recon-mean-kl-sum", "no-encoder-gradient", "encoder-ignores-x", "decoder-ignores-z"),
    needs=TRAINED_NEEDS,
    judge=judge_not_collapsed,
    as_it_is=judge_informative,
    experiment=Experiment.IMAGES,
    applies=images_only,
)


def judge_code_used(runs: Sequence[TrainedRun], _facts: Facts, _trial: Trial) -> Verdict:
    """COL-02."""
    if bad := divergence(runs):
        return bad
    return combine(
        decisions(runs, [("R2 lost to another item's code", SHUFFLE_GAP, Side.ABOVE)]),
        said="another item's code reconstructs far worse",
        diagnosis="decoder-ignores-z",
    )


COL_02 = Claim(
    id="COL-02",
    title="the decoder uses the code",
    level=Level.EXPECTED,
    statement="decoding another item's code reconstructs an item far worse than its own",
    formula="R²(own code) − R²(another item's code) > 0.2",
    sources=(notes("13.4.7"),),
    why="A decoder that has learned the data without the code does not care which code it gets. This asks it directly, whatever the KL"
    " says.",
    hint="feed z through the decoder, and see whether the code has collapsed (COL-01)",
    decision="R2 of own codes minus R2 of exchanged ones on held-out items above 0.2, over 3, 6 or 10 seeds",
    mistakes=("decoder-ignores-z", "encoder-ignores-x", "recon-mean-kl-sum"),
    needs=TRAINED_NEEDS,
    judge=judge_code_used,
    as_it_is=judge_code_used,
    experiment=Experiment.IMAGES,
    applies=decoded_images,
)
