"""The likelihoods p(x | z) that a decoder's output can parameterise."""

from __future__ import annotations

from enum import StrEnum


class Likelihood(StrEnum):
    """A likelihood p(x | z), by the meaning of the decoder's raw output.

    `bernoulli` takes probabilities, `bernoulli-logits` their logits, `squared-error` the mean of a Gaussian of unit variance, `gaussian`
    a mean and a log-variance, `gaussian-log-std`, `gaussian-std` and `gaussian-variance` a mean and the named quantity, `laplace` the
    mean of a Laplace distribution of unit scale, `poisson` the rate of a Poisson distribution, `poisson-log` its logarithm, `categorical`
    the scores of a token's values, up to a constant their log-probabilities, `continuous-bernoulli` that distribution's lambda and
    `continuous-bernoulli-logits` the logit of lambda.
    """

    BERNOULLI = "bernoulli"
    BERNOULLI_LOGITS = "bernoulli-logits"
    SQUARED_ERROR = "squared-error"
    GAUSSIAN = "gaussian"
    GAUSSIAN_LOG_STD = "gaussian-log-std"
    GAUSSIAN_STD = "gaussian-std"
    GAUSSIAN_VARIANCE = "gaussian-variance"
    LAPLACE = "laplace"
    POISSON = "poisson"
    POISSON_LOG = "poisson-log"
    CATEGORICAL = "categorical"
    CONTINUOUS_BERNOULLI = "continuous-bernoulli"
    CONTINUOUS_BERNOULLI_LOGITS = "continuous-bernoulli-logits"

    @property
    def pair(self) -> bool:
        """Whether it has two parameters for each entry, a mean and a scale."""
        return self.value.startswith("gaussian")

    @property
    def own_variance(self) -> bool:
        """Whether its parameters determine the variance of each entry: the density, and so the loss, may then be unbounded."""
        return self.pair or self.continuous_bernoulli

    @property
    def of_counts(self) -> bool:
        """Whether it is defined for counts, integers from 0 on."""
        return self in (Likelihood.POISSON, Likelihood.POISSON_LOG)

    @property
    def takes_logits(self) -> bool:
        """Whether its parameter is unbounded: the logit of a number in [0, 1]."""
        return self in (Likelihood.BERNOULLI_LOGITS, Likelihood.CONTINUOUS_BERNOULLI_LOGITS)

    @property
    def continuous_bernoulli(self) -> bool:
        """Whether it is a continuous Bernoulli distribution, whose mean differs from its parameter."""
        return self in (Likelihood.CONTINUOUS_BERNOULLI, Likelihood.CONTINUOUS_BERNOULLI_LOGITS)

    @property
    def of_unit_data(self) -> bool:
        """Whether it is defined only for data in [0, 1]."""
        return self is Likelihood.BERNOULLI or self.takes_logits or self.continuous_bernoulli
