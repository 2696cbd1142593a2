"""The user's own images from a NumPy archive: read without pickles, validated and split, without PyTorch.

The archive holds `train` and `test`, or `images` alone, of which the last five hundred of a fixed shuffle are held out; optionally also
`train_labels` and `test_labels`, or `labels`. The names common in Keras and scikit-learn (`x_train`, `X`, `y`, …) are accepted too.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vae_conformance.errors import Unbound

LEAST_TRAIN, LEAST_HELD_OUT = 1000, 500
"""The fewest items accepted: the margins were calibrated with at least as many, and do not apply to fewer."""
CLUSTERS, COMPONENTS, LOOKED_AT = 10, 32, 10_000
"""Without labels, classes are replaced with k-means clusters of the principal components of at most LOOKED_AT images."""
_TRAIN, _TEST, _ALL = (
    ("train", "x_train", "X_train", "train_images"),
    ("test", "x_test", "X_test", "test_images"),
    ("images", "x", "X", "data"),
)
_TRAIN_LABELS, _TEST_LABELS, _ALL_LABELS = ("train_labels", "y_train"), ("test_labels", "y_test"), ("labels", "y", "target")
_CHANNELS = (1, 3)

Images = NDArray[np.float32]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class OwnImages:
    """Images in [0, 1] in a fixed split.

    Attributes:
        train, test: of shape (items, channels, height, width), with one or three channels.
        labels: the classes 0, 1, … of the training and of the test images; None if the archive has none.
    """

    train: Images
    test: Images
    labels: tuple[Labels, Labels] | None


def read_images(path: Path) -> OwnImages:
    """Read the images of an archive.

    Raises:
        Unbound: it cannot be read or holds nothing to train on.
    """
    arrays = _arrays(path)
    train, test = _one(arrays, _TRAIN), _one(arrays, _TEST)
    if (train is None) != (test is None):
        present, missing = ("train", "test") if test is None else ("test", "train")
        raise _fault(path, f"holds {present} but no {missing}", "save both, or all images as one array called images")
    labels: tuple[NDArray[np.generic] | None, NDArray[np.generic] | None]
    if train is not None and test is not None:
        labels = (_one(arrays, _TRAIN_LABELS), _one(arrays, _TEST_LABELS))
    else:
        train, test, labels = _split(_whole(path, arrays), _one(arrays, _ALL_LABELS), path)
    images = _images(train, path, "train"), _images(test, path, "test")
    if images[0].shape[1:] != images[1].shape[1:]:
        raise _fault(path, f"holds images of two sizes, {_size(images[0])} and {_size(images[1])}", "give both the same shape")
    scaled = _scaled(images, path)
    for part, least, what in zip(scaled, (LEAST_TRAIN, LEAST_HELD_OUT), ("training images", "held-out images"), strict=True):
        if len(part) < least:
            raise _fault(
                path, f"holds {len(part)} {what}, fewer than {least}", "the margins of the claims were calibrated with at least as many"
            )
    return OwnImages(*scaled, _classes(scaled, labels, path))


def _fault(path: Path, what: str, hint: str) -> Unbound:
    return Unbound(f"--data {path} {what}", hint)


def _arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"images": found}
        with found as archive:
            return {name: archive[name] for name in archive}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise _fault(path, f"cannot be read: {reason}", "write it with numpy.savez(FILE, train=…, test=…), of plain numbers") from error


def _one(arrays: Mapping[str, NDArray[np.generic]], names: tuple[str, ...]) -> NDArray[np.generic] | None:
    return next((arrays[name] for name in names if name in arrays), None)


def _whole(path: Path, arrays: Mapping[str, NDArray[np.generic]]) -> NDArray[np.generic]:
    found = _one(arrays, _ALL)
    if found is None:
        raise _fault(path, f"holds {', '.join(sorted(arrays)) or 'nothing'}, but neither train and test nor images", "name its arrays so")
    return found


def _split(
    images: NDArray[np.generic], labels: NDArray[np.generic] | None, path: Path
) -> tuple[NDArray[np.generic], NDArray[np.generic], tuple[NDArray[np.generic] | None, NDArray[np.generic] | None]]:
    if labels is not None and len(labels) != len(images):
        raise _fault(path, f"holds {len(images)} images but {len(labels)} labels", "give each image one label")
    order = np.random.default_rng(0).permutation(len(images))
    train, test = order[:-LEAST_HELD_OUT], order[-LEAST_HELD_OUT:]
    return images[train], images[test], (None, None) if labels is None else (labels[train], labels[test])


def _images(values: NDArray[np.generic], path: Path, name: str) -> Images:
    """Convert images to (items, channels, height, width); channels may be last or absent, and square images may be flat rows."""
    if values.dtype.kind not in "buif":
        raise _fault(path, f"holds {name} as {values.dtype}, not as numbers", "save pixels as whole numbers or floats")
    values = values.astype(np.float32)
    if values.ndim == 2:
        side = round((values.shape[1]) ** 0.5)
        values = values.reshape(len(values), 1, side, side) if side * side == values.shape[1] else values
    elif values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[1] not in _CHANNELS and values.shape[3] in _CHANNELS:
        values = np.moveaxis(values, 3, 1)
    if values.ndim != 4 or values.shape[1] not in _CHANNELS or min(values.shape[2:]) < 4:
        shape = " x ".join(map(str, values.shape))
        raise _fault(
            path,
            f"holds {name} of shape {shape}, which are no images",
            "one or three channels: (items, height, width) or (items, channels, height, width)",
        )
    return np.ascontiguousarray(values)


def _size(images: Images) -> str:
    return " x ".join(map(str, images.shape[1:]))


def _scaled(images: tuple[Images, Images], path: Path) -> tuple[Images, Images]:
    """Scale images to [0, 1] from [0, 1], [-1, 1] or 0 … 255, decided by the extremes of all images together."""
    finite = all(bool(np.isfinite(part).all()) for part in images)
    low, high = (float(min(part.min(initial=np.inf) for part in images)), float(max(part.max(initial=-np.inf) for part in images)))
    if not finite or not low < high:
        raise _fault(
            path, "holds images with values that are not finite" if not finite else "holds images that are all alike", "look at its values"
        )
    if low >= 0 and high <= 1:
        return images
    if low >= -1 and high <= 1:
        return _from(images, -1, 2)
    if low >= 0 and 1 < high <= 255:
        return _from(images, 0, 255)
    raise _fault(
        path,
        f"holds pixels from {low:g} to {high:g}",
        "scale them to 0 … 1, -1 … 1 or 0 … 255; data standardised to mean 0 has no range to judge by",
    )


def _from(images: tuple[Images, Images], low: float, width: float) -> tuple[Images, Images]:
    one, other = (np.asarray((part - np.float32(low)) / np.float32(width), dtype=np.float32) for part in images)
    return one, other


def _classes(
    images: tuple[Images, Images], labels: tuple[NDArray[np.generic] | None, NDArray[np.generic] | None], path: Path
) -> tuple[Labels, Labels] | None:
    """Return the archive's classes as 0, 1, …, or None if it has none or only one."""
    if labels[0] is None or labels[1] is None:
        return None
    flat = tuple(part.reshape(len(part), -1) for part in (labels[0], labels[1]))
    for part, items in zip(flat, images, strict=True):
        if part.shape != (len(items), 1):
            raise _fault(path, f"holds {len(items)} images but labels of shape {part.shape}", "give each image one class")
    names, codes = np.unique(np.concatenate([part[:, 0] for part in flat]), return_inverse=True)
    if len(names) > len(flat[1]) // 5:
        raise _fault(path, f"holds labels of {len(names)} classes", "classes are few; leave labels out that are something else")
    codes = codes.astype(np.int64)
    return (codes[: len(flat[0])], codes[len(flat[0]) :]) if len(names) > 1 else None


def clusters(found: OwnImages) -> tuple[Labels, Labels]:
    """Compute substitutes for missing classes: k-means clusters of the images' principal components."""
    from sklearn.cluster import KMeans  # noqa: PLC0415  slow to import, and only unlabelled data needs it
    from sklearn.decomposition import PCA  # noqa: PLC0415

    rows = [part.reshape(len(part), -1) for part in (found.train, found.test)]
    basis = PCA(min(COMPONENTS, rows[0].shape[1]), random_state=0).fit(rows[0][:LOOKED_AT])
    kinds = KMeans(CLUSTERS, n_init=4, random_state=0).fit(basis.transform(rows[0][:LOOKED_AT]))
    train, test = (np.asarray(kinds.predict(basis.transform(part)), dtype=np.int64) for part in rows)
    return train, test
