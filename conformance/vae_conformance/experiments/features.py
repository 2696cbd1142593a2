"""The feature space in which samples are compared with data: the last hidden layer of a small classifier trained on the same data.

In pixel space any dim smudge is close to everything (as on MNIST); distances between features measure whether images are alike as digits,
garments or other classes. The classifier is trained once for each data set and image size, and cached in the store. Rows and
series are compared by their own standardised entries; of them the classifier only tells classes.
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

from vae_conformance.data.datasets import Dataset, items_for
from vae_conformance.data.tables import Form, as_series
from vae_conformance.experiments.store import Store, content_key, encode
from vae_spec.facts import InputKind
from vae_spec.statistics.samples import Fidelity, fidelity

HIDDEN = (128, 32)
"""Units of the two hidden layers; the second is the feature space."""
TRAINED_ON = 10_000
"""The largest number of training items."""
EPOCHS = 40
ITEMS = 500
"""The number of held-out items, and of samples, that are compared."""

Items = Float[np.ndarray, "items ..."]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureSpace:
    """A trained classifier as plain arrays, and held-out items in its features.

    Attributes:
        weights, biases: those of its layers, input first.
        held_out: features of the held-out items, of shape (items, features).
        training: features of as many training items.
        plain: whether an item's features are its own entries, as for standardised rows and series.
    """

    weights: tuple[Values, ...]
    biases: tuple[Values, ...]
    held_out: Values
    training: Values
    plain: bool = False

    def features(self, items: Items) -> Values:
        """Return the last hidden layer's output, of shape (items, 32), or an item's entries; colour channels are averaged."""
        return _flat(items) if self.plain else _hidden(self.weights, self.biases, items)

    def probabilities(self, items: Items) -> Values:
        """Return the predicted class probabilities, of shape (items, classes)."""
        scores: Values = _hidden(self.weights, self.biases, items) @ self.weights[-1] + self.biases[-1]
        if scores.shape[1] == 1:  # of two classes, the classifier gives the logit of the second
            scores = np.column_stack([np.zeros(len(scores)), scores])
        return np.asarray(special.softmax(scores, axis=1))

    @cached_property
    def of_data(self) -> Fidelity:
        """Fidelity of the training items against the held-out ones: the reference value for samples."""
        return fidelity(self.held_out, self.training)


def _flat(items: Items) -> Values:
    """Return items as vectors, of shape (items, entries); colour channels are averaged."""
    values = np.asarray(items, dtype=np.float64)
    return np.asarray((values.mean(1) if values.ndim == 4 else values).reshape(len(values), -1))


def _hidden(weights: tuple[Values, ...], biases: tuple[Values, ...], items: Items) -> Values:
    layer = _flat(items)
    for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
        layer = np.maximum(layer @ weight + bias, 0)
    return np.asarray(layer)


def feature_space(data: Dataset, shape: tuple[int, ...], store: Store, form: Form = Form.SCALED) -> FeatureSpace:
    """Return the feature space of a data set at a shape of items, and in a form of rows or series; train it if the store has none."""
    key = content_key(
        {
            "data": data.fingerprint,
            "shape": shape,
            "form": form.value,
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
            found = _train(data, shape, form)
            store.write(path, encode(found))
    return found


def _train(data: Dataset, shape: tuple[int, ...], form: Form) -> FeatureSpace:
    from sklearn.neural_network import MLPClassifier  # noqa: PLC0415  exact runs do not need it

    train, test = (values.double().numpy() for values in items_for(data, shape, (0.0, 1.0), form))
    train, test = train[:TRAINED_ON], test[:ITEMS]
    if data.kind is InputKind.SERIES:
        train, test = as_series(train, shape), as_series(test, shape)
    classifier = MLPClassifier(HIDDEN, batch_size=64, learning_rate_init=1e-3, max_iter=EPOCHS, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about convergence, which the features do not need
        classifier.fit(_flat(train), data.train_labels[: len(train)].numpy())
    weights, biases = tuple(map(np.asarray, classifier.coefs_)), tuple(map(np.asarray, classifier.intercepts_))
    plain = data.kind is not InputKind.IMAGE
    held_out, training = (_flat(items) if plain else _hidden(weights, biases, items) for items in (test, train[: len(test)]))
    return FeatureSpace(weights, biases, held_out, training, plain)
