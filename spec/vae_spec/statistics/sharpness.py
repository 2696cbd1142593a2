"""Sharpness of images: the variance of the Laplacian and the energy at high spatial frequencies.

Neither is an absolute measure of blur: noise is sharp, and the amount of detail depends on the data. They are meaningful as
ratios, against the originals or another model's images of the same items (Deep Learning Notes 13.4.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import scipy

if TYPE_CHECKING:
    from jaxtyping import Float

HIGH_SHARE = 0.1
"""The share of the originals' power, without the mean of the image, that counts as high frequencies."""
DECIMALS = 9
"""Decimals of a radius: frequencies that differ by less are in one ring."""

Images: TypeAlias = 'Float[np.ndarray, "items channels height width"]'
PerItem: TypeAlias = 'Float[np.ndarray, " items"]'


def _checked(images: Images, what: str = "images") -> Float[np.ndarray, "items channels height width"]:
    checked = np.asarray(images, dtype=np.float64)
    if checked.ndim != 4 or checked.size == 0:
        raise ValueError(f"{what} need the shape (items, channels, height, width) with at least one of each, not {checked.shape}")
    if not np.isfinite(checked).all():
        raise ValueError(f"{what} hold {int((~np.isfinite(checked)).sum())} values that are not finite")
    return checked


def laplacian_variance(images: Images) -> PerItem:
    """Compute the variance over an item's pixels of the discrete Laplacian, the sum of second differences [1, -2, 1] along both axes.

    Borders are mirrored, so that a constant image gives 0. Scales with the square of the contrast (Pech-Pacheco et al. 2000).

    Returns:
        one value per item, of shape (items,).

    Raises:
        ValueError: wrong shape, or values that are not finite.
    """
    checked = _checked(images)
    stencil = np.asarray([1.0, -2.0, 1.0])
    laplacian = sum(scipy.ndimage.correlate1d(checked, stencil, axis=axis, mode="reflect") for axis in (-2, -1))
    return np.asarray(np.var(laplacian, axis=(1, 2, 3)))


def _power(checked: Float[np.ndarray, "items channels height width"]) -> Float[np.ndarray, "items height width"]:
    """Compute |F|^2 of the orthonormal Fourier transform, summed over channels; by Parseval its sum is the sum of squared pixels."""
    return np.asarray(np.square(np.abs(scipy.fft.fft2(checked, axes=(-2, -1), norm="ortho"))).sum(1))


def _radii(height: int, width: int) -> Float[np.ndarray, "height width"]:
    """Compute the distance of each frequency from zero, in cycles per pixel, rounded so that equal ones compare equal."""
    return np.asarray(np.round(np.hypot(scipy.fft.fftfreq(height)[:, None], scipy.fft.fftfreq(width)[None, :]), DECIMALS))


def high_frequency_radius(originals: Images, share: float = HIGH_SHARE) -> float:
    """Find the largest radius, in cycles per pixel, with at least this share of the originals' power, without the mean, at or above it.

    Frequencies of one radius stay together, so on small images the actual share is slightly larger.

    Raises:
        ValueError: wrong shape, values that are not finite, a share outside (0, 1], or originals that are all constant.
    """
    if not 0 < share <= 1:
        raise ValueError(f"the share of high frequencies lies above 0 and at most at 1, not at {share}")
    checked = _checked(originals, "originals")
    # The mean of each image is removed before the transform: afterwards, its rounding error would count as power.
    centred = checked - checked.mean(axis=(-2, -1), keepdims=True)
    power = _power(centred).mean(0)
    radii = _radii(*checked.shape[-2:])
    rings, ring = np.unique(radii, return_inverse=True)
    by_ring = np.bincount(ring.ravel(), power.ravel())
    total = float(by_ring.sum())
    if total <= np.finfo(np.float64).eps * float(np.square(checked).mean(0).sum()):
        raise ValueError("the originals are constant images: they have no frequencies to compare with")
    above = np.cumsum(by_ring[::-1])[::-1]
    # The tolerance lets the smallest share be met at the innermost rings despite rounding in the sum.
    return float(rings[np.nonzero(above >= share * total * (1 - 1e-12))[0][-1]])


def high_frequency_energy(images: Images, radius: float) -> PerItem:
    """Compute the sum of |F|^2 over the frequencies at and above a radius, with F the orthonormal two-dimensional Fourier transform.

    The radius is in cycles per pixel (see `high_frequency_radius`), and images have the shape (items, channels, height, width).

    Returns:
        one value per item, of shape (items,), in squared pixel units.

    Raises:
        ValueError: wrong shape, values that are not finite, or a radius that is not positive.
    """
    if not radius > 0:
        raise ValueError(f"a radius above 0 leaves the mean of the image out; got {radius}")
    checked = _checked(images)
    # Rounded like the radii, so that a radius given as a fraction selects its ring.
    high = _radii(*checked.shape[-2:]) >= round(radius, DECIMALS)
    return np.asarray(_power(checked)[:, high].sum(1))
