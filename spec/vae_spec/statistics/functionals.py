"""Summaries of training curves, and functionals by name: one number per run, by which calibration and claims decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

import numpy as np

from vae_spec.evidence import Curve, HeldOut, TrainedRun
from vae_spec.observations import ImageObservations


def start(curve: Curve) -> float:
    """Return the value before the first update."""
    return float(curve[0])


def end(curve: Curve, share: float = 0.1) -> float:
    """Return the mean over the last share of the steps."""
    return float(curve[-max(1, int(len(curve) * share)) :].mean())


def drop(curve: Curve) -> float:
    """Return how far the curve falls from start to end."""
    return start(curve) - end(curve)


def early_share(curve: Curve, share: float = 0.1) -> float:
    """Return the part of the whole drop reached after the first share of the steps (a mean over a window around that step)."""
    window = max(1, int(len(curve) * share / 4))
    at = int(len(curve) * share)
    reached = float(curve[max(0, at - window) : at + window].mean())
    whole = drop(curve)
    return (start(curve) - reached) / whole if whole > 0 else float("nan")


def late_change(curve: Curve, share: float = 0.2) -> float:
    """Return the absolute change of the mean from the second-to-last share of the steps to the last."""
    length = max(1, int(len(curve) * share))
    return float(abs(curve[-length:].mean() - curve[-2 * length : -length].mean()))


def correlation(first: Curve, second: Curve) -> float:
    """Return Pearson's correlation of two curves over the steps."""
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


ACTIVE_VARIANCE = 0.01
"""A latent dimension is active if the variance of its mean over items exceeds this (Burda et al. 2016, section 5.1)."""
INFORMATIVE_KL = 0.5
"""Nats below which a latent carries too little information for ratios to be meaningful."""
SHORTEST = 10
"""The fewest steps for which the end of a curve is defined."""

Functional = Callable[[TrainedRun], float]
Part = TypeVar("Part")


def _part(of_run: Callable[[TrainedRun], Part | None]) -> Callable[[Callable[[Part], float]], Functional]:
    """Return a function that turns a number of a part of a run into a functional, which is nan where the run has no such part."""

    def functional(of: Callable[[Part], float]) -> Functional:
        return lambda run: math.nan if (found := of_run(run)) is None else of(found)

    return functional


held_out = _part(lambda run: run.held_out)
stationary = _part(lambda run: run.stationarity)
observed = _part(lambda run: run.observations)
on_points = _part(lambda run: run.points)
"""Functionals of the measurements on held-out items, of stationarity, on images, and on the lab's points."""


def curve(of: Functional) -> Functional:
    """Return a functional of the training curves; nan if they are not finite or too short."""
    return lambda run: math.nan if run.diverged_at is not None or len(run.total) < SHORTEST else of(run)


kl = held_out(lambda seen: float(seen.kl_per_dim.sum()))
"""The analytic KL on held-out items, nats."""


def _log(value: float) -> float:
    return math.log(value) if value > 0 else math.nan


def active_units(seen: HeldOut) -> float:
    """Return the number of active latent dimensions."""
    return float((seen.mu_variance > ACTIVE_VARIANCE).sum())


def _needed_activity(seen: HeldOut) -> float:
    """Return log10 of the variance of the second most active mean, or of the most active one with one or two dimensions."""
    ranked = np.sort(seen.mu_variance)[::-1]
    return float(np.log10(max(ranked[1 if len(ranked) > 2 else 0], 1e-30)))


def _fall(run: TrainedRun) -> float:
    """Return how far the loss falls, at most its size at the start: a diverging loss cannot serve as a scale for its changes."""
    return max(min(drop(run.total), abs(start(run.total))), 1e-30)


def _early_and_late(curve: Curve) -> tuple[float, float]:
    """Return the mean around a tenth of the steps, and that of the last tenth."""
    at, window = len(curve) // 10, max(1, len(curve) // 40)
    return float(curve[max(0, at - window) : at + window].mean()), end(curve)


def _swing(run: TrainedRun) -> float:
    """Return the log of the KL's largest value in the first tenth of the steps over that at the end of this tenth."""
    early, _late = _early_and_late(run.analytic_kl)
    return _log(float(run.analytic_kl[: max(1, len(run.analytic_kl) // 10)].max()) / max(early, 1e-30))


def _growth(run: TrainedRun) -> float:
    """Return the log of the KL at the end over that after a tenth of the steps, by when its early swing is over."""
    early, late = _early_and_late(run.analytic_kl)
    return _log(late / max(early, 1e-30))


def _above_training(run: TrainedRun) -> float:
    """Return by how much the negative ELBO of held-out items exceeds that at the end of the training, as a share of its drop."""
    if run.held_out is None:
        return math.nan
    excess = run.held_out.reconstruction + run.held_out.analytic_kl - end(run.reconstruction) - end(run.analytic_kl)
    return excess / max(drop(run.reconstruction), 1e-30)


def _least_variance(seen: ImageObservations) -> float:
    """Return the mean posterior variance over items in the dimension where it is smallest, estimated from one draw for each item."""
    return float(np.square(seen.pictures.codes - seen.pictures.means).mean(0).min())


def _slower_fall(run: TrainedRun) -> float:
    """Return the final loss minus the final reconstruction, each as a share of its start."""
    return end(run.total) / start(run.total) - end(run.reconstruction) / start(run.reconstruction)


CURVES: Mapping[str, Functional] = MappingProxyType(
    {
        "correlation of the loss with its reconstruction": curve(lambda run: correlation(run.total, run.reconstruction)),
        "relative drop of the reconstruction beyond the loss's": curve(_slower_fall),
        "share of the drop in the first tenth": curve(lambda run: early_share(run.reconstruction)),
        "KL at the start, nats": curve(lambda run: start(run.analytic_kl)),
        "KL at the end, nats": curve(lambda run: end(run.analytic_kl)),
        "KL at the start over the end": curve(lambda run: start(run.analytic_kl) / max(end(run.analytic_kl), 1e-30)),
        "late change of the KL over the loss's drop": curve(lambda run: late_change(run.analytic_kl) / _fall(run)),
        "late change of the loss over its drop": curve(lambda run: late_change(run.total) / _fall(run)),
        "log of the KL's early peak over its value after a tenth of the steps": curve(_swing),
        "log of the KL at the end over that after a tenth of the steps": curve(_growth),
        "negative ELBO of held-out items above the training's, share of its drop": curve(_above_training),
        "KL over the reconstruction's drop": curve(lambda run: end(run.analytic_kl) / max(drop(run.reconstruction), 1e-30)),
    }
)
"""Those of the course of a training, by name: a trained model alone has none."""

FUNCTIONALS: Mapping[str, Functional] = MappingProxyType(
    {
        "held-out R2": held_out(lambda seen: seen.r2),
        "held-out R2 from mu": held_out(lambda seen: seen.r2_mean_code),
        "R2 lost to another item's code": held_out(lambda seen: seen.r2 - seen.r2_shuffled),
        "log10 of the activity needed": held_out(_needed_activity),
        "active units": held_out(active_units),
        "held-out KL, nats": kl,
        "log of reported over analytic KL": held_out(
            lambda seen: _log(seen.reported_kl / seen.analytic_kl) if seen.analytic_kl > 0 else math.nan
        ),
        "log of the effective beta": stationary(lambda found: _log(found.beta)),
        "sharpness over the originals'": observed(lambda seen: seen.reconstructions.laplacian / seen.reconstructions.laplacian_originals),
        "high frequencies over the originals'": observed(
            lambda seen: seen.reconstructions.high_frequencies / seen.reconstructions.high_frequencies_originals
        ),
        "log of prior coverage over the data's": observed(
            lambda seen: math.log((seen.samples.coverage + 1e-3) / seen.samples.data_coverage)
        ),
        "log of the samples' detail over the data's": observed(
            lambda seen: _log(seen.samples.laplacian / seen.reconstructions.laplacian_originals)
        ),
        "posterior variance in the narrowest dimension": observed(_least_variance),
        "entropy of the samples' classes": observed(lambda seen: seen.samples.entropy),
        "share of classes that samples show": observed(lambda seen: seen.samples.classes / seen.samples.all_classes),
        "distance of samples to training over held-out items": observed(lambda seen: seen.samples.nearest_over_held_out),
        "label accuracy of neighbouring means over chance": observed(
            lambda seen: (seen.codes.neighbour_accuracy - seen.codes.chance) / (1 - seen.codes.chance)
        ),
        "log of the codes' variance": observed(lambda seen: _log(seen.codes.mean_variance)),
        "connected parts of the means": observed(lambda seen: float(seen.codes.components)),
        "share of means beside another class": observed(lambda seen: seen.codes.mixed_neighbours),
        "second difference over the mean step": observed(lambda seen: seen.paths.second_difference),
        "mid-path density over the ends'": observed(lambda seen: seen.paths.middle_density / max(seen.paths.ends_density, 1e-3)),
        "mid-path density over the cross-fade's": observed(
            lambda seen: seen.paths.middle_density / max(seen.paths.cross_fade_density, 1e-3)
        ),
        **CURVES,
    }
)
"""All functionals, by their names in reports."""
