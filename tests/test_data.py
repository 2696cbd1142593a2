"""Data sets: a fixed split, any shape and range that an implementation takes, and clear words where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vae_conformance.data import DIGITS_TRAIN, Dataset, clusters, digits, load, render
from vae_conformance.errors import Unbound

MNIST = os.environ.get("VAE_CONFORMANCE_MNIST")


@pytest.fixture(scope="module")
def data() -> Dataset:
    return digits()


def rows(images: Tensor) -> set[bytes]:
    return {image.numpy().tobytes() for image in images}


def test_the_split_of_the_digits_is_fixed(data: Dataset) -> None:
    torch.manual_seed(1)
    again = digits()
    assert torch.equal(data.train, again.train)
    assert torch.equal(data.test_labels, again.test_labels)
    assert data.fingerprint() == again.fingerprint()
    assert (len(data.train), len(data.test)) == (DIGITS_TRAIN, 500) == (len(data.train_labels), len(data.test_labels))


def test_the_split_is_disjoint_and_complete(data: Dataset) -> None:
    from sklearn.datasets import load_digits

    everything = torch.tensor(load_digits().images / 16.0, dtype=torch.float32)
    train, test = rows(data.train), rows(data.test)
    assert not train & test
    assert train | test == rows(everything)


def test_the_digits_are_images_in_the_unit_interval(data: Dataset) -> None:
    assert data.train.shape == (DIGITS_TRAIN, 1, 8, 8)
    assert data.train.dtype == torch.float32
    assert (float(data.train.min()), float(data.train.max())) == (0.0, 1.0)
    assert set(data.train_labels.tolist()) == set(data.test_labels.tolist()) == set(range(10))


def test_splitting_touches_no_random_state() -> None:
    before = torch.get_rng_state()
    digits()
    assert torch.equal(torch.get_rng_state(), before)


def test_other_images_have_another_fingerprint(data: Dataset) -> None:
    changed = data.train.clone()
    changed[3, 0, 2, 2] += 1 / 16
    other = Dataset("digits", changed, data.train_labels, data.test, data.test_labels)
    assert other.fingerprint() != data.fingerprint()


@pytest.mark.parametrize(
    "shape",
    [
        (1, 8, 8),
        (8, 8),
        (64,),
        (1, 28, 28),
        (28, 28),
        (784,),
        (3, 32, 32),
        (3072,),
        (192,),
        (2, 5, 9),
        (1, 64, 64),
        (1,),
    ],
    ids=str,
)
@pytest.mark.parametrize("limits", [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)], ids=str)
def test_images_at_any_shape_and_range(data: Dataset, shape: tuple[int, ...], limits: tuple[float, float]) -> None:
    images = render(data.train[:20], shape, limits)
    assert images.shape == (20, *shape)
    assert images.is_contiguous()
    assert float(images.min()) >= limits[0]
    assert float(images.max()) <= limits[1]


def test_their_own_size_is_left_as_it_is(data: Dataset) -> None:
    assert torch.equal(render(data.test, (1, 8, 8), (0.0, 1.0)), data.test)
    assert torch.equal(render(data.test, (64,), (0.0, 1.0)), data.test.flatten(1))


def test_the_range_is_stretched_linearly(data: Dataset) -> None:
    plain, stretched = (render(data.test, (1, 16, 16), limits) for limits in ((0.0, 1.0), (-2.0, 4.0)))
    torch.testing.assert_close(stretched, 6 * plain - 2)


def test_colours_are_the_grey_levels_repeated(data: Dataset) -> None:
    images = render(data.test[:10], (3, 16, 16), (0.0, 1.0))
    assert torch.equal(images[:, 0], images[:, 1])
    assert torch.equal(images[:, 0], images[:, 2])
    assert torch.equal(render(data.test[:10], (768,), (0.0, 1.0)), images.flatten(1))


def test_larger_images_keep_their_content(data: Dataset) -> None:
    large = render(data.test, (1, 32, 32), (0.0, 1.0))
    back = torch.nn.functional.avg_pool2d(large, 4)
    assert float((back - data.test).square().mean()) < 0.1 * float(data.test.var())


@pytest.mark.parametrize("entries", [2, 5, 63, 785, 1000])
def test_flat_shapes_that_are_no_image(data: Dataset, entries: int) -> None:
    with pytest.raises(Unbound, match=f"an input of {entries} numbers is no square image") as caught:
        render(data.test, (entries,), (0.0, 1.0))
    assert "--input-shape" in caught.value.hint


@pytest.mark.parametrize("shape", [(1, 1, 8, 8), (1, 2, 3, 4), ()], ids=str)
def test_shapes_of_no_image_at_all(data: Dataset, shape: tuple[int, ...]) -> None:
    with pytest.raises(Unbound):
        render(data.test, shape, (0.0, 1.0))


def test_data_sets_by_name(tmp_path: Path, data: Dataset) -> None:
    assert load("digits", None).fingerprint() == data.fingerprint()
    with pytest.raises(Unbound, match="--dataset mnist needs --data-root"):
        load("mnist", None)
    with pytest.raises(Unbound, match="cifar is not a data set of images") as caught:
        load("cifar", str(tmp_path))
    assert "digits, mnist or fashion-mnist" in caught.value.hint
    with pytest.raises(Unbound, match="clusters is not a data set of images"):
        load("clusters", None)


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_a_folder_without_the_data_set(name: str, folder: str, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Unbound, match=f"{name} does not lie under") as caught:
            load(name, str(root))
        assert str(root) in caught.value.message
        assert f"{folder}/raw" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(MNIST is None, reason="the variable VAE_CONFORMANCE_MNIST names no folder that holds MNIST/raw")
def test_mnist_from_its_folder() -> None:
    mnist = load("mnist", MNIST)
    assert mnist.train.shape == (60000, 1, 28, 28)
    assert mnist.test.shape == (10000, 1, 28, 28)
    assert (float(mnist.train.min()), float(mnist.train.max())) == (0.0, 1.0)
    assert torch.bincount(mnist.test_labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_the_labs_points() -> None:
    torch.manual_seed(0)
    points = clusters()
    assert points.shape == (256, 2)
    centres = torch.stack([points[:128].mean(0), points[128:].mean(0)])
    torch.testing.assert_close(centres, torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), rtol=0, atol=0.06)
    assert float(points[:128].std(0).mean()) == pytest.approx(0.15, rel=0.15)


TORCHVISION = """
from vae_conformance.torchvision_cpu import import_torchvision
datasets = import_torchvision("torchvision.datasets")
assert datasets.MNIST.__name__ == "MNIST"
assert import_torchvision("torchvision.datasets") is datasets
import torch
from torchvision.utils import make_grid
from torchvision.transforms import functional
assert make_grid(torch.rand(4, 1, 8, 8)).shape[0] == 3
assert functional.hflip(torch.arange(4.0).view(1, 2, 2)).flatten().tolist() == [1.0, 0.0, 3.0, 2.0]
print("imported")
"""


def test_torchvision_is_imported_in_a_process_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", TORCHVISION], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "imported\n"), done.stderr


def test_a_module_that_torchvision_does_not_have() -> None:
    from vae_conformance.torchvision_cpu import import_torchvision

    with pytest.raises(ImportError):
        import_torchvision("torchvision.no_such_module")
