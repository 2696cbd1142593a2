"""Facts about an implementation, established before any claim is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from vae_spec.likelihoods import Likelihood
from vae_spec.parts import Part


class InputKind(StrEnum):
    """What an item is, by its shape or by declaration: an image, a row of columns, a series over time, or a point of the 2-D lab."""

    IMAGE = "image"
    ROW = "row"
    SERIES = "series"
    POINT = "point"

    @staticmethod
    def of(shape: tuple[int, ...]) -> InputKind:
        """Return the kind of items of this shape.

        Two axes are those of a series if one is at least twice as long as the other, and has at least eight steps. A flat vector is an
        image from 64 entries on if these make one square, or three: one channel, or three.
        """
        if len(shape) == 1:
            squares = (shape[0] / channels for channels in (1, 3) if shape[0] % channels == 0)
            square = shape[0] >= SMALLEST_FLAT_IMAGE and any(math.isqrt(int(size)) ** 2 == size for size in squares)
            return InputKind.IMAGE if square else InputKind.POINT if shape == (2,) else InputKind.ROW
        if len(shape) == 2 and max(shape) >= max(SHORTEST_SERIES, SERIES_RATIO * min(shape)):
            return InputKind.SERIES
        return InputKind.IMAGE


SMALLEST_FLAT_IMAGE = 64
SERIES_RATIO, SHORTEST_SERIES = 2, 8


def series_axes(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the axes of time and of channels of a series: time is the longer one."""
    return (0, 1) if shape[0] >= shape[1] else (1, 0)


class Objective(StrEnum):
    """The declared kind of loss: the ELBO with a closed-form KL, with a Monte Carlo KL, or intentionally modified."""

    ELBO = "elbo"
    ELBO_MONTE_CARLO = "elbo-monte-carlo"
    MODIFIED = "modified"


class Standing(StrEnum):
    """The status of a part: present; present but failing when called; missing with a substitute; missing without a substitute."""

    PRESENT = "present"
    FAILING = "failing"
    REPLACED = "replaced"
    MISSING = "missing"


@dataclass(frozen=True)
class PartReport:
    """The status of one part of the implementation.

    Attributes:
        standing: whether it is present and works.
        account: how it is called, or why it cannot be.
        diagnosis: the mistake that a failure points to.
        known_by: how it was identified: by a name, a signature or a probe.
    """

    standing: Standing
    account: str
    diagnosis: str | None = None
    known_by: str = ""


@dataclass(frozen=True)
class Facts:
    """Facts about an implementation, established before any claim is checked.

    Attributes:
        name: its name in messages.
        input_shape: the shape of one item as the implementation takes it, without the batch.
        input_range: the smallest and the largest value of an item's entries.
        tokens: whether an item is a sequence of tokens, which the suite has as one-hot rows: of shape (length, vocabulary).
        counts: whether these are counts, integers from 0 on, as its likelihood asks for.
        latent_dim: the number of latent dimensions, with spatial ones flattened.
        likelihood: the detected or declared likelihood of its reconstruction term; None if none fits.
        likelihood_declared: whether the user declared it.
        learned_scale: whether the likelihood learns its own variance, so that its loss keeps falling while the variance shrinks.
        effective_beta: the declared weight of the KL relative to the negative log-likelihood at beta = 1, or None.
        own_beta: the loss's own weight of the KL if the caller passes none: the default of its argument.
        kl_alone: whether the implementation computes only the KL, so that the suite supplies the reconstruction term.
        kl_turned: whether the loss gives the KL with its sign turned beside the total, which holds it as it should.
        objective: its declared kind of loss.
        autoregressive: whether its decoder is declared to predict each entry from z and the entries before it.
        parts: the status of each part.
        least_train_batch: the smallest batch that its training mode accepts (2 with BatchNorm).
        samples_in_eval: whether eval mode samples z (True) or decodes the mean (False); None if unknown.
        untrained_sigma: the geometric mean of the posterior's standard deviations before any training.
        convolutional: whether it has convolutions, whose strides may leave a band at an image's border unread or unwritten.
        unregistered: shapes of the parameters that forward uses and that the module does not register.
        private_noise: whether the noise comes from the model's own generator, which training must replace to be repeatable.
        reference: whether it is one of the project's own reference systems.
        given_weights: whether it is a trained model that is judged as it is, without training.
        parameters: the number of trainable parameters.
        declared_kind: what an item is where its shape does not say it; None to go by the shape.
        prepared: the range into which the author's file puts data of [0, 1] before the model sees them, where its output stays in [0, 1].
        assumed: what the file itself does not settle, one sentence each.
        declared: weights and scales that the author's own code declares, one sentence each.
        notes: what the binding inferred, one sentence each, for the report.
    """

    name: str
    input_shape: tuple[int, ...]
    input_range: tuple[float, float]
    latent_dim: int
    likelihood: Likelihood | None
    likelihood_declared: bool = False
    learned_scale: bool = False
    effective_beta: float | None = None
    own_beta: float = 1.0
    kl_alone: bool = False
    kl_turned: bool = False
    objective: Objective = Objective.ELBO
    autoregressive: bool = False
    parts: Mapping[Part, PartReport] = field(default_factory=dict)
    least_train_batch: int = 1
    samples_in_eval: bool | None = None
    parameters: int = 0
    untrained_sigma: float = 1.0
    convolutional: bool = False
    unregistered: tuple[tuple[int, ...], ...] = ()
    private_noise: bool = False
    reference: bool = False
    given_weights: bool = False
    declared_kind: InputKind | None = None
    prepared: tuple[float, float] | None = None
    counts: bool = False
    tokens: bool = False
    assumed: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> InputKind:
        """What an item is."""
        return self.declared_kind or InputKind.of(self.input_shape)

    @property
    def is_image(self) -> bool:
        """Whether an item can be displayed as an image: (channels, height, width), or a flat vector of at least 64 pixels."""
        return self.kind is InputKind.IMAGE and not self.tokens

    @property
    def untrained_cost(self) -> float:
        """The KL due to the posterior's width alone before any training, in nats: 0 if sigma is the prior's."""
        sigma = self.untrained_sigma
        return self.latent_dim * (sigma * sigma - 1 - 2 * math.log(sigma)) / 2

    @property
    def terms(self) -> int:
        """The number of terms of one item's log-likelihood: one for each entry, or for each token."""
        return self.pixels // self.input_shape[-1] if self.tokens else self.pixels

    @property
    def pixels(self) -> int:
        """The number of entries of one item."""
        return math.prod(self.input_shape)
