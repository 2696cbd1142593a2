"""The KL term as a function of the posterior alone, and what kind of wrong it is."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from vae_spec.claims.kl_forms import recognise
from vae_spec.elbo import closed_form_kl, nearest_weight, reconstruction_fit, reported_weights
from vae_spec.exploration import generator
from vae_spec.strategies import Pixels, images
from vae_spec.subject import Subject, Term
from vae_spec.trial import Trial


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

    def _output(self, batch: int) -> tuple[tuple[Tensor, ...], Tensor]:
        facts = self.subject.facts
        x = images(
            Pixels.BETWEEN,
            batch,
            facts.input_shape,
            facts.input_range,
            generator(self.trial, "x", batch),
            torch.float64,
        )
        return self.subject.raw(x), x

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
        scale = self.scale(4)
        if scale is None:
            return None
        zero = torch.zeros(4, self.subject.facts.latent_dim, dtype=torch.float64)
        mu = torch.ones_like(zero)
        found = (self(mu, zero) - self(zero, zero)) / (scale * float(closed_form_kl(mu, zero).mean()))
        return nearest_weight(found, reported_weights(self.subject.facts))


NO_SCALE = "the reconstruction term matches no known likelihood, so the KL's scale is unknown (see OBJ-03)"


def nat(term: KLTerm, batch: int) -> float:
    """What one nat an item reads in the reported KL, from mu^2 / 2 at logvar = 0."""
    zero = torch.zeros(batch, term.subject.facts.latent_dim, dtype=torch.float64)
    return abs(term(zero + 1, zero) - term(zero, zero)) / (term.subject.facts.latent_dim / 2) or 1.0


def turned(term: KLTerm, mu: Tensor, logvar: Tensor) -> bool:
    """Whether the KL is the right one with its sign turned."""
    zero = torch.zeros_like(mu)
    ratios = [
        term(one, other) / float(closed_form_kl(one, other).mean())
        for one, other in ((mu + 0.5, logvar + 0.3), (zero + 1, zero), (zero, zero + 1))
    ]
    return max(ratios) < 0 and max(ratios) - min(ratios) < 1e-3 * abs(ratios[0])


def wrong_form(term: KLTerm, subject: Subject) -> str | None:
    """The mistake that a recognised wrong formula is."""
    form = recognise(term, subject.facts.latent_dim)
    return form.mistake if form else None
