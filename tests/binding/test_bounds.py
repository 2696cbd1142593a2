"""Losses that are the ELBO itself, to be maximised, with their terms beside it."""

from __future__ import annotations

import pytest
import torch
from binding_samples import Script, bound, cross_entropy, divergence
from torch import Tensor

from vae_spec.subject import Likelihood

GENERATOR = torch.Generator().manual_seed(0)
X = torch.rand(4, 64, generator=GENERATOR, dtype=torch.float64)
RAW = (torch.rand(4, 64, generator=GENERATOR, dtype=torch.float64),)
MU, LOGVAR = (torch.randn(4, 3, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
RECONSTRUCTION, KL = float(cross_entropy(RAW[0], X).mean()), float(divergence(MU, LOGVAR).mean())


@pytest.mark.parametrize("reconstruction", [1.0, -1.0], ids=["a negative log-likelihood beside it", "a log-likelihood beside it"])
def test_terms_beside_a_bound_that_is_maximised_may_have_either_sign(reconstruction: float) -> None:
    def elbo(raw: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        error, kl = cross_entropy(raw, x).mean(), divergence(mu, logvar).mean()
        return -(error + kl), reconstruction * error, kl

    subject = bound(Script, elbo)
    terms = subject.terms(RAW, X, MU, LOGVAR)
    assert subject.facts.likelihood is Likelihood.BERNOULLI
    assert float(terms.total) == pytest.approx(RECONSTRUCTION + KL, rel=1e-5)
    assert float(terms.kl) == pytest.approx(KL, rel=1e-4)


def test_a_log_likelihood_beside_the_loss_it_is_subtracted_in_is_told_from_the_reconstruction() -> None:
    def loss(raw: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        error, kl = cross_entropy(raw, x).mean(), divergence(mu, logvar).mean()
        return error + kl, kl, -error

    terms = bound(Script, loss).terms(RAW, X, MU, LOGVAR)
    found = [float(one) for one in (terms.total, terms.reconstruction, terms.kl)]
    assert found == pytest.approx([RECONSTRUCTION + KL, RECONSTRUCTION, KL], rel=1e-5)
