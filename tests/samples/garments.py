"""Drawn garments: images that differ from digits as Fashion-MNIST's do, for thresholds that must not be a property of digits alone.

They are filled shapes rather than strokes, with a wide range of grey, texture and shading, and classes that resemble each other (shirt,
pullover and coat differ in their sleeves and their length). Ten classes at 28 x 28, in [0, 1].

    python tests/samples/garments.py FILE.npz    writes a data set for `vae-conformance run TARGET --data FILE.npz`
"""

from __future__ import annotations

import sys
from pathlib import Path as File

import numpy as np
from matplotlib.path import Path
from numpy.typing import NDArray

SIDE, FINE = 28, 3
"""Pixels along an edge, and sampling points along a pixel's edge, whose share inside the outline is the pixel's coverage."""
TRAIN, TEST = 2000, 500

Points = tuple[tuple[float, float], ...]
Pixels = NDArray[np.float32]


def _mirrored(half: Points) -> Points:
    """Return an outline symmetric about x = 0 from its right half, given from top to bottom."""
    return (*half, *((-x, y) for x, y in reversed(half)))


OUTLINES: tuple[Points, ...] = (
    _mirrored(((0.15, 0.8), (0.35, 0.75), (0.75, 0.35), (0.6, 0.15), (0.4, 0.3), (0.4, -0.75))),  # t-shirt
    _mirrored(((0.35, 0.9), (0.38, 0.4), (0.36, -0.9), (0.12, -0.9), (0.05, 0.3))),  # trousers
    _mirrored(((0.15, 0.75), (0.38, 0.7), (0.8, -0.55), (0.6, -0.65), (0.42, 0.1), (0.42, -0.7))),  # pullover
    _mirrored(((0.12, 0.9), (0.22, 0.85), (0.18, 0.25), (0.42, -0.9))),  # dress
    _mirrored(((0.12, 0.85), (0.4, 0.8), (0.72, -0.75), (0.55, -0.8), (0.45, 0.1), (0.48, -0.9))),  # coat
    ((-0.9, -0.3), (-0.85, -0.15), (-0.2, 0.05), (0.3, 0.35), (0.5, 0.3), (0.35, 0.0), (0.85, -0.2), (0.9, -0.35)),  # sandal
    _mirrored(((0.1, 0.8), (0.36, 0.75), (0.66, -0.1), (0.5, -0.2), (0.36, 0.2), (0.38, -0.85))),  # shirt
    ((-0.9, -0.35), (-0.85, -0.05), (-0.3, 0.1), (0.3, 0.35), (0.8, 0.3), (0.9, -0.1), (0.9, -0.35)),  # sneaker
    ((-0.7, -0.6), (-0.75, 0.2), (-0.35, 0.25), (-0.25, 0.6), (0.25, 0.6), (0.35, 0.25), (0.75, 0.2), (0.7, -0.6)),  # bag
    ((-0.85, -0.65), (-0.8, -0.25), (-0.1, -0.05), (0.1, 0.75), (0.7, 0.7), (0.65, -0.1), (0.75, -0.65)),  # boot
)
"""One outline per class, in a square from -1 to 1 with y upwards."""


def garments(items: int, seed: int) -> tuple[Pixels, NDArray[np.int64]]:
    """Draw images of shape (items, 28, 28) with balanced classes, and return them with the classes."""
    rng = np.random.default_rng(seed)
    classes = rng.permutation(np.arange(items) % len(OUTLINES))
    return np.stack([_drawn(OUTLINES[number], rng) for number in classes]), classes


def _drawn(outline: Points, rng: np.random.Generator) -> Pixels:
    axis = (np.arange(SIDE * FINE) + 0.5) / (SIDE * FINE) * 2 - 1
    x, y = np.meshgrid(axis, -axis)
    corners = np.array(outline) * rng.uniform(0.8, 1.1, 2) + rng.normal(0, 0.03, (len(outline), 2)) + rng.normal(0, 0.03, 2)
    inside = Path(np.vstack([corners, corners[:1]])).contains_points(np.column_stack([x.ravel(), y.ravel()]))
    coverage = inside.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
    x, y = x[FINE // 2 :: FINE, FINE // 2 :: FINE], y[FINE // 2 :: FINE, FINE // 2 :: FINE]
    tone = rng.uniform(0.35, 0.9)
    shading = rng.normal(0, 0.12) * x + rng.normal(0, 0.12) * y - rng.uniform(0, 0.25) * np.abs(x)
    stripes = rng.choice([0.0, 0.12]) * np.sign(np.sin(2 * np.pi * (rng.uniform(2, 4) * (y if rng.random() < 0.5 else x) + rng.random())))
    grain = rng.normal(0, 0.04, coverage.shape)
    return np.clip(coverage * (tone + shading + stripes + grain), 0, 1).astype(np.float32)


def write(path: File) -> None:
    """Write a data set for `--data`."""
    images, classes = garments(TRAIN + TEST, seed=0)
    np.savez(path, train=images[:TRAIN], train_labels=classes[:TRAIN], test=images[TRAIN:], test_labels=classes[TRAIN:])


if __name__ == "__main__":
    write(File(sys.argv[1]))
