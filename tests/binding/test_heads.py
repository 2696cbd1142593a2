"""What the second head means: told from the sampling step and from the KL, independently, and converted where they agree."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from vae_conformance.binding.heads import Head, agree, read_kl, read_sampler

SIGMA: dict[Head, Callable[[Tensor], Tensor]] = {
    Head.LOGVAR: lambda s: torch.exp(s / 2),
    Head.LOG_STD: torch.exp,
    Head.STD: lambda s: s,
    Head.VARIANCE: torch.sqrt,
    Head.PRECISION: torch.rsqrt,
    Head.SOFTPLUS_STD: torch.nn.functional.softplus,
}
every_head = pytest.mark.parametrize("head", list(Head))


def sampler(head: Head, *, floor: float = 0.0) -> Callable[[Tensor, Tensor], Tensor]:
    eps = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    return lambda mu, second: mu + (SIGMA[head](second) + floor) * eps


def divergence(head: Head, weight: float = 1.0) -> Callable[[Tensor, Tensor], float]:
    def kl(mu: Tensor, second: Tensor) -> float:
        variance = SIGMA[head](second) ** 2
        return 40.0 + weight * float(0.5 * (mu**2 + variance - 1 - torch.log(variance)).sum())

    return kl


@every_head
def test_the_sampling_step_tells_the_head(head: Head) -> None:
    assert read_sampler(sampler(head), 5) is head


@every_head
def test_a_floor_on_the_standard_deviation_changes_nothing(head: Head) -> None:
    assert read_sampler(sampler(head, floor=1e-6), 5) is head


@every_head
@pytest.mark.parametrize("weight", [1.0, 0.5, 1 / 128, -1.0, 2000.0])
def test_the_kl_tells_the_head_whatever_its_weight(head: Head, weight: float) -> None:
    assert read_kl(divergence(head, weight), 5) is head


def test_wrong_samplers_have_no_meaning() -> None:
    eps = torch.randn(4, 5, generator=torch.Generator().manual_seed(1))
    assert read_sampler(lambda mu, second: mu, 5) is None
    assert read_sampler(lambda mu, second: mu + eps, 5) is None
    assert read_sampler(lambda mu, second: mu + torch.exp(2 * second) * eps, 5) is None


def test_wrong_kls_have_no_meaning() -> None:
    def constant(_mu: Tensor, _second: Tensor) -> float:
        return 3.0

    def without_logarithm(mu: Tensor, second: Tensor) -> float:
        return float(0.5 * (mu**2 + torch.exp(second) - 1).sum())

    def not_a_number(_mu: Tensor, _second: Tensor) -> float:
        return float("nan")

    for kl in (constant, without_logarithm, not_a_number):
        assert read_kl(kl, 5) is None


@every_head
def test_conversion_there_and_back(head: Head) -> None:
    logvar = torch.linspace(-6, 6, 25, dtype=torch.float64)
    second = head.from_logvar(logvar)
    torch.testing.assert_close(SIGMA[head](second), torch.exp(logvar / 2))
    torch.testing.assert_close(head.to_logvar(second), logvar)
    assert [head.sigma(float(value)) for value in second] == pytest.approx(torch.exp(logvar / 2).tolist())


def test_a_signed_sigma_has_the_variance_of_its_size() -> None:
    torch.testing.assert_close(Head.STD.to_logvar(torch.tensor([-2.0, 2.0])), torch.log(torch.tensor([4.0, 4.0])))


@every_head
def test_agreement(head: Head) -> None:
    for sampling, kl in ((head, head), (head, None), (None, head)):
        found, note = agree(sampling, kl)
        assert found is head
        assert bool(note) is (head is not Head.LOGVAR)
        assert head is Head.LOGVAR or str(head) in note


def test_nothing_known_is_a_log_variance() -> None:
    assert agree(None, None) == (Head.LOGVAR, "")


def test_disagreement_converts_nothing_and_says_so() -> None:
    found, note = agree(Head.STD, Head.LOG_STD)
    assert found is Head.LOGVAR
    assert "standard deviation" in note
    assert "log-standard deviation" in note
