"""Summaries of training curves: one number per run, by a functional fixed in advance."""

from __future__ import annotations

import numpy as np

from vae_spec.evidence import Curve


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
