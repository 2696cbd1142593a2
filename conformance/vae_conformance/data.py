"""Data sets, held in memory and rendered at the shape and in the range that an implementation takes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from vae_conformance.errors import Unbound

DIGITS_TRAIN = 1297
"""Of scikit-learn's 1797 digits; the other 500 are held out. The split is fixed."""
_TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}


@dataclass(frozen=True)
class Dataset:
    """Images in [0, 1] with their classes, in a fixed split.

    Attributes:
        name: as the command line calls it.
        train, test: images of shape (items, 1, height, width).
        train_labels, test_labels: their classes.
    """

    name: str
    train: Float[Tensor, "train 1 height width"]
    train_labels: Int[Tensor, " train"]
    test: Float[Tensor, "test 1 height width"]
    test_labels: Int[Tensor, " test"]

    def fingerprint(self) -> str:
        """SHA-256 over the images."""
        digest = hashlib.sha256()
        for part in (self.train, self.test):
            digest.update(np.ascontiguousarray(part.numpy()).tobytes())
        return digest.hexdigest()


def digits() -> Dataset:
    """scikit-learn's 8x8 digits, which need no download."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  scikit-learn takes a while to import, and exact runs do not need it

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16.0, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, test = order[:DIGITS_TRAIN], order[DIGITS_TRAIN:]
    return Dataset("digits", images[train], labels[train], images[test], labels[test])


def from_torchvision(name: str, root: Path) -> Dataset:
    """MNIST or Fashion-MNIST as torchvision keeps it under `root`; nothing is downloaded.

    Raises:
        Unbound: it is not there.
    """
    from vae_conformance.torchvision_cpu import import_torchvision  # noqa: PLC0415  slow to import, and seldom needed

    source = getattr(import_torchvision("torchvision.datasets"), _TORCHVISION[name])
    try:
        parts = [source(str(root), train=train, download=False) for train in (True, False)]
    except RuntimeError as error:
        raise Unbound(
            f"{name} does not lie under {root}: {error}",
            f"name the folder that holds {_TORCHVISION[name]}/raw with --data-root; nothing is downloaded by itself",
        ) from error
    images = [part.data.unsqueeze(1).float() / 255 for part in parts]
    labels = [part.targets.long() for part in parts]
    return Dataset(name, images[0], labels[0], images[1], labels[1])


def load(name: str, data_root: str | None) -> Dataset:
    """A data set by its name.

    Raises:
        Unbound: it is not to be had.
    """
    if name == "digits":
        return digits()
    if name in _TORCHVISION:
        if data_root is None:
            raise Unbound(f"--dataset {name} needs --data-root", f"name the folder that holds {_TORCHVISION[name]}/raw")
        return from_torchvision(name, Path(data_root))
    raise Unbound(f"{name} is not a data set of images", "choose digits, mnist or fashion-mnist with --dataset")


def render(images: Float[Tensor, "items 1 height width"], shape: tuple[int, ...], value_range: tuple[float, float]) -> Tensor:
    """The images at an implementation's own shape and range: bilinear to its size, repeated over its channels, flat for a flat input.

    Raises:
        Unbound: a flat shape is neither a square nor three squares.
    """
    channels, height, width = _image_shape(shape)
    if images.shape[2:] != (height, width):
        images = F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)
    low, high = value_range
    return (low + (high - low) * images.expand(-1, channels, -1, -1)).reshape(len(images), *shape).contiguous()


def _image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) == 3:
        return shape[0], shape[1], shape[2]
    if len(shape) == 2:
        return 1, shape[0], shape[1]
    for channels in (1, 3) if len(shape) == 1 else ():
        side = round((shape[0] / channels) ** 0.5)
        if channels * side * side == shape[0]:
            return channels, side, side
    what = f"of {shape[0]} numbers is no square image" if len(shape) == 1 else f"of shape {' x '.join(map(str, shape)) or '()'} is no image"
    raise Unbound(
        f"an input {what}",
        "name its shape with --input-shape, for example --input-shape 1,28,28",
    )


def clusters() -> Float[Tensor, "256 2"]:
    """The 2-D lab's points (VAE Basics 6.6.3): 128 around (1, 0), then 128 around (-1, 0), deviation 0.15, from the global generator."""
    centres = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    return torch.cat([torch.randn(128, 2) * 0.15 + centre for centre in centres])
