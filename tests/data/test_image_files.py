"""People's own images: what an archive may hold, what becomes of it, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from named import named_options

from vae_conformance.config.options import OWN_IMAGES
from vae_conformance.data.datasets import load, own_images, render
from vae_conformance.data.image_files import CLUSTERS, LEAST_HELD_OUT, LEAST_TRAIN, read_images
from vae_conformance.errors import Unbound
from vae_conformance.experiments.plans import image_recipe

RNG = np.random.default_rng(0)
TRAIN = RNG.random((LEAST_TRAIN, 6, 5), dtype=np.float32)
TEST = RNG.random((LEAST_HELD_OUT, 6, 5), dtype=np.float32)
KINDS = RNG.integers(0, 4, LEAST_TRAIN), RNG.integers(0, 4, LEAST_HELD_OUT)


@pytest.fixture
def archive(tmp_path: Path) -> Any:
    def save(**arrays: Any) -> Path:
        path = tmp_path / "mine.npz"
        np.savez(path, **arrays)
        return path

    return save


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (TRAIN, TRAIN[:, None]),
        (TRAIN[:, None], TRAIN[:, None]),
        (TRAIN[..., None], TRAIN[:, None]),
        (TRAIN.astype(np.float64), TRAIN[:, None]),
        (TRAIN.reshape(-1, 30)[:, :25], TRAIN.reshape(-1, 30)[:, :25].reshape(-1, 1, 5, 5)),
        (np.repeat(TRAIN[..., None], 3, axis=3), np.repeat(TRAIN[:, None], 3, axis=1)),
    ],
    ids=["no channels", "channels first", "channels last", "double", "rows", "colours last"],
)
def test_images_are_taken_in_every_usual_shape(archive: Any, values: Any, expected: Any) -> None:
    found = read_images(archive(train=values, test=values[:LEAST_HELD_OUT]))
    np.testing.assert_array_equal(found.train, expected.astype(np.float32))


@pytest.mark.parametrize(
    "given",
    [lambda x: x, lambda x: 2 * x - 1, lambda x: np.round(x * 255).astype(np.uint8), lambda x: x * 255.0],
    ids=["0 to 1", "-1 to 1", "bytes", "0 to 255"],
)
def test_values_come_into_0_to_1(archive: Any, given: Any) -> None:
    found = read_images(archive(x_train=given(TRAIN), x_test=given(TEST)))
    np.testing.assert_allclose(found.test[:, 0], TEST, atol=1 / 255)


def test_images_without_a_split_get_a_fixed_one(archive: Any) -> None:
    path = archive(images=np.concatenate([TRAIN, TEST]), labels=np.concatenate(KINDS))
    one, other = read_images(path), read_images(path)
    assert (len(one.train), len(one.test)) == (LEAST_TRAIN, LEAST_HELD_OUT)
    np.testing.assert_array_equal(one.test, other.test)
    assert one.labels is not None
    whole = {item.tobytes(): kind for item, kind in zip(np.concatenate([TRAIN, TEST]), np.concatenate(KINDS), strict=True)}
    assert [whole[item.tobytes()] for item in one.test] == list(one.labels[1])


def test_a_single_array_is_taken_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.npy"
    np.save(path, np.concatenate([TRAIN, TEST]))
    assert len(read_images(path).test) == LEAST_HELD_OUT


def test_classes_are_counted_from_0_whatever_they_are_called(archive: Any) -> None:
    names = np.array(["cat", "dog", "eel", "fox"])
    found = read_images(archive(train=TRAIN, test=TEST, train_labels=names[KINDS[0]], test_labels=names[KINDS[1]]))
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels[0], KINDS[0])
    np.testing.assert_array_equal(found.labels[1], KINDS[1])


def test_without_labels_clusters_stand_in_for_classes(archive: Any) -> None:
    # images of three clearly different kinds never share a cluster
    kinds = np.arange(LEAST_TRAIN) % 3
    images = np.clip(kinds[:, None, None] * 0.4 + 0.02 * TRAIN, 0, 1)
    found = own_images(archive(train=images, test=images[:LEAST_HELD_OUT]))
    shared = [set(found.train_labels[kinds == one].tolist()) for one in range(3)]
    assert not shared[0] & shared[1]
    assert not shared[1] & shared[2]
    assert len(set.union(*shared)) <= CLUSTERS


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"train": TRAIN}, "holds train but no test"),
        ({"weights": TRAIN}, "holds weights, but neither train and test nor images"),
        ({"train": TRAIN[:10], "test": TEST}, f"holds 10 training images, fewer than {LEAST_TRAIN}"),
        ({"train": TRAIN, "test": TEST[:3]}, f"holds 3 held-out images, fewer than {LEAST_HELD_OUT}"),
        ({"train": TRAIN, "test": TEST[:, :, :4]}, "images of two sizes, 1 x 6 x 5 and 1 x 6 x 4"),
        ({"train": np.round(TRAIN) * 3 - 1.5, "test": TEST}, "holds pixels from -1.5 to 1.5"),
        ({"train": TRAIN * 0, "test": TEST * 0}, "all alike"),
        ({"train": TRAIN * np.nan, "test": TEST}, "not finite"),
        ({"train": TRAIN.reshape(-1, 30), "test": TEST.reshape(-1, 30)}, "of shape 1000 x 30, which are no images"),
        ({"train": TRAIN.astype(str), "test": TEST}, "not as numbers"),
        ({"train": TRAIN, "test": TEST, "train_labels": KINDS[0][:5], "test_labels": KINDS[1]}, "labels of shape (5, 1)"),
        ({"images": TRAIN, "labels": KINDS[1]}, "1000 images but 500 labels"),
        ({"train": TRAIN, "test": TEST, "y_train": np.arange(1000), "y_test": np.arange(500)}, "labels of 1000 classes"),
        ({"train": np.array([object()]), "test": TEST}, "cannot be read"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_in_one_sentence(archive: Any, arrays: dict[str, Any], words: str) -> None:
    with pytest.raises(Unbound) as refused:
        read_images(archive(**arrays))
    assert words in refused.value.message
    assert refused.value.hint


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.npz"
    path.write_bytes(b"no archive")
    for place in (path, tmp_path / "nowhere.npz"):
        with pytest.raises(Unbound, match="cannot be read"):
            read_images(place)


def test_colours_become_grey_for_a_model_that_takes_grey_images(archive: Any) -> None:
    colours = np.stack([TRAIN, TRAIN * 0, TRAIN * 0.5], axis=1)
    data = load(OWN_IMAGES, None, str(archive(train=colours, test=colours[:LEAST_HELD_OUT])))
    np.testing.assert_allclose(render(data.train, (1, 6, 5), (0.0, 1.0))[:, 0].numpy(), TRAIN / 2, atol=1e-6)
    np.testing.assert_allclose(render(data.train, (3, 6, 5), (0.0, 1.0)).numpy(), colours)


def test_few_images_are_trained_as_the_digits_are() -> None:
    few, many = (image_recipe(OWN_IMAGES, 784, 0, items) for items in (2000, 60_000))
    assert (few.steps, few.batch) == (image_recipe("digits", 784, 0).steps, image_recipe("digits", 784, 0).batch)
    assert (many.steps, many.batch) == (image_recipe("mnist", 784, 0).steps, image_recipe("mnist", 784, 0).batch)


def test_the_options_name_the_data_that_is_used() -> None:
    assert named_options("x", data="folder/mine.npz").images == OWN_IMAGES
    assert named_options("x", data="folder/mine.npz").data_name == "mine.npz"
    assert named_options("x").images == named_options("x").data_name == "digits"
