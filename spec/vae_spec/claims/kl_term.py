"""The KL term as a function of the posterior alone, and how to identify a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from vae_spec.checks import NEAR, Cause
from vae_spec.claims.kl_forms import recognise
from vae_spec.context import ClaimContext
from vae_spec.elbo import closed_form_kl, nearest_weight, reconstruction_fit, reported_weights
from vae_spec.exploration import generator
from vae_spec.lazy import Tensor, torch
from vae_spec.strategies import CodeBatch, Pixels, images
from vae_spec.subject import Raw, Subject, Term

RELATIVE_TOLERANCE = 1e-3
"""Tolerance on a KL or its gradient against the closed form: float32 losses leave 1e-6, the smallest mistake is a factor of 1.5."""
BATCH = 4
"""Batch size at which the KL's weight is measured: means and sums over items differ there, and also over halves of it."""
KNOWN_RATIOS: Mapping[float, Cause] = MappingProxyType(
    {2.0: Cause("missing-half", "most likely the factor 1/2 is missing"), -1.0: Cause("kl-sign", "most likely the sign is wrong")}
)
"""Causes by the ratio of a KL, or of its gradient, to the correct one."""


def cause_of_ratio(ratio: float, known: Mapping[float, Cause] = KNOWN_RATIOS) -> Cause | None:
    """Return the cause with this ratio, or None if no known one matches."""
    return next((cause for value, cause in known.items() if abs(ratio - value) < NEAR * abs(value)), None)


@dataclass
class KLTerm:
    """The subject's KL term as a function of the posterior alone, with the scale of its loss and the other arguments by batch size."""

    subject: Subject
    context: ClaimContext
    scales: dict[int, float] = field(default_factory=dict)
    outputs: dict[int, tuple[Raw, Tensor]] = field(default_factory=dict)

    def __call__(self, mu: Tensor, logvar: Tensor) -> float:
        """Return the reported KL, in the loss's own units, at a fixed output and input."""
        raw, x = self._output(len(mu))
        return float(self.subject.terms(raw, x, mu, logvar).kl)

    def gradients(self, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        """Return its gradients with respect to mu and logvar."""
        raw, x = self._output(len(mu))
        slopes = self.subject.terms_vjp(raw, x, mu, logvar, of=Term.KL)
        return slopes.mu, slopes.logvar

    def posterior(self, codes: CodeBatch) -> tuple[Tensor, Tensor]:
        """Return mu and logvar of an example, each of shape (batch, latent_dim), float64."""
        return codes.tensors(self.subject.facts.latent_dim, generator(self.context, codes))

    def _output(self, batch: int) -> tuple[Raw, Tensor]:
        if batch not in self.outputs:
            facts = self.subject.facts
            x = images(Pixels.BETWEEN, batch, facts, generator(self.context, "x", batch), torch.float64)
            self.outputs[batch] = self.subject.raw(x), x
        return self.outputs[batch]

    def zeros(self, batch: int) -> Tensor:
        """Return zeros of shape (batch, latent_dim), float64: the prior, as mu and logvar."""
        return torch.zeros(batch, self.subject.facts.latent_dim, dtype=torch.float64)

    def scale(self, batch: int) -> float | None:
        """Return r at this batch size: the reconstruction term over the mean negative log-likelihood; None if no likelihood fits."""
        likelihood = self.subject.facts.likelihood
        if likelihood is None:
            return None
        if batch not in self.scales:
            fit = reconstruction_fit(self.subject, likelihood, batch=batch, seed=self.context.seed)
            if not fit.good:
                return None
            self.scales[batch] = fit.scale
        return self.scales[batch]

    def weight(self) -> float | None:
        """Return the accepted weight of the reported KL, relative to the likelihood, that is nearest to the weight of mu^2/2."""
        scale = self.scale(BATCH)
        if scale is None:
            return None
        zero = self.zeros(BATCH)
        found = (self(zero + 1, zero) - self(zero, zero)) / (scale * float(closed_form_kl(zero + 1, zero).mean()))
        return nearest_weight(found, reported_weights(self.subject.facts))

    def nat(self, batch: int) -> float:
        """Return the reported KL of one nat an item, measured by mu^2 / 2 at logvar = 0; 1 if that is 0."""
        zero = self.zeros(batch)
        return abs(self(zero + 1, zero) - self(zero, zero)) / (self.subject.facts.latent_dim / 2) or 1.0

    def turned(self, mu: Tensor, logvar: Tensor) -> bool:
        """Return whether the KL has the wrong sign: the same negative multiple of the closed form at three posteriors."""
        zero = torch.zeros_like(mu)
        # The first is moved off the prior to avoid dividing by 0; the others vary one argument each.
        posteriors = ((mu + 0.5, logvar + 0.3), (zero + 1, zero), (zero, zero + 1))
        ratios = [self(one, other) / float(closed_form_kl(one, other).mean()) for one, other in posteriors]
        return max(ratios) < 0 and max(ratios) - min(ratios) < RELATIVE_TOLERANCE * abs(ratios[0])

    def wrong_form(self) -> Cause | None:
        """Return the known wrong formula that the KL follows as a cause, or None."""
        form = recognise(self, self.subject.facts.latent_dim)
        return None if form is None else Cause(form.mistake, f"most likely it is {form.words}")


NO_SCALE = "the reconstruction term matches no known likelihood, so the KL's scale is unknown (see OBJ-03)"
