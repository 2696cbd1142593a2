"""What is seen of a trained subject: the feature space, what samples are worth in it, and the reference's registered trainings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from binding_samples import Native, bound

from vae_conformance.data.datasets import digits
from vae_conformance.data.tables import Form
from vae_conformance.errors import Unbound
from vae_conformance.experiments import features as features_module
from vae_conformance.experiments.features import FeatureSpace, feature_space
from vae_conformance.experiments.observe_images import ImageContext, RunawayError, image_context, observe_images, prior_samples
from vae_conformance.experiments.reference_systems import run_system
from vae_conformance.experiments.store import Store
from vae_spec.evidence import Recipe
from vae_spec.subject import SubjectFault

SIDE = (8, 8)
RECIPE = Recipe("digits", 4, 32, 1e-3)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def space(store: Store) -> FeatureSpace:
    return feature_space(digits(), SIDE, store)


@pytest.fixture(scope="module")
def context(space: FeatureSpace) -> ImageContext:
    return image_context(digits(), space, replace(bound(Native).facts, input_shape=(1, *SIDE)))


def test_the_feature_space_knows_the_classes(space: FeatureSpace) -> None:
    data = digits()
    images = data.test[:500].double().numpy()
    probabilities = space.probabilities(images)
    assert probabilities.shape == (500, 10)
    np.testing.assert_allclose(probabilities.sum(1), 1)
    assert (probabilities.argmax(1) == data.test_labels[:500].numpy()).mean() > 0.9
    np.testing.assert_array_equal(space.features(images), space.held_out)
    assert space.of_data.coverage > 0.9
    assert space.of_data.density == pytest.approx(1, abs=0.2)


def test_colours_count_with_their_mean(space: FeatureSpace) -> None:
    grey = digits().test[:20].double().numpy()
    np.testing.assert_allclose(space.features(np.repeat(grey, 3, axis=1)), space.features(grey), atol=1e-12)


def test_the_feature_space_is_trained_once_and_a_damaged_one_again(
    space: FeatureSpace, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[int, int]] = []

    def train(_data: object, side: tuple[int, int], _form: Form) -> FeatureSpace:
        trained.append(side)
        return space

    monkeypatch.setattr(features_module, "_train", train)
    again = feature_space(digits(), SIDE, store)
    assert trained == []
    np.testing.assert_array_equal(again.held_out, space.held_out)
    (path,) = store.folder.glob("*.features")
    path.write_bytes(path.read_bytes()[:-9])
    feature_space(digits(), SIDE, store)
    feature_space(digits(), SIDE, store)
    assert trained == [SIDE]


def test_the_largest_variance_is_that_of_the_first_principal_component(context: ImageContext) -> None:
    covariance = np.cov(context.train.flatten(1).double().numpy().T)
    assert context.largest_variance == pytest.approx(np.linalg.eigvalsh(covariance)[-1], rel=1e-6)


def test_training_items_as_samples_are_plausible_and_copies(context: ImageContext) -> None:
    found = prior_samples(context.data.train[500:1000].double().numpy(), context)
    assert found.coverage / found.data_coverage == pytest.approx(1, abs=0.1)
    assert found.entropy > 0.95
    assert found.classes == found.all_classes == 10
    assert found.nearest_over_held_out == 0


def test_held_out_items_as_samples_are_no_copies(context: ImageContext) -> None:
    found = prior_samples(context.data.test[500:].double().numpy() if len(context.data.test) > 500 else context.originals, context)
    assert found.nearest_over_held_out > 1


def test_one_image_again_and_again_covers_next_to_nothing(context: ImageContext) -> None:
    found = prior_samples(np.repeat(context.originals.mean(0, keepdims=True), 500, axis=0), context)
    assert found.coverage < 0.1
    assert found.entropy == 0
    assert found.classes == 1


def test_images_are_seen_between_0_and_1_whatever_the_range(context: ImageContext) -> None:
    of_colours = replace(context, facts=replace(context.facts, input_range=(-1.0, 1.0), input_shape=(3, 4, 4)))
    x = torch.linspace(-1, 1, 96).reshape(2, 3, 4, 4)
    images = of_colours.measured(x)
    assert images.shape == (2, 3, 4, 4)
    assert (images.min(), images.max()) == (0, 1)
    flat = replace(context, facts=replace(of_colours.facts, input_shape=(48,)))
    np.testing.assert_array_equal(flat.measured(x.flatten(1)), images)


def test_what_is_not_finite_is_the_implementations_fault(space: FeatureSpace) -> None:
    class Broken(Native):
        def decode(self, z: torch.Tensor) -> torch.Tensor:
            return super().decode(z) * float("inf")

    subject = bound(Broken)
    with pytest.raises(SubjectFault, match="not finite"):
        observe_images(subject, image_context(digits(), space, subject.facts), noise=True)


def test_the_gan_is_trained_and_measured(context: ImageContext) -> None:
    said: list[int] = []
    run = run_system(("gan", ""), RECIPE, context, lambda step, _steps: said.append(step))
    assert len(run.total) == 4
    assert set(run.notes) == {"coverage", "density", "entropy of classes", "sharpness over the originals'"}
    assert said == [0, 4]


def test_the_strong_decoder_is_trained_and_measured(context: ImageContext) -> None:
    run = run_system(("collapse", "free bits"), RECIPE, context, lambda *_: None)
    assert run.kl.shape == (4,)
    assert run.notes["saturation"] == pytest.approx(np.log(500))
    assert 0 <= run.notes["active units"] <= 16
    assert np.isfinite(list(run.notes.values())).all()


def test_an_unknown_system_is_unbound(context: ImageContext) -> None:
    with pytest.raises(Unbound, match="no system 'flow'"):
        run_system(("flow", ""), RECIPE, context, lambda *_: None)


def test_codes_that_ran_away_are_not_looked_at(space: FeatureSpace) -> None:
    class Runaway(Native):
        def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            mu, logvar = super().encode(x)
            return mu, logvar + 1000

    subject = bound(Runaway)
    with pytest.raises(RunawayError):
        observe_images(subject, image_context(digits(), space, subject.facts), noise=True)
