"""The Subject: the one door through which claims and experiments reach somebody's implementation.

Every operation is stateless from the caller's side: a call names the mode, the seed and the noise, and nothing that it does changes
what a later call returns. Only plain tensors pass through the door; gradients come as vector-Jacobian products, so that
an implementation may as well stand in another process. `posterior` and `draw` always speak of the log-variance, whatever the
implementation's second head means; the binding converts.
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
from vae_spec.parts import Part as Part  # noqa: PLC0414  a word of the Subject's own, kept apart for those who import no PyTorch

Raw = tuple[Tensor, ...]
"""What the decoder gives and the loss is fed: one tensor for most, for a Gaussian with learned variance its mean and that."""


class Mode(StrEnum):
    """The mode of the network: `train` or `eval`, as `torch.nn.Module.train` and `.eval` set it."""

    TRAIN = "train"
    EVAL = "eval"


class Objective(StrEnum):
    """What the loss is told or declared to be: the ELBO with a closed-form KL, with a Monte Carlo KL, or modified on purpose."""

    ELBO = "elbo"
    ELBO_MONTE_CARLO = "elbo-monte-carlo"
    MODIFIED = "modified"


class Standing(StrEnum):
    """How a part stands: there; there but failing when called; absent with a stand-in; absent and nothing can stand in."""

    PRESENT = "present"
    FAILING = "failing"
    REPLACED = "replaced"
    MISSING = "missing"


@dataclass(frozen=True)
class PartReport:
    """How one part of the implementation stands.

    Attributes:
        standing: whether it is there and works.
        account: how it is called, or why it is not.
        diagnosis: the mistake that a failure points to.
        known_by: how it was told from other things: by a name, a signature or a probe.
    """

    standing: Standing
    account: str
    diagnosis: str | None = None
    known_by: str = ""


@dataclass(frozen=True)
class Facts:
    """What is known of an implementation before any claim is asked.

    Attributes:
        name: how messages call it.
        input_shape: the shape of one item as the implementation takes it, without the batch.
        input_range: the least and the greatest value that an item's entries take.
        latent_dim: the number of latent dimensions, spatial ones flattened.
        likelihood: the likelihood that its reconstruction term was found, or declared, to be; None where none fits.
        likelihood_declared: whether the user said so.
        learned_scale: whether the likelihood learns its own variance, so that its loss keeps falling while the variance shrinks.
        effective_beta: the weight of the KL against the negative log-likelihood at beta = 1 that its author declares, or None.
        own_beta: what the loss's own weight of the KL is where the caller names none: its argument's default.
        kl_alone: whether the implementation gives its KL alone, beside which the suite supplies the reconstruction term.
        objective: what kind of loss it declares, or is told to have.
        autoregressive: whether its decoder is declared to predict each entry from the code and the entries before it.
        parts: every part's standing.
        least_train_batch: the smallest batch that its training mode takes (2 with BatchNorm).
        samples_in_eval: whether eval mode samples z (True) or decodes the mean (False); None where that cannot be told.
        untrained_sigma: the geometric mean of the posterior's standard deviations before any training.
        unregistered: shapes of the parameters that forward uses and that are not among the module's own.
        private_noise: whether the noise comes from a generator of the model's own, which training must set aside to be repeatable.
        reference: whether it is one of the project's own reference systems.
        given_weights: whether it is a trained model that is judged as it is: nothing is trained.
        parameters: how many trainable numbers it has.
        notes: what the binding inferred, a sentence each, for the report.
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
    notes: tuple[str, ...] = ()

    @property
    def is_image(self) -> bool:
        """Whether an item can be looked at as an image: (channels, height, width), or a flat vector of at least 64 pixels."""
        return len(self.input_shape) >= 2 or self.pixels >= 64

    @property
    def untrained_cost(self) -> float:
        """What the posterior's width alone costs before any training, in nats: 0 where sigma is the prior's."""
        sigma = self.untrained_sigma
        return self.latent_dim * (sigma * sigma - 1 - 2 * math.log(sigma)) / 2

    @property
    def pixels(self) -> int:
        """The number of entries of one item."""
        product = 1
        for side in self.input_shape:
            product *= side
        return product


@dataclass(frozen=True)
class Noise:
    """Which noise a random operation uses: seeded, none at all (the mean is decoded), or a given tensor.

    `given` holds the standard normal values themselves, of shape (batch, latent_dim).
    """

    seed: int = 0
    zero: bool = False
    given: Tensor | None = None

    @staticmethod
    def none() -> Noise:
        """No noise: every Gaussian draw gives its mean."""
        return Noise(zero=True)


@dataclass(frozen=True)
class Posterior:
    """mu and logvar, each of shape (batch, latent_dim); q(z | x) = N(mu, diag(exp(logvar)))."""

    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]


@dataclass(frozen=True)
class Pass:
    """One forward pass.

    Attributes:
        raw: the decoder's output.
        mu, logvar: the posterior.
        z: the code that was decoded, where it can be seen.
        random_calls: the random operations that were called, by name.
        private_noise: whether any of them drew from a generator of the model's own.
    """

    raw: Raw
    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]
    z: Float[Tensor, "batch latent"] | None
    random_calls: tuple[str, ...] = ()
    private_noise: bool = False


@dataclass(frozen=True)
class DrawGradients:
    """A draw z and the gradients of <cotangent, z> with respect to mu and logvar; None where autograd finds no path."""

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
    """The gradients of one term with respect to raw (an entry for each tensor), mu and logvar; zeros where there is no path."""

    raw: Raw
    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]


@dataclass(frozen=True)
class Reached:
    """The posterior on a fixed batch after the encoder was fitted towards a target, in eval-free training mode."""

    mu: Float[Tensor, "batch latent"]
    logvar: Float[Tensor, "batch latent"]


@dataclass(frozen=True)
class OwnSamples:
    """What an implementation's own method of sampling did when it was asked for samples.

    Attributes:
        method: how it was called, in words.
        codes: what it decoded; None where that cannot be seen, since it does not go through decode.
        encoded: whether its encoder, or its forward pass, ran on the way.
    """

    method: str
    codes: Float[Tensor, "codes latent"] | None
    encoded: bool


class SubjectFault(Exception):
    """The implementation's own code failed: it raised, gave NaN or a wrong shape, or ran out of its time.

    Attributes:
        operation: what was asked of it.
        what: what happened, in one or two lines.
        diagnosis: the id of the mistake this points to, if one stands out.
        limit: the seconds that it ran past, where that is what happened.
    """

    def __init__(self, operation: str, what: str, diagnosis: str | None = None, limit: float | None = None) -> None:
        super().__init__(f"{operation}: {what}")
        self.operation = operation
        self.what = what
        self.diagnosis = diagnosis
        self.limit = limit


State = Mapping[str, Tensor]


class Subject(Protocol):
    """Somebody's VAE behind a uniform interface. Every operation may raise `SubjectFault`, and nothing else of its own.

    `x` has the shape (batch, *facts.input_shape), floating point, in `facts.input_range`.
    """

    @property
    def facts(self) -> Facts:
        """What was found at binding time."""
        ...

    def fresh(self, seed: int) -> State:
        """A new initialisation, made under the seed; a ready instance, or given weights, the state that it came with."""
        ...

    def load(self, state: State) -> None:
        """Take on a state that `fresh` or `train` gave."""
        ...

    def state(self) -> State:
        """A copy of the present state."""
        ...

    def posterior(self, x: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Posterior:
        """q(z | x) for each item."""
        ...

    def forward(self, x: Tensor, noise: Noise, *, mode: Mode = Mode.TRAIN) -> Pass:
        """The forward pass as training makes it."""
        ...

    def draw(self, mu: Tensor, logvar: Tensor, noise: Noise, *, mode: Mode = Mode.TRAIN) -> Tensor:
        """Z ~ N(mu, diag(exp(logvar))) through the implementation's own sampling step."""
        ...

    def draw_changes(self, mu: Tensor, logvar: Tensor, noise: Noise) -> tuple[str, ...]:
        """Which of "mu" and "logvar" the sampling step changes in place; `draw` hands it copies, so that no claim suffers from it."""
        ...

    def draw_vjp(self, mu: Tensor, logvar: Tensor, noise: Noise, cotangent: Tensor) -> DrawGradients:
        """A draw and the gradients of <cotangent, z>."""
        ...

    def decode(self, z: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Raw:
        """The decoder's raw output for codes of shape (batch, latent_dim)."""
        ...

    def decode_vjp(self, z: Tensor, cotangent: Tensor, *, mode: Mode = Mode.EVAL) -> Tensor | None:
        """The gradient of <cotangent, raw[0]> with respect to z; None where autograd finds no path."""
        ...

    def own_samples(self, count: int, noise: Noise, *, fresh: int | None = None) -> OwnSamples | None:
        """What its own method of sampling decodes when asked for `count` samples, in eval mode; None where it has none that takes a count.

        In the present state, or in a new initialisation under the seed `fresh`; the present state is put back.
        """
        ...

    def data(self, raw: Raw) -> Tensor:
        """x_hat in data space, of shape (batch, *input_shape), for what the decoder gave."""
        ...

    def raw(self, x_hat: Tensor) -> Raw:
        """What the decoder would have given for x_hat: the inverse of `data`, with unit variance where one is needed."""
        ...

    def terms(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, *, z: Tensor | None = None, beta: float | None = None) -> Terms:
        """The loss; beta is in units of the weight that the KL has where none is named, and None names none."""
        ...

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
        """The gradients of one term of the loss with respect to its arguments."""
        ...

    def param_grads(self, x: Tensor, noise: Noise, of: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """Gradient norms with respect to each parameter, by its name.

        For each of "mu", "logvar", "raw" and "total" in `of`: of a random projection of it, of the loss itself for "total".
        """
        ...

    def reach(self, x: Tensor, mu: Tensor, logvar: Tensor, *, steps: int, learning_rate: float, seed: int) -> Reached:
        """What the encoder gives on x after `steps` of Adam towards the target posterior, from a fresh initialisation."""
        ...
