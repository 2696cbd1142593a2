"""Summaries of training curves: one number a run, by a functional fixed in advance."""

from __future__ import annotations

import numpy as np

from vae_spec.evidence import Curve


def start(curve: Curve) -> float:
    """The value before the first update."""
    return float(curve[0])


def end(curve: Curve, share: float = 0.1) -> float:
    """The mean over the last share of the steps."""
    return float(curve[-max(1, int(len(curve) * share)) :].mean())


def drop(curve: Curve) -> float:
    """How far it falls from its start to its end."""
    return start(curve) - end(curve)


def early_share(curve: Curve, share: float = 0.1) -> float:
    """The part of the whole drop that is done after the first share of the steps (a mean over a window of the same width around it)."""
    window = max(1, int(len(curve) * share / 4))
    at = int(len(curve) * share)
    reached = float(curve[max(0, at - window) : at + window].mean())
    whole = drop(curve)
    return (start(curve) - reached) / whole if whole > 0 else float("nan")


def late_change(curve: Curve, share: float = 0.2) -> float:
    """The absolute change from the last but one share of the steps to the last."""
    length = max(1, int(len(curve) * share))
    return float(abs(curve[-length:].mean() - curve[-2 * length : -length].mean()))


def correlation(first: Curve, second: Curve) -> float:
    """Pearson's correlation of two curves over the steps."""
    if first.std() == 0 or second.std() == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
