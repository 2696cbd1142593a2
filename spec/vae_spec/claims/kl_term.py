"""The KL term as a function of the posterior alone, and what kind of wrong it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import torch
from torch import Tensor

from vae_spec.checks import NEAR, Cause
from vae_spec.claims.kl_forms import recognise
from vae_spec.elbo import closed_form_kl, nearest_weight, reconstruction_fit, reported_weights
from vae_spec.exploration import generator
from vae_spec.strategies import CodeBatch, Pixels, images
from vae_spec.subject import Subject, Term
from vae_spec.trial import Trial

RELATIVE_TOLERANCE = 1e-3
"""How near a KL or its gradient must come to the closed form's: float32 losses leave 1e-6, the smallest mistake is a factor of 1.5."""
BATCH = 4
"""The batch size at which the KL's weight is read off: means and sums over items differ there, and over halves of it too."""
KNOWN_RATIOS: Mapping[float, Cause] = MappingProxyType(
    {2.0: Cause("missing-half", "most likely the factor 1/2 is missing"), -1.0: Cause("kl-sign", "most likely the sign is wrong")}
)
"""What the ratio of a KL, or of its gradient, to the right one says."""


def cause_of_ratio(ratio: float, known: Mapping[float, Cause] = KNOWN_RATIOS) -> Cause | None:
    """The cause whose ratio this is; None where it is none of those known."""
    return next((cause for value, cause in known.items() if abs(ratio - value) < NEAR * abs(value)), None)


@dataclass
class KLTerm:
    """The subject's KL term as a function of the posterior alone, with the scale of its loss at each batch size looked up once."""

    subject: Subject
    trial: Trial
    scales: dict[int, float] = field(default_factory=dict)

    def __call__(self, mu: Tensor, logvar: Tensor) -> float:
        """The reported KL, in the loss's own units, at a fixed output and input."""
        raw, x = self._output(len(mu))
        return float(self.subject.terms(raw, x, mu, logvar).kl)

    def gradients(self, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        """Its gradients with respect to mu and logvar."""
        raw, x = self._output(len(mu))
        slopes = self.subject.terms_vjp(raw, x, mu, logvar, of=Term.KL)
        return slopes.mu, slopes.logvar

    def posterior(self, codes: CodeBatch) -> tuple[Tensor, Tensor]:
        """Mu and logvar of an example, of shape (batch, latent_dim), float64."""
        return codes.tensors(self.subject.facts.latent_dim, generator(self.trial, codes))

    def _output(self, batch: int) -> tuple[tuple[Tensor, ...], Tensor]:
        facts = self.subject.facts
        x = images(Pixels.BETWEEN, batch, facts.input_shape, facts.input_range, generator(self.trial, "x", batch), torch.float64)
        return self.subject.raw(x), x

    def zeros(self, batch: int) -> Tensor:
        """Zeros of shape (batch, latent_dim), float64: as mu and logvar, the prior."""
        return torch.zeros(batch, self.subject.facts.latent_dim, dtype=torch.float64)

    def scale(self, batch: int) -> float | None:
        """R at this batch size: the reconstruction term's scale against the mean negative log-likelihood; None where no likelihood fits."""
        likelihood = self.subject.facts.likelihood
        if likelihood is None:
            return None
        if batch not in self.scales:
            fit = reconstruction_fit(self.subject, likelihood, batch=batch, seed=self.trial.seed)
            if not fit.good:
                return None
            self.scales[batch] = fit.scale
        return self.scales[batch]

    def weight(self) -> float | None:
        """What the reported KL may weigh against the likelihood: of those accepted the one that lies nearest to what mu^2/2 weighs."""
        scale = self.scale(BATCH)
        if scale is None:
            return None
        zero = self.zeros(BATCH)
        found = (self(zero + 1, zero) - self(zero, zero)) / (scale * float(closed_form_kl(zero + 1, zero).mean()))
        return nearest_weight(found, reported_weights(self.subject.facts))

    def nat(self, batch: int) -> float:
        """What one nat an item reads in the reported KL, from mu^2 / 2 at logvar = 0; 1 where it reads nothing."""
        zero = self.zeros(batch)
        return abs(self(zero + 1, zero) - self(zero, zero)) / (self.subject.facts.latent_dim / 2) or 1.0

    def turned(self, mu: Tensor, logvar: Tensor) -> bool:
        """Whether the KL is the right one with its sign turned: the same negative multiple of the closed form at three posteriors."""
        zero = torch.zeros_like(mu)
        # The first is moved off the prior, where there would be nothing to divide by; the others vary one argument each.
        posteriors = ((mu + 0.5, logvar + 0.3), (zero + 1, zero), (zero, zero + 1))
        ratios = [self(one, other) / float(closed_form_kl(one, other).mean()) for one, other in posteriors]
        return max(ratios) < 0 and max(ratios) - min(ratios) < RELATIVE_TOLERANCE * abs(ratios[0])

    def wrong_form(self) -> Cause | None:
        """The wrong formula that it follows, where it is a known one."""
        form = recognise(self, self.subject.facts.latent_dim)
        return None if form is None else Cause(form.mistake, f"most likely it is {form.words}")


NO_SCALE = "the reconstruction term matches no known likelihood, so the KL's scale is unknown (see OBJ-03)"
