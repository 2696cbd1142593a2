"""Sharpness: exact on waves, lowered by every blur, raised by noise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from vae_spec.context import derive_seed
from vae_spec.statistics.sharpness import (
    Images,
    high_frequency_energy,
    high_frequency_radius,
    laplacian_variance,
)

quick = settings(max_examples=40, deadline=None, database=None, derandomize=True)
shapes = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9))
grids = st.tuples(st.integers(2, 4), st.integers(1, 2), st.integers(4, 9), st.integers(4, 9))


def noise(shape: tuple[int, ...], *labels: object) -> Images:
    return np.random.default_rng(derive_seed("sharpness", *labels)).random(shape)


def blurred(images: Images, width: float, mode: str) -> Images:
    return ndimage.gaussian_filter(images, (0, 0, width, width), mode=mode)


@quick
@given(shape=shapes, value=st.floats(0, 1))
def test_constant_images_have_no_detail(shape: tuple[int, ...], value: float) -> None:
    flat = np.full(shape, value)
    for found in (laplacian_variance(flat), high_frequency_energy(flat, 1e-3)):
        assert found.shape == shape[:1]
        assert np.abs(found).max() < 1e-25
    with pytest.raises(ValueError, match="constant"):
        high_frequency_radius(flat)


@pytest.mark.parametrize(("half_waves", "side"), [(1, 8), (3, 8), (7, 8), (5, 28)])
def test_the_laplacian_of_a_wave_is_the_wave_times_its_eigenvalue(half_waves: int, side: int) -> None:
    wave = np.cos(np.pi * half_waves * (np.arange(side) + 0.5) / side)
    images = np.broadcast_to(wave, (1, 1, side, side))
    eigenvalue = 2 - 2 * math.cos(math.pi * half_waves / side)
    assert laplacian_variance(images)[0] == pytest.approx(eigenvalue**2 / 2)
    assert laplacian_variance(images.swapaxes(2, 3))[0] == pytest.approx(eigenvalue**2 / 2)


@pytest.mark.parametrize(("waves", "side"), [(1, 8), (3, 8), (5, 28)])
def test_the_energy_of_a_wave_lies_at_its_radius(waves: int, side: int) -> None:
    wave = 0.5 + np.cos(2 * np.pi * waves * np.arange(side) / side)
    images = np.broadcast_to(wave, (1, 1, side, side))
    assert high_frequency_energy(images, waves / side)[0] == pytest.approx(side * side / 2)
    assert high_frequency_energy(images, waves / side + 1e-6)[0] == pytest.approx(0, abs=1e-20)
    assert high_frequency_radius(images) == pytest.approx(waves / side)


@quick
@given(shape=grids, factor=st.floats(0.1, 10), seed=st.integers(0, 99))
def test_contrast_scales_and_brightness_does_nothing(shape: tuple[int, ...], factor: float, seed: int) -> None:
    images = noise(shape, seed)
    moved = factor * images + 3.0
    assert laplacian_variance(moved) == pytest.approx(factor**2 * laplacian_variance(images))
    assert high_frequency_energy(moved, 0.2) == pytest.approx(factor**2 * high_frequency_energy(images, 0.2))
    assert high_frequency_radius(moved) == high_frequency_radius(images)


@quick
@given(shape=grids, width=st.floats(0.4, 3), seed=st.integers(0, 99))
def test_blur_lowers_both_for_every_image(shape: tuple[int, ...], width: float, seed: int) -> None:
    # Each is lowered by every averaging that treats borders as it does itself.
    images = noise(shape, seed)
    assert (laplacian_variance(blurred(images, width, "reflect")) < laplacian_variance(images)).all()
    radius = high_frequency_radius(images)
    assert (high_frequency_energy(blurred(images, width, "wrap"), radius) < high_frequency_energy(images, radius)).all()


@quick
@given(shape=grids, seed=st.integers(0, 99), share=st.floats(0.01, 1))
def test_the_radius_leaves_the_share_above_it_and_no_ring_more(shape: tuple[int, ...], seed: int, share: float) -> None:
    images = noise(shape, seed)
    radius = high_frequency_radius(images, share)
    total = high_frequency_energy(images, 1e-9).sum()
    assert total == pytest.approx(((images - images.mean((2, 3), keepdims=True)) ** 2).sum())
    assert high_frequency_energy(images, radius).sum() >= share * total * (1 - 1e-9)
    assert high_frequency_energy(images, radius + 1e-9).sum() < share * total


def test_softer_reconstructions_have_less_detail_and_noisy_ones_more() -> None:
    originals = blurred(noise((60, 1, 12, 12), "originals"), 1.0, "reflect")
    soft, noisy = blurred(originals, 0.8, "reflect"), originals + 0.1 * noise(originals.shape, "more")
    radius = high_frequency_radius(originals)
    for measure in (laplacian_variance, lambda images: high_frequency_energy(images, radius)):
        assert measure(soft).mean() < 0.9 * measure(originals).mean()
        assert measure(noisy).mean() > measure(originals).mean()


def test_a_mean_image_has_less_detail_than_any() -> None:
    originals = noise((200, 1, 8, 8), "many")
    mean, radius = originals.mean(0, keepdims=True), high_frequency_radius(originals)
    assert laplacian_variance(mean)[0] < 0.02 * laplacian_variance(originals).mean()
    assert high_frequency_energy(mean, radius)[0] < 0.02 * high_frequency_energy(originals, radius).mean()


def test_each_item_is_measured_alone() -> None:
    images = noise((30, 2, 7, 6), "one")
    order = np.random.default_rng(0).permutation(30)
    assert laplacian_variance(images[order]) == pytest.approx(laplacian_variance(images)[order])
    assert high_frequency_energy(images[order], 0.2) == pytest.approx(high_frequency_energy(images, 0.2)[order])
    assert high_frequency_radius(images[order]) == high_frequency_radius(images)


def test_what_cannot_be_measured_is_said_plainly() -> None:
    images = noise((3, 1, 5, 5), "faults")
    with pytest.raises(ValueError, match=r"shape \(items, channels, height, width\)"):
        laplacian_variance(images[:, 0])
    with pytest.raises(ValueError, match="at least one"):
        laplacian_variance(images[:0])
    with pytest.raises(ValueError, match="1 values that are not finite"):
        high_frequency_energy(np.where(np.arange(75).reshape(3, 1, 5, 5) == 7, np.nan, images), 0.1)
    with pytest.raises(ValueError, match="radius above 0"):
        high_frequency_energy(images, 0.0)
    with pytest.raises(ValueError, match="share"):
        high_frequency_radius(images, 0.0)


def test_single_precision_will_do() -> None:
    images = noise((10, 1, 8, 8), "single")
    assert laplacian_variance(images.astype(np.float32)) == pytest.approx(laplacian_variance(images), rel=1e-5)
    assert high_frequency_energy(images.astype(np.float32), 0.2) == pytest.approx(high_frequency_energy(images, 0.2), rel=1e-5)
