"""Kinds of items: counts, where the likelihood asks for integers, and sequences of tokens, which are one-hot rows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from binding_samples import Layers, bound, divergence, noisy, verdict
from torch import Tensor, nn
from torch.distributions import NegativeBinomial, Poisson

from vae_conformance.errors import Unbound
from vae_spec.outcomes import Outcome
from vae_spec.strategies import Pixels, images
from vae_spec.subject import Likelihood, Part, Standing


class Counting(Layers):
    """Its decoder gives rates, and its loss refuses anything but counts."""

    def encode(self, x: Tensor) -> Any:
        return self.heads(torch.log1p(x))

    def decode(self, z: Tensor) -> Tensor:
        return 9 * self.layers(z)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(noisy(mu, logvar)), mu, logvar

    def loss(self, rate: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return (-Poisson(rate).log_prob(x).sum(1) + divergence(mu, logvar)).mean()


class Dispersed(Counting):
    """Its likelihood is a negative binomial."""

    def loss(self, rate: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return (-NegativeBinomial(2.0, logits=torch.log(rate / 2)).log_prob(x).sum(1) + divergence(mu, logvar)).mean()


class PerItem(Counting):
    """Its rates are multiples of the sum of an item's counts."""

    def decode(self, z: Tensor, total: Tensor) -> Tensor:  # type: ignore[override]
        return total * torch.softmax(self.layers(z), 1)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(noisy(mu, logvar), x.sum(1, keepdim=True) + 1), mu, logvar


class InlinePerItem(PerItem):
    """The same, without a method."""

    decode = None  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return (x.sum(1, keepdim=True) + 1) * torch.softmax(self.layers(noisy(mu, logvar)), 1), mu, logvar


class Sentences(nn.Module):
    """Each position is scored from the code alone."""

    def __init__(self, vocabulary: int = 11, latent: int = 3, max_len: int = 6) -> None:
        super().__init__()
        self.max_len = max_len
        self.words = nn.Embedding(vocabulary, 8)
        self.reader = nn.GRU(8, 10, batch_first=True)
        self.head, self.second = nn.Linear(10, latent), nn.Linear(10, latent)
        self.writer = nn.Linear(latent, max_len * vocabulary)

    def encode(self, tokens: Tensor) -> Any:
        last = self.reader(self.words(tokens))[1][-1]
        return self.head(last), self.second(last)

    def decode(self, z: Tensor) -> Tensor:
        return self.writer(z).unflatten(1, (self.max_len, -1))

    def forward(self, tokens: Tensor) -> Any:
        mu, logvar = self.encode(tokens)
        return self.decode(noisy(mu, logvar)), mu, logvar


class Taught(Sentences):
    """Its decoder is passed the tokens before each token."""

    def decode(self, z: Tensor, before: Tensor) -> Tensor:  # type: ignore[override]
        return self.writer(z).unflatten(1, (self.max_len, -1)) + self.words(before).sum(-1, keepdim=True)

    def forward(self, tokens: Tensor) -> Any:
        mu, logvar = self.encode(tokens)
        return self.decode(noisy(mu, logvar), tokens.roll(1, 1)), mu, logvar


def loss_fn(logits: Tensor, tokens: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the loss of sentences."""
    nll = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="sum")
    return (nll + divergence(mu, logvar).sum()) / len(tokens)


def test_a_likelihood_that_asks_for_integers_is_given_counts() -> None:
    subject = bound(Counting)
    facts = subject.facts
    assert (facts.counts, facts.input_range, facts.likelihood) == (True, (0.0, 16.0), Likelihood.POISSON)
    assert any("integers from 0 to 16" in note for note in facts.notes)
    x = images(Pixels.BETWEEN, 5, facts, torch.Generator().manual_seed(0))
    assert torch.equal(x, x.round())
    assert {verdict(claim, subject).outcome for claim in ("OBJ-02", "OBJ-03", "OBJ-05", "KL-03", "NET-02")} == {Outcome.HOLDS}


def test_rates_need_not_reach_the_counts_that_the_suite_draws() -> None:
    class Frequent(Counting):
        def decode(self, z: Tensor) -> Tensor:
            return 1 + self.layers(z)

    subject = bound(Frequent)
    assert {verdict(claim, subject).outcome for claim in ("NET-02", "NET-09")} == {Outcome.HOLDS}


def test_negative_rates_are_rejected() -> None:
    class Unbounded(Counting):
        def decode(self, z: Tensor) -> Tensor:
            return 5 * z @ self.head.weight @ self.hidden.weight

        def loss(self, rate: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
            return (F.poisson_nll_loss(rate, x, log_input=False, eps=0, reduction="none").sum(1) + divergence(mu, logvar)).mean()

    subject = bound(Unbounded)
    assert subject.facts.likelihood is Likelihood.POISSON
    assert verdict("NET-02", subject).outcome is Outcome.VIOLATED


def test_an_unknown_likelihood_of_counts_is_undecided() -> None:
    subject = bound(Dispersed)
    assert (subject.facts.counts, subject.facts.likelihood) == (True, None)
    found = verdict("OBJ-03", subject)
    assert found.outcome is Outcome.NOT_APPLICABLE
    assert "a likelihood that the suite does not know" in found.message
    assert verdict("KL-01", subject).outcome is Outcome.HOLDS


@pytest.mark.parametrize("made", [PerItem, InlinePerItem])
def test_a_number_of_each_item_beside_the_code_is_refused(made: type[nn.Module]) -> None:
    with pytest.raises(Unbound, match="takes one number of each item beside z") as refused:
        bound(made)
    assert "adapter" in refused.value.hint


def test_sequences_of_tokens_are_one_hot_rows() -> None:
    subject = bound(Sentences, loss_fn)
    facts = subject.facts
    assert (facts.tokens, facts.input_shape, facts.likelihood, facts.is_image) == (True, (6, 11), Likelihood.CATEGORICAL, False)
    assert any("sequences of tokens" in text for text in facts.assumed)
    x = images(Pixels.MIXED, 5, facts, torch.Generator().manual_seed(0))
    assert torch.equal(x.sum(-1), torch.ones(5, 6))
    assert facts.parts[Part.LOSS].standing is Standing.PRESENT
    claims = ("OBJ-02", "OBJ-03", "OBJ-04", "OBJ-05", "KL-02", "KL-03", "NET-01", "NET-02", "NET-04", "NET-08", "NET-09")
    assert {claim: verdict(claim, subject).outcome for claim in claims} == dict.fromkeys(claims, Outcome.HOLDS)


def test_teacher_forcing_is_refused_by_name() -> None:
    with pytest.raises(Unbound, match="decode is autoregressive") as refused:
        bound(Taught, loss_fn)
    assert "--decoder autoregressive" in refused.value.hint


def test_several_outputs_for_each_item_are_refused_by_name() -> None:
    class Weighted(Layers):
        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            return self.layers(mu + torch.exp(0.5 * logvar) * torch.randn(7, *mu.shape)), mu, logvar

    with pytest.raises(Unbound, match="forward gives 7 outputs for each item"):
        bound(Weighted)
