"""The Subject: the only interface through which claims and experiments access an implementation.

Every operation is stateless for the caller: a call specifies the mode, the seed and the noise, and does not affect later calls. Only plain
tensors cross the interface, and gradients are vector-Jacobian products, so that an implementation may run in another process. `posterior`
and `draw` always use the log-variance, whatever the implementation's second head means; the binding converts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from vae_spec.facts import Facts as Facts  # noqa: PLC0414  part of this interface, as are the next ones
from vae_spec.facts import InputKind as InputKind  # noqa: PLC0414
from vae_spec.facts import Objective as Objective  # noqa: PLC0414
from vae_spec.facts import PartReport as PartReport  # noqa: PLC0414
from vae_spec.facts import Standing as Standing  # noqa: PLC0414
from vae_spec.lazy import Float, Tensor
from vae_spec.likelihoods import Likelihood as Likelihood  # noqa: PLC0414
from vae_spec.parts import Part as Part  # noqa: PLC0414

Raw = tuple[Tensor, ...]
"""The decoder's output and the loss's input: one tensor, or the mean and the variance output for a Gaussian with learned variance."""


class Mode(StrEnum):
    """The mode of the network: `train` or `eval`, as `torch.nn.Module.train` and `.eval` set it."""

    TRAIN = "train"
    EVAL = "eval"


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
        drawn: what the sampling step returned, if it is visible beside z.
        random_calls: names of the random operations called.
        private_noise: whether any of them drew from the model's own generator.
    """

    raw: Raw
    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]
    z: Float[Tensor, "batch latent"] | None
    random_calls: tuple[str, ...] = ()
    private_noise: bool = False
    drawn: Float[Tensor, "batch latent"] | None = None


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
class Slopes:
    """Norms of one parameter's gradients: through the pass, through its parts, and of their difference."""

    whole: float
    parts: float
    difference: float


@dataclass(frozen=True)
class Composition:
    """A training pass beside its parts: encode, sampling step and decode called one after another under the same noise.

    Attributes:
        whole: the output of the pass.
        parts: the output of the parts.
        slopes: norms of the gradients of a projection of the output, by the names of the parameters.
    """

    whole: Raw
    parts: Raw
    slopes: Mapping[str, Slopes]


class OwnPurpose(StrEnum):
    """What a method of an implementation's own, that takes items, is for."""

    RECONSTRUCTION = "reconstruction"
    INTERPOLATION = "interpolation"


@dataclass(frozen=True)
class OwnSamples:
    """The behaviour of an implementation's own method of sampling, reconstruction or interpolation.

    Attributes:
        method: how it was called, in words.
        codes: the latents it decoded; None if it does not call decode, so that they are not visible.
        encoded: whether it ran its encoder or its forward pass.
        images: what it returned, of shape (items, ...); None if that is no tensor.
        changed: what it changed of the model, in words.
    """

    method: str
    codes: Float[Tensor, "codes latent"] | None
    encoded: bool
    images: Tensor | None = None
    changed: tuple[str, ...] = ()


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

    def own_method(self, purpose: OwnPurpose, items: Sequence[Tensor], noise: Noise) -> OwnSamples | None:
        """Return what its own method of reconstruction or interpolation does with one or two batches, in eval mode; None if it has none."""

    def data(self, raw: Raw) -> Tensor:
        """Convert the decoder's output to x_hat in data space, of shape (batch, *input_shape)."""

    def raw(self, x_hat: Tensor) -> Raw:
        """Convert x_hat to the decoder's output, the inverse of `data`, with unit variance if one is needed."""

    def terms(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, *, z: Tensor | None = None, beta: float | None = None) -> Terms:
        """Compute the loss; beta is a multiple of the loss's default KL weight, and None passes no beta."""

    def terms_vjp(
        self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, *, of: Term, z: Tensor | None = None, beta: float | None = None
    ) -> TermGradients:
        """Compute the gradients of one term of the loss with respect to its arguments."""

    def param_grads(self, x: Tensor, noise: Noise, of: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """Compute gradient norms with respect to each parameter, by its name.

        For each of "mu", "logvar", "raw" and "total" in `of`: the gradient of a random projection of it, or of the loss for "total".
        """

    def reach(self, x: Tensor, mu: Tensor, logvar: Tensor, *, steps: int, learning_rate: float, seed: int) -> Reached:
        """Return the posterior on x after `steps` of Adam towards the target posterior, from a fresh initialisation."""

    def composition(self, x: Tensor, noise: Noise) -> Composition | None:
        """Run a training pass, and its parts one after another under the same noise; None if a part is inline in the pass."""

    def posterior_vjp(self, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor | None:
        """Compute the gradient of <mu, mean> + <logvar, log-variance> with respect to x in eval mode; None if autograd finds no path.

        The cotangents have the shape (batch, latent_dim), the gradient that of x.
        """

    def changes(self, x: Tensor) -> tuple[str, ...]:
        """Return which of "encode", "forward", "decode" and "loss" change in place a tensor that they are given."""

    def reach_data(self, z: Tensor, x_hat: Tensor, *, steps: int, learning_rate: float, seed: int) -> Tensor:
        """Return what decode gives for z, in data space, after `steps` of Adam towards x_hat, from a fresh initialisation."""

    def latent_dim_built(self, latent_dim: int, x: Tensor) -> int | None:
        """Return the number of latent dimensions of an instance that is constructed with this one; None if it cannot be."""

    def frozen(self) -> Sequence[str]:
        """Return the names of the layers' weights that are never trained although each initialisation draws them anew."""
