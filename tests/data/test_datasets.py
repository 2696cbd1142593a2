"""Data sets: a fixed split, any shape and range that an implementation takes, and clear words where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from http.client import IncompleteRead
from pathlib import Path

import pytest
import torch
from torch import Tensor

from vae_conformance.data.datasets import DIGITS_TRAIN, Dataset, clusters, digits, download, load, render
from vae_conformance.errors import Unbound
from vae_conformance.guard.torchvision_operators import import_torchvision

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
    assert data.fingerprint == again.fingerprint
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
    assert other.fingerprint != data.fingerprint


def test_other_classes_of_the_same_images_have_another_fingerprint(data: Dataset) -> None:
    other = Dataset("digits", data.train, data.train_labels.roll(1), data.test, data.test_labels)
    assert other.fingerprint != data.fingerprint


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
    assert load("digits", None).fingerprint == data.fingerprint
    with pytest.raises(Unbound, match="--dataset mnist needs --data-root"):
        load("mnist", None)
    with pytest.raises(Unbound, match="cifar is not a data set to train on") as caught:
        load("cifar", str(tmp_path))
    assert "digits, mnist, fashion-mnist, rows or waves" in caught.value.hint
    with pytest.raises(Unbound, match="clusters is not a data set to train on"):
        load("clusters", None)


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion-mnist", "FashionMNIST")])
def test_a_folder_without_the_data_set(name: str, folder: str, tmp_path: Path) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(Unbound, match=f"{name} does not lie under") as caught:
            load(name, str(root))
        assert str(root) in caught.value.message
        assert f"{folder}/raw" in caught.value.hint
        assert "--download" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


class Torchvision:
    """What torchvision's classes do with the files of a data set, with a network that is there, is not, or breaks off."""

    folder = "MNIST"
    files = ("images", "images.gz", "labels")
    breaks_after: int | None = None
    error: Exception = RuntimeError("Error downloading images:\nTried https://mirror/images, got:\n<urlopen error no route to host>")
    downloads = 0

    def __init__(self, root: str, *, train: bool, download: bool) -> None:
        raw = Path(root) / self.folder / "raw"
        if download:
            type(self).downloads += 1
            raw.mkdir(parents=True)
            sys.stdout.write("Downloading https://mirror/images\n")
            for count, name in enumerate(self.files):
                (raw / name).write_text("whole")
                if count == self.breaks_after:
                    (raw / name).write_text("ha")
                    raise self.error
        if not all((raw / name).is_file() for name in self.files if not name.endswith(".gz")):
            raise RuntimeError("Dataset not found. You can use download=True to download it")
        if (raw / "images").read_text() != "whole":
            raise ValueError("buffer size must be a multiple of element size")
        self.data = torch.full((3 if train else 2, 28, 28), 255, dtype=torch.uint8)
        self.targets = torch.arange(len(self.data))


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> type[Torchvision]:
    """torchvision's MNIST, replaced."""
    made = type("MNIST", (Torchvision,), {})
    monkeypatch.setattr(import_torchvision("torchvision.datasets"), "MNIST", made)
    return made


def test_what_is_not_there_is_downloaded_where_it_was_asked_for(
    network: type[Torchvision], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "some" / "where"
    download("mnist", str(root))
    assert sorted(path.name for path in root.rglob("*")) == ["MNIST", "images", "images.gz", "labels", "raw"]
    assert capsys.readouterr().out == ""
    found = load("mnist", str(root))
    assert (found.train.shape, found.test.shape) == ((3, 1, 28, 28), (2, 1, 28, 28))
    download("mnist", str(root))
    assert network.downloads == 1


def test_nothing_is_downloaded_unless_asked(network: type[Torchvision], tmp_path: Path) -> None:
    with pytest.raises(Unbound, match="mnist does not lie under"):
        load("mnist", str(tmp_path))
    download("digits", None)
    assert network.downloads == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (Torchvision.error, "got: <urlopen error no route to host>"),
        (RuntimeError("File not found or corrupted."), "File not found or corrupted."),
        (OSError(28, "No space left on device"), "No space left on device"),
        (IncompleteRead(b"ha"), "IncompleteRead"),
        (EOFError(), "EOFError"),
    ],
)
@pytest.mark.parametrize("breaks_after", [0, 2])
def test_a_download_that_fails_leaves_nothing_behind(
    network: type[Torchvision], tmp_path: Path, breaks_after: int, error: Exception, said: str
) -> None:
    network.breaks_after, network.error = breaks_after, error
    for root in (tmp_path / "some" / "where", tmp_path):
        with pytest.raises(Unbound, match="mnist could not be downloaded into") as caught:
            download("mnist", str(root))
        assert said in caught.value.message
        assert str(root) in caught.value.message
        assert "\n" not in caught.value.message
        assert "network" in caught.value.hint
        assert list(tmp_path.iterdir()) == []


def test_an_interrupted_download_leaves_nothing_behind(network: type[Torchvision], tmp_path: Path) -> None:
    network.breaks_after, network.error = 1, KeyboardInterrupt()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        download("mnist", str(tmp_path / "new"))
    assert list(tmp_path.iterdir()) == []


def test_a_download_completes_what_lies_there(network: type[Torchvision], tmp_path: Path) -> None:
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    (tmp_path / "MNIST" / "raw" / "labels").write_text("whole")
    (tmp_path / "notes.txt").touch()
    network.breaks_after = 1
    with pytest.raises(Unbound):
        download("mnist", str(tmp_path))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["MNIST", "labels", "notes.txt", "raw"]
    network.breaks_after = None
    download("mnist", str(tmp_path))
    assert len(load("mnist", str(tmp_path)).train) == 3


def test_files_that_cannot_be_read_are_named(network: type[Torchvision], tmp_path: Path) -> None:
    download("mnist", str(tmp_path))
    (tmp_path / "MNIST" / "raw" / "images").write_text("ha")
    for ask in (load, download):
        with pytest.raises(Unbound, match=r"the files of mnist under .* cannot be read: buffer size") as caught:
            ask("mnist", str(tmp_path))
        assert str(tmp_path / "MNIST") in caught.value.hint
    assert network.downloads == 1


def test_a_folder_that_cannot_be_made(network: type[Torchvision], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unbound, match="mnist could not be downloaded into"):
        download("mnist", str(tmp_path / "file"))
    with pytest.raises(Unbound, match="--dataset mnist needs --data-root"):
        download("mnist", None)
    assert network.downloads == 0


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
from vae_conformance.guard.torchvision_operators import import_torchvision
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
    from vae_conformance.guard.torchvision_operators import import_torchvision

    with pytest.raises(ImportError):
        import_torchvision("torchvision.no_such_module")
