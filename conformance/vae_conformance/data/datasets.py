"""Data sets in memory, made at the shape and in the range that an implementation takes."""

from __future__ import annotations

import hashlib
import sys
import zlib
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from vae_conformance.config.options import OWN_IMAGES, RunOptions
from vae_conformance.data.image_files import clusters as clusters_of
from vae_conformance.data.image_files import read_images
from vae_conformance.data.tables import ROWS_TRAIN, WAVES_TRAIN, Form, breast_cancer, formed, rows_of, split, wave_parameters, waves_of
from vae_conformance.errors import Unbound
from vae_spec.calibration import DATASETS
from vae_spec.facts import Facts, InputKind

DIGITS_TRAIN = 1297
"""Number of training items among scikit-learn's 1797 digits; the other 500 are held out. The split is fixed."""
MOST_HELD_OUT = 1000
"""The largest number of held-out items."""
_TORCHVISION = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST"}


@dataclass(frozen=True)
class Dataset:
    """Items with their classes, in a fixed split.

    Attributes:
        name: its name on the command line.
        train, test: images in [0, 1] of shape (items, channels, height, width), with one or three channels; or what rows and series are
            made from (see `vae_conformance.data.tables`).
        train_labels, test_labels: their classes.
        kind: what its items are.
    """

    name: str
    train: Float[Tensor, "train ..."]
    train_labels: Int[Tensor, " train"]
    test: Float[Tensor, "test ..."]
    test_labels: Int[Tensor, " test"]
    kind: InputKind = InputKind.IMAGE

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the items and their classes; cached, because the key of every stored run includes it."""
        digest = hashlib.sha256()
        for part in (self.train, self.test, self.train_labels, self.test_labels):
            digest.update(np.ascontiguousarray(part.numpy()).data)
        return digest.hexdigest()


def digits() -> Dataset:
    """Load scikit-learn's 8x8 digits, which need no download."""
    from sklearn.datasets import load_digits  # noqa: PLC0415  scikit-learn takes a while to import, and exact runs do not need it

    bunch = load_digits()
    images = torch.tensor(bunch.images / 16.0, dtype=torch.float32).unsqueeze(1)
    labels = torch.tensor(bunch.target, dtype=torch.int64)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, test = order[:DIGITS_TRAIN], order[DIGITS_TRAIN:]
    return Dataset("digits", images[train], labels[train], images[test], labels[test])


def rows() -> Dataset:
    """Load the 569 rows of scikit-learn's breast cancer data, of 30 columns, which need no download."""
    return _table("rows", *breast_cancer(), ROWS_TRAIN, InputKind.ROW)


def waves() -> Dataset:
    """Draw the parameters of the series, sums of two sinusoids (see `vae_conformance.data.tables`)."""
    return _table("waves", *wave_parameters(), WAVES_TRAIN, InputKind.SERIES)


def _table(name: str, values: NDArray[np.float64], labels: NDArray[np.int64], train: int, kind: InputKind) -> Dataset:
    items, classes = torch.from_numpy(values), torch.from_numpy(labels)
    return Dataset(name, items[:train], classes[:train], items[train:], classes[train:], kind)


def from_torchvision(name: str, root: Path) -> Dataset:
    """Load MNIST or Fashion-MNIST from torchvision's files under `root`; nothing is downloaded.

    Raises:
        Unbound: the files do not exist or cannot be read.
    """
    parts = _parts(name, root)
    if parts is None:
        raise Unbound(
            f"{name} does not lie under {root}",
            f"name the folder that holds {_TORCHVISION[name]}/raw with --data-root, or let it be downloaded with --download",
        )
    images = [part.data.unsqueeze(1).float() / 255 for part in parts]
    labels = [part.targets.long() for part in parts]
    return Dataset(name, images[0], labels[0], images[1], labels[1])


def download(name: str, data_root: str | None) -> None:
    """Download a data set into `data_root` with torchvision unless it is already there; the digits need no download.

    Files are downloaded into a temporary folder and moved one by one once the download is complete. A failed or
    interrupted download leaves nothing behind, and two concurrent runs do not interfere.

    Raises:
        Unbound: no folder is given, existing files cannot be read, or the download fails.
    """
    if name in _TORCHVISION:
        root = _root(name, data_root)
        if _parts(name, root) is None:
            _download(name, root)


def _parts(name: str, root: Path) -> list[Any] | None:
    """Load the training set and the test set with torchvision, or return None if they do not exist."""
    source = _torchvision_class(name)
    try:
        return [source(str(root), train=train, download=False) for train in (True, False)]
    except RuntimeError:
        return None
    except (OSError, EOFError, ValueError, AssertionError) as error:
        raise Unbound(
            f"the files of {name} under {root} cannot be read: {_one_line(error)}",
            f"remove {root / _TORCHVISION[name]}; --download fetches it anew",
        ) from error


def _download(name: str, root: Path) -> None:
    source = _torchvision_class(name)
    made = [folder for folder in (root, *root.parents) if not folder.exists()]
    try:
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".download-", dir=root) as aside:
            # torchvision prints its sources to standard output, which is reserved for the report.
            with redirect_stdout(sys.stderr):
                source(aside, train=True, download=True)
            for file in [path for path in Path(aside).rglob("*") if path.is_file()]:
                destination = root / file.relative_to(aside)
                destination.parent.mkdir(parents=True, exist_ok=True)
                file.replace(destination)
    except (RuntimeError, OSError, EOFError, HTTPException, zlib.error) as error:
        raise Unbound(
            f"{name} could not be downloaded into {root}: {_one_line(error)}",
            f"see whether the network and the folder can be reached, or put the files into {root / _TORCHVISION[name] / 'raw'} by hand",
        ) from error
    finally:
        for folder in made:
            with suppress(OSError):  # missing, or not empty because it holds the data set
                folder.rmdir()


def _torchvision_class(name: str) -> Callable[..., Any]:
    from vae_conformance.guard.torchvision_operators import import_torchvision  # noqa: PLC0415  slow to import, and rarely needed

    found: Callable[..., Any] = getattr(import_torchvision("torchvision.datasets"), _TORCHVISION[name])
    return found


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _root(name: str, data_root: str | None) -> Path:
    if data_root is None:
        raise Unbound(f"--dataset {name} needs --data-root", f"name the folder that holds {_TORCHVISION[name]}/raw")
    return Path(data_root)


def own_images(path: Path) -> Dataset:
    """Load the user's own images (see `vae_conformance.data.image_files`).

    Raises:
        Unbound: the archive cannot be read or holds nothing to train on.
    """
    found = read_images(path)
    train, test = found.labels or clusters_of(found)
    first, second, third, fourth = map(torch.from_numpy, (found.train, train, found.test, test))
    return Dataset(OWN_IMAGES, first, second, third, fourth)


def load(name: str, data_root: str | None, data: str | None = None) -> Dataset:
    """Load a data set by its name; `OWN_IMAGES` is the archive `data`.

    Raises:
        Unbound: there is no such data set, or it cannot be loaded.
    """
    if name in EMBEDDED:
        return EMBEDDED[name]()
    if name == OWN_IMAGES and data is not None:
        return own_images(Path(data))
    if name in _TORCHVISION:
        return from_torchvision(name, _root(name, data_root))
    raise Unbound(f"{name} is not a data set to train on", "choose digits, mnist, fashion-mnist, rows or waves with --dataset")


EMBEDDED: Mapping[str, Callable[[], Dataset]] = MappingProxyType({"digits": digits, "rows": rows, "waves": waves})
"""The data sets that need no download."""


def data_for(facts: Facts, options: RunOptions) -> str:
    """Return the name of the data that a subject is trained on: rows and series are the embedded ones, images those of the options."""
    return options.images if facts.is_image else DATASETS.get(facts.kind, options.images)


def data_name(facts: Facts, options: RunOptions) -> str:
    """Return the name of these data in reports."""
    return options.data_name if (chosen := data_for(facts, options)) == options.images else chosen


def items_for(data: Dataset, shape: tuple[int, ...], limits: tuple[float, float], form: Form = Form.SCALED) -> tuple[Tensor, Tensor]:
    """Return the training items and at most a thousand held-out ones as an implementation takes them.

    `limits` is its range; `form` concerns rows and series.

    Raises:
        Unbound: the shape does not fit the data.
    """
    if data.kind is InputKind.IMAGE:
        return render(data.train, shape, limits), render(data.test[:MOST_HELD_OUT], shape, limits)
    made, axes = (rows_of, 1) if data.kind is InputKind.ROW else (waves_of, 2)
    if len(shape) != axes:
        raise Unbound(
            f"{data.name} are no data for an input of shape {' x '.join(map(str, shape))}",
            "leave --dataset out, or name the shape of one item with --input-shape",
        )
    train = len(data.train)
    return split(formed(made(torch.cat([data.train, data.test]), shape, train), form, limits, train), train)


def render(images: Float[Tensor, "items some_channels height width"], shape: tuple[int, ...], value_range: tuple[float, float]) -> Tensor:
    """Render images at an implementation's shape and range, of shape (items, *shape): resized bilinearly, flattened for a flat input.

    Grey images are repeated over the channels; colour images are averaged to grey if the number of channels differs.

    Raises:
        Unbound: a flat shape is neither one square image nor three square channels.
    """
    channels, height, width = image_shape(shape)
    if images.shape[2:] != (height, width):
        images = F.interpolate(images, size=(height, width), mode="bilinear", align_corners=False)
    if images.shape[1] not in (1, channels):
        images = images.mean(1, keepdim=True)
    low, high = value_range
    return (low + (high - low) * images.expand(-1, channels, -1, -1)).reshape(len(images), *shape).contiguous()


def image_shape(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return channels, height and width of an implementation's input; a flat one is read as one or three square channels.

    Raises:
        Unbound: the shape is not that of an image.
    """
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
    """Draw the 2-D lab's points (VAE Basics 6.6.3) from the global generator: 128 around (1, 0), then 128 around (-1, 0), std 0.15."""
    centres = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    return torch.cat([torch.randn(128, 2) * 0.15 + centre for centre in centres])
