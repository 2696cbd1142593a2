"""The Subject: the only interface through which claims and experiments access an implementation.

Every operation is stateless for the caller: a call specifies the mode, the seed and the noise, and does not affect later calls. Only plain
tensors cross the interface, and gradients are vector-Jacobian products, so that an implementation may run in another process. `posterior`
and `draw` always use the log-variance, whatever the implementation's second head means; the binding converts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from jaxtyping import Float
from torch import Tensor

from vae_spec.likelihoods import Likelihood as Likelihood  # noqa: PLC0414  as Part
from vae_spec.parts import Part as Part  # noqa: PLC0414  part of this interface, in its own module for importers without PyTorch

Raw = tuple[Tensor, ...]
"""The decoder's output and the loss's input: one tensor, or the mean and the variance output for a Gaussian with learned variance."""


class Mode(StrEnum):
    """The mode of the network: `train` or `eval`, as `torch.nn.Module.train` and `.eval` set it."""

    TRAIN = "train"
    EVAL = "eval"


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
        latent_dim: the number of latent dimensions, with spatial ones flattened.
        likelihood: the detected or declared likelihood of its reconstruction term; None if none fits.
        likelihood_declared: whether the user declared it.
        learned_scale: whether the likelihood learns its own variance, so that its loss keeps falling while the variance shrinks.
        effective_beta: the declared weight of the KL relative to the negative log-likelihood at beta = 1, or None.
        own_beta: the loss's own weight of the KL if the caller passes none: the default of its argument.
        kl_alone: whether the implementation computes only the KL, so that the suite supplies the reconstruction term.
        objective: its declared kind of loss.
        autoregressive: whether its decoder is declared to predict each entry from z and the entries before it.
        parts: the status of each part.
        least_train_batch: the smallest batch that its training mode accepts (2 with BatchNorm).
        samples_in_eval: whether eval mode samples z (True) or decodes the mean (False); None if unknown.
        untrained_sigma: the geometric mean of the posterior's standard deviations before any training.
        unregistered: shapes of the parameters that forward uses and that the module does not register.
        private_noise: whether the noise comes from the model's own generator, which training must replace to be repeatable.
        reference: whether it is one of the project's own reference systems.
        given_weights: whether it is a trained model that is judged as it is, without training.
        parameters: the number of trainable parameters.
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
    objective: Objective = Objective.ELBO
    autoregressive: bool = False
    parts: Mapping[Part, PartReport] = field(default_factory=dict)
    least_train_batch: int = 1
    samples_in_eval: bool | None = None
    parameters: int = 0
    untrained_sigma: float = 1.0
    unregistered: tuple[tuple[int, ...], ...] = ()
    private_noise: bool = False
    reference: bool = False
    given_weights: bool = False
    prepared: tuple[float, float] | None = None
    assumed: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether an item can be displayed as an image: (channels, height, width), or a flat vector of at least 64 pixels."""
        return len(self.input_shape) >= 2 or self.pixels >= 64

    @property
    def untrained_cost(self) -> float:
        """The KL due to the posterior's width alone before any training, in nats: 0 if sigma is the prior's."""
        sigma = self.untrained_sigma
        return self.latent_dim * (sigma * sigma - 1 - 2 * math.log(sigma)) / 2

    @property
    def pixels(self) -> int:
        """The number of entries of one item."""
        return math.prod(self.input_shape)


@dataclass(frozen=True)
class Noise:
    """The noise of a random operation: seeded, none (the mean is decoded), or a given tensor.

    `given` holds the standard normal values, of shape (batch, latent_dim).
    """

    seed: int = 0
    zero: bool = False
    given: Tensor | None = None

    @staticmethod
    def none() -> Noise:
        """Return the absence of noise: every Gaussian draw returns its mean."""
        return Noise(zero=True)


@dataclass(frozen=True)
class Posterior:
    """The posterior q(z | x) = N(mu, diag(exp(logvar))), with mu and logvar of shape (batch, latent_dim)."""

    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]


@dataclass(frozen=True)
class Pass:
    """One forward pass.

    Attributes:
        raw: the decoder's output.
        mu, logvar: the posterior.
        z: the latent that was decoded, if it is visible.
        random_calls: names of the random operations called.
        private_noise: whether any of them drew from the model's own generator.
    """

    raw: Raw
    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]
    z: Float[Tensor, "batch latent"] | None
    random_calls: tuple[str, ...] = ()
    private_noise: bool = False


@dataclass(frozen=True)
class DrawGradients:
    """A draw z and the gradients of <cotangent, z> with respect to mu and logvar; None if autograd finds no path."""

    z: Float[Tensor, "batch latent"]
    mu: Float[Tensor, "batch latent"] | None
    logvar: Float[Tensor, "batch latent"] | None


@dataclass(frozen=True)
class Terms:
    """The loss and its two terms, as the implementation reports them, zero-dimensional."""

    total: Float[Tensor, ""]
    reconstruction: Float[Tensor, ""]
    kl: Float[Tensor, ""]


class Term(StrEnum):
    """A term of the loss, for gradients."""

    TOTAL = "total"
    RECONSTRUCTION = "reconstruction"
    KL = "kl"


@dataclass(frozen=True)
class TermGradients:
    """The gradients of one term with respect to raw (one entry per tensor), mu and logvar; zeros if there is no path."""

    raw: Raw
    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]


@dataclass(frozen=True)
class Reached:
    """The posterior on a fixed batch after fitting the encoder to a target, in training mode throughout."""

    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]


@dataclass(frozen=True)
class OwnSamples:
    """The behaviour of an implementation's own sampling method.

    Attributes:
        method: how it was called, in words.
        codes: the latents it decoded; None if it does not call decode, so that they are not visible.
        encoded: whether it ran its encoder or its forward pass.
    """

    method: str
    codes: Float[Tensor, "codes latent"] | None
    encoded: bool


class SubjectFault(Exception):
    """The implementation's own code failed: it raised, returned NaN or a wrong shape, or exceeded its time limit.

    Attributes:
        operation: the operation that failed.
        what: description of the failure, in one or two lines.
        diagnosis: the id of the most likely mistake, or None.
        limit: the time limit that it exceeded, in seconds, or None.
    """

    def __init__(self, operation: str, what: str, diagnosis: str | None = None, limit: float | None = None) -> None:
        super().__init__(f"{operation}: {what}")
        self.operation = operation
        self.what = what
        self.diagnosis = diagnosis
        self.limit = limit


State = Mapping[str, Tensor]


class Subject(Protocol):
    """A user's VAE behind a uniform interface. Every operation may raise `SubjectFault`, and no other error of the user's code.

    `x` has the shape (batch, *facts.input_shape), floating point, in `facts.input_range`.
    """

    @property
    def facts(self) -> Facts:
        """The facts established at binding time."""

    def fresh(self, seed: int) -> State:
        """Return the state of a new initialisation under the seed; for a ready instance or given weights, its original state."""

    def load(self, state: State) -> None:
        """Load a state from `fresh` or from training."""

    def state(self) -> State:
        """Return a copy of the current state."""

    def posterior(self, x: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Posterior:
        """Compute q(z | x) for each item."""

    def forward(self, x: Tensor, noise: Noise, *, mode: Mode = Mode.TRAIN) -> Pass:
        """Run the forward pass as in training."""

    def draw(self, mu: Tensor, logvar: Tensor, noise: Noise, *, mode: Mode = Mode.TRAIN) -> Tensor:
        """Draw z ~ N(mu, diag(exp(logvar))) with the implementation's own sampling step, of shape (batch, latent_dim)."""

    def draw_changes(self, mu: Tensor, logvar: Tensor, noise: Noise) -> tuple[str, ...]:
        """Return which of "mu" and "logvar" the sampling step changes in place; `draw` passes copies, so that claims are not affected."""

    def draw_vjp(self, mu: Tensor, logvar: Tensor, noise: Noise, cotangent: Tensor) -> DrawGradients:
        """Draw z and compute the gradients of <cotangent, z>."""

    def decode(self, z: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Raw:
        """Return the decoder's raw output for latents of shape (batch, latent_dim)."""

    def decode_vjp(self, z: Tensor, cotangent: Tensor, *, mode: Mode = Mode.EVAL) -> Tensor | None:
        """Compute the gradient of <cotangent, raw[0]> with respect to z; None if autograd finds no path."""

    def own_samples(self, count: int, noise: Noise, *, fresh: int | None = None) -> OwnSamples | None:
        """Return what its own sampling method decodes for `count` samples, in eval mode; None if it has none that takes a count.

        Uses the current state, or a new initialisation under the seed `fresh` and then restores the current state.
        """

    def data(self, raw: Raw) -> Tensor:
        """Convert the decoder's output to x_hat in data space, of shape (batch, *input_shape)."""

    def raw(self, x_hat: Tensor) -> Raw:
        """Convert x_hat to the decoder's output, the inverse of `data`, with unit variance if one is needed."""

    def terms(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, *, z: Tensor | None = None, beta: float | None = None) -> Terms:
        """Compute the loss; beta is a multiple of the loss's default KL weight, and None passes no beta."""

    def terms_vjp(
        self,
        raw: Raw,
        x: Tensor,
        mu: Tensor,
        logvar: Tensor,
        *,
        of: Term,
        z: Tensor | None = None,
        beta: float | None = None,
    ) -> TermGradients:
        """Compute the gradients of one term of the loss with respect to its arguments."""

    def param_grads(self, x: Tensor, noise: Noise, of: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """Compute gradient norms with respect to each parameter, by its name.

        For each of "mu", "logvar", "raw" and "total" in `of`: the gradient of a random projection of it, or of the loss for "total".
        """

    def reach(self, x: Tensor, mu: Tensor, logvar: Tensor, *, steps: int, learning_rate: float, seed: int) -> Reached:
        """Return the posterior on x after `steps` of Adam towards the target posterior, from a fresh initialisation."""
