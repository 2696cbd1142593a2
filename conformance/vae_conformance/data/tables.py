"""Rows and series: standardised columns of scikit-learn's breast cancer data, and sums of two sinusoids, at the size that is asked for.

Both are kept in a form without a size, from which items of any size are made: rows of another number of columns by a fixed rule, and series
of any length and number of channels from the parameters of their sinusoids.
"""

from __future__ import annotations

import math
from enum import Enum

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from vae_spec.facts import series_axes

ROWS_TRAIN = 369
"""Number of training items among the 569; the other 200 are held out. The split is fixed."""
WAVES_TRAIN, WAVES_HELD_OUT = 1500, 500
BANDS = ((0.5, 0.8), (1.1, 1.4), (1.7, 2.0))
"""Cycles of the slow sinusoid over a series; the band is the series' class."""
FAST = (2.0, 3.0)
"""Cycles of the fast one."""
SLOW_AMPLITUDE, FAST_AMPLITUDE = (0.7, 1.3), (0.2, 0.6)
NOISE = 0.05
"""Standard deviation of the noise added to each entry, before the series are standardised."""
REACH = 3.0
"""Standard deviations that are mapped to the ends of a range; entries beyond are clipped."""

Values = NDArray[np.float64]


class Form(Enum):
    """How standardised values are given to an implementation.

    `STANDARDISED` leaves them as they are, for an output that is not bounded. `SCALED` maps three standard deviations to the ends of the
    implementation's range. `BINARY` says whether a value is above its median, for a Bernoulli likelihood: grey values of so little variance
    would carry nothing.
    """

    STANDARDISED = "standardised"
    SCALED = "scaled"
    BINARY = "binary"


def breast_cancer() -> tuple[Values, NDArray[np.int64]]:
    """Load scikit-learn's 569 rows of 30 columns and their two classes, training items first; they need no download."""
    from sklearn.datasets import load_breast_cancer  # noqa: PLC0415  scikit-learn takes a while to import, and exact runs do not need it

    bunch = load_breast_cancer()
    order = np.random.default_rng(0).permutation(len(bunch.data))
    return np.asarray(bunch.data, dtype=np.float64)[order], np.asarray(bunch.target, dtype=np.int64)[order]


def wave_parameters() -> tuple[Values, NDArray[np.int64]]:
    """Draw frequency, amplitude and phase of the slow and of the fast sinusoid of each series, of shape (items, 6), and their classes."""
    generator = np.random.default_rng(0)
    items = WAVES_TRAIN + WAVES_HELD_OUT
    labels = generator.integers(len(BANDS), size=items)
    low, high = np.array(BANDS)[labels].T
    phases = generator.uniform(0, 2 * math.pi, (2, items))
    slow = (generator.uniform(low, high), generator.uniform(*SLOW_AMPLITUDE, items), phases[0])
    fast = (generator.uniform(*FAST, items), generator.uniform(*FAST_AMPLITUDE, items), phases[1])
    return np.column_stack([*slow, *fast]), labels


def columns(rows: Float[np.ndarray, "items given"], count: int, train: int) -> Float[np.ndarray, "items count"]:
    """Return standardised rows of `count` columns; means and standard deviations are those of the first `train` items.

    Fewer columns are the first ones. More are the given ones and, behind them, sums of them all with fixed random signs and weights.
    """
    values = _standardised(rows, train)
    more = count - values.shape[1]
    if more > 0:
        mixing = np.random.default_rng(0).standard_normal((values.shape[1], more))
        values = np.column_stack([values, _standardised(values @ mixing, train)])
    return values[:, :count]


def series(parameters: Float[np.ndarray, "items 6"], length: int, channels: int, train: int) -> Float[np.ndarray, "items length channels"]:
    """Return the sums of sinusoids with a little noise, divided by the standard deviation of all entries of the first `train` items.

    A further channel has the same sinusoids, the slow one a quarter of a cycle later and the fast one an eighth.
    """
    time = np.arange(length)[None, :, None] / length
    channel = np.arange(channels)[None, None, :]
    slow_rate, slow, slow_phase, fast_rate, fast, fast_phase = (column[:, None, None] for column in parameters.T)
    values = slow * np.sin(2 * math.pi * slow_rate * time + slow_phase + math.pi / 2 * channel)
    values = values + fast * np.sin(2 * math.pi * fast_rate * time + fast_phase + math.pi / 4 * channel)
    values += NOISE * np.random.default_rng(1).standard_normal(values.shape)
    return np.asarray(values / values[:train].std())


def _standardised(values: Values, train: int) -> Values:
    return np.asarray((values - values[:train].mean(0)) / values[:train].std(0))


def formed(values: Values, form: Form, limits: tuple[float, float], train: int) -> Values:
    """Return standardised values in a form, the range of `limits` for all but the standardised one."""
    low, high = limits
    if form is Form.STANDARDISED:
        return values
    if form is Form.BINARY:
        return np.where(values > np.median(values[:train], axis=0), high, low)
    return low + (high - low) * np.clip((values + REACH) / (2 * REACH), 0, 1)


def rows_of(stored: Tensor, shape: tuple[int, ...], train: int) -> Values:
    """Make rows of an implementation's shape (columns,)."""
    return columns(stored.double().numpy(), shape[0], train)


def waves_of(stored: Tensor, shape: tuple[int, ...], train: int) -> Values:
    """Make series of an implementation's shape: the longer axis is time, the other one has the channels."""
    time, channel = series_axes(shape)
    made = series(stored.double().numpy(), shape[time], shape[channel], train)
    return made if time < channel else np.swapaxes(made, 1, 2)


def as_series(values: Values, shape: tuple[int, ...]) -> Float[np.ndarray, "items length channels"]:
    """Return items of an implementation's shape with time first."""
    time, channel = series_axes(shape)
    return values if time < channel else np.swapaxes(values, 1, 2)


def split(values: Values, train: int) -> tuple[Tensor, Tensor]:
    """Return the training and the held-out items as the tensors that an implementation takes."""
    tensors = torch.tensor(values, dtype=torch.float32)
    return tensors[:train].contiguous(), tensors[train:].contiguous()
