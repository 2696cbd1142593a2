"""The feature space in which samples are compared with data: the last hidden layer of a small classifier trained on the same data.

In pixel space any dim smudge is close to everything (as on MNIST); distances between features measure whether images are alike as digits,
garments or other classes. The classifier is trained once for each data set and image size, and cached in the store.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import special

from vae_conformance.data.datasets import Dataset, render
from vae_conformance.experiments.store import Store, content_key, encode
from vae_spec.statistics.samples import Fidelity, fidelity

HIDDEN = (128, 32)
"""Units of the two hidden layers; the second is the feature space."""
TRAINED_ON = 10_000
"""The largest number of training items."""
EPOCHS = 40
ITEMS = 500
"""The number of held-out items, and of samples, that are compared."""

Images = Float[np.ndarray, "items channels height width"]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureSpace:
    """A trained classifier as plain arrays, and held-out items in its features.

    Attributes:
        weights, biases: those of its layers, input first.
        held_out: features of the held-out items, of shape (items, features).
        training: features of as many training items.
    """

    weights: tuple[Values, ...]
    biases: tuple[Values, ...]
    held_out: Values
    training: Values

    def features(self, images: Images) -> Values:
        """Return the last hidden layer's output, of shape (items, 32); colour channels are averaged."""
        return _hidden(self.weights, self.biases, images)

    def probabilities(self, images: Images) -> Values:
        """Return the predicted class probabilities, of shape (items, classes)."""
        scores: Values = self.features(images) @ self.weights[-1] + self.biases[-1]
        return np.asarray(special.softmax(scores, axis=1))

    @cached_property
    def of_data(self) -> Fidelity:
        """Fidelity of the training items against the held-out ones: the reference value for samples."""
        return fidelity(self.held_out, self.training)


def _hidden(weights: tuple[Values, ...], biases: tuple[Values, ...], images: Images) -> Values:
    layer: Values = np.asarray(images, dtype=np.float64).mean(1).reshape(len(images), -1)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        layer = np.maximum(layer @ weight + bias, 0)
    return np.asarray(layer)


def feature_space(data: Dataset, side: tuple[int, int], store: Store) -> FeatureSpace:
    """Return the feature space of a data set at an image size, training it if the store has none."""
    key = content_key(
        {
            "data": data.fingerprint,
            "side": side,
            "hidden": HIDDEN,
            "epochs": EPOCHS,
            "items": TRAINED_ON,
            "version": version("scikit-learn"),
        }
    )
    path = store.folder / f"{key}.features"
    with store.lock(key):
        found = store.read(path, FeatureSpace)
        if found is None:
            found = _train(data, side)
            store.write(path, encode(found))
    return found


def _train(data: Dataset, side: tuple[int, int]) -> FeatureSpace:
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415  exact runs do not need it

    images = render(data.train[:TRAINED_ON], (1, *side), (0.0, 1.0)).double().numpy()
    classifier = MLPClassifier(HIDDEN, batch_size=64, learning_rate_init=1e-3, max_iter=EPOCHS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about convergence, which the features do not need
        classifier.fit(images.reshape(len(images), -1), data.train_labels[: len(images)].numpy())
    weights, biases = tuple(map(np.asarray, classifier.coefs_)), tuple(map(np.asarray, classifier.intercepts_))
    held_out = render(data.test[:ITEMS], (1, *side), (0.0, 1.0)).double().numpy()
    return FeatureSpace(weights, biases, _hidden(weights, biases, held_out), _hidden(weights, biases, images[:ITEMS]))
