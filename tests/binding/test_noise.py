"""Control of the noise: watching changes nothing, and the noise can be left out or given without moving the random stream."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal
from torch.nn import functional as F

from vae_conformance.guard.random_calls import LastOperation, RandomCalls
from vae_conformance.guard.seeds import restored_once, seeded
from vae_spec.subject import Noise

MU = torch.linspace(-2, 2, 12).reshape(4, 3)
SIGMA = torch.linspace(0.5, 3, 12).reshape(4, 3)

Draw = Callable[[], Tensor]


def at_zero(**settings: object) -> Tensor:
    return torch.empty(4, 3).normal_(**settings)


def private() -> torch.Generator:
    return torch.Generator().manual_seed(8)


DRAWS: dict[str, Draw] = {
    "randn": lambda: MU + SIGMA * torch.randn(4, 3),
    "randn of a size": lambda: MU + SIGMA * torch.randn(MU.size()),
    "randn in double precision": lambda: MU + SIGMA * torch.randn(4, 3, dtype=torch.float64),
    "randn_like": lambda: MU + SIGMA * torch.randn_like(SIGMA),
    "normal_": lambda: MU + SIGMA * torch.empty(4, 3).normal_(),
    "normal_ by moments": lambda: MU + (SIGMA * at_zero(mean=0.5, std=2.0) - 0.5 * SIGMA) / 2,
    "normal of mean and std": lambda: torch.normal(MU, SIGMA),
    "normal of a mean": lambda: MU + SIGMA * torch.normal(torch.zeros(4, 3)),
    "normal of a mean and one std": lambda: MU + SIGMA * torch.normal(torch.zeros(4, 3), 1.0),
    "normal of one mean": lambda: MU + torch.normal(0.0, SIGMA),
    "normal of numbers": lambda: MU + SIGMA * torch.normal(0.0, 1.0, (4, 3)),
    "rsample": lambda: Normal(MU, SIGMA).rsample(),
    "sample": lambda: Normal(MU, SIGMA).sample(),
    "rsample of an independent": lambda: Independent(Normal(MU, SIGMA), 1).rsample(),
    "private generator": lambda: MU + SIGMA * torch.randn(4, 3, generator=private()),
    "private generator, in place": lambda: MU + SIGMA * torch.empty(4, 3).normal_(generator=private()),
    "private generator, normal": lambda: torch.normal(MU, SIGMA, generator=private()),
}
every_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
GLOBAL = {name: draw for name, draw in DRAWS.items() if "private" not in name}
global_draw = pytest.mark.parametrize("draw", GLOBAL.values(), ids=GLOBAL.keys())


def under(noise: Noise, draw: Draw, *, seed: int = 5) -> tuple[Tensor, Tensor, RandomCalls]:
    """What a draw gives under control of the noise, the next number of the stream, and what was watched."""
    with seeded(seed), RandomCalls(noise) as watch:
        drawn = draw()
        following = torch.rand(3)
    return drawn, following, watch


@global_draw
def test_watching_changes_no_bit(draw: Draw) -> None:
    with seeded(5):
        bare, following = draw(), torch.rand(3)
    watched, after, watch = under(Noise(seed=5), draw)
    assert torch.equal(bare, watched)
    assert torch.equal(following, after)
    assert len(watch.names) == 2  # the draw, and the look at what follows


@every_draw
def test_without_noise_the_mean_comes_and_the_stream_goes_on(draw: Draw) -> None:
    _drawn, following, _watch = under(Noise(seed=5), draw)
    silent, after, _watch = under(Noise.none(), draw)
    torch.testing.assert_close(silent.float(), MU, rtol=0, atol=1e-6)
    assert torch.equal(following, after)


@every_draw
def test_given_noise_takes_the_place_of_the_drawn(draw: Draw) -> None:
    given = torch.linspace(-1.5, 1.5, 12, dtype=torch.float64).reshape(4, 3)
    drawn, _following, _watch = under(Noise(given=given), draw)
    torch.testing.assert_close(drawn.double(), MU.double() + SIGMA.double() * given, rtol=1e-6, atol=1e-6)


@every_draw
def test_one_seed_decides(draw: Draw) -> None:
    first, again, other = (under(Noise(seed=seed), draw, seed=seed)[0] for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_given_noise_of_another_size_is_left_to_the_draw() -> None:
    bare, _following, _watch = under(Noise(), lambda: torch.randn(4, 3))
    drawn, _following, _watch = under(Noise(given=torch.zeros(4, 2)), lambda: torch.randn(4, 3))
    assert torch.equal(bare, drawn)


def test_gradients_pass_the_interception() -> None:
    mu, sigma = MU.clone().requires_grad_(), SIGMA.clone().requires_grad_()
    given = torch.linspace(-1, 1, 12).reshape(4, 3)
    with RandomCalls(Noise(given=given)):
        z = Normal(mu, sigma).rsample()
    slopes = torch.autograd.grad(z.sum(), (mu, sigma))
    assert torch.equal(slopes[0], torch.ones(4, 3))
    torch.testing.assert_close(slopes[1], given)


@pytest.mark.parametrize("noise", [Noise.none(), Noise(given=torch.zeros(100))], ids=["zero", "given"])
@pytest.mark.parametrize(
    "draw",
    [
        lambda: F.dropout(torch.ones(100)),
        lambda: torch.rand(100),
        lambda: torch.bernoulli(torch.full((100,), 0.5)),
        lambda: torch.empty(100).uniform_(),
    ],
    ids=["dropout", "rand", "bernoulli", "uniform_"],
)
def test_what_is_not_gaussian_is_left_alone_but_noted(noise: Noise, draw: Draw) -> None:
    with seeded(5):
        bare = draw()
    drawn, _following, watch = under(noise, draw)
    assert torch.equal(bare, drawn)
    assert len(watch.names) >= 2


def test_dropout_before_the_sampling_step_is_the_same_with_and_without_noise() -> None:
    def both() -> Tensor:
        return torch.cat([F.dropout(torch.ones(50)), torch.randn(50), F.dropout(torch.ones(50))])

    drawn, _following, _watch = under(Noise(), both)
    silent, _after, _watch = under(Noise.none(), both)
    assert torch.equal(drawn[:50], silent[:50])
    assert torch.equal(drawn[100:], silent[100:])
    assert not silent[50:100].any()


def test_a_private_generator_is_set_aside_and_goes_on_as_it_would() -> None:
    own, other = (torch.Generator().manual_seed(8) for _ in range(2))
    with seeded(5), RandomCalls(Noise()):
        first = torch.randn(6, generator=own)
    torch.randn(6, generator=other)
    assert torch.equal(own.get_state(), other.get_state())
    with seeded(5):
        assert torch.equal(first, torch.randn(6))


def test_a_private_generator_that_was_put_back_draws_what_it_drew() -> None:
    own, states = torch.Generator(), set[int]()

    def drawn(seed: int) -> list[float]:
        with seeded(seed), RandomCalls(Noise(), states):
            return [float(torch.randn((), generator=own.manual_seed(8) if place == 0 else own)) for place in range(2)]

    first, again, once_more = (drawn(seed) for seed in (1, 2, 3))
    assert first != again == once_more
    assert len(set(again)) == 2


def test_names_are_noted_in_their_order() -> None:
    with RandomCalls(Noise()) as watch:
        torch.rand(2)
        torch.randn(2)
        torch.empty(2).normal_()
        torch.ones(2) + 1
    assert watch.names == ["rand", "randn", "normal_"]


def states() -> tuple[Tensor, tuple[object, ...], object]:
    _, words, *rest = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state(), (words.tolist(), *rest), random.getstate()


def same(before: tuple[Tensor, tuple[object, ...], object], after: tuple[Tensor, tuple[object, ...], object]) -> bool:
    return torch.equal(before[0], after[0]) and before[1:] == after[1:]


def draw_of_all() -> tuple[float, float, float]:
    return float(torch.rand(())), float(np.random.random()), random.random()  # noqa: NPY002


def test_seeded_decides_every_generator_and_puts_them_back() -> None:
    draw_of_all()
    before = states()
    with seeded(3):
        first = draw_of_all()
    assert same(before, states())
    with seeded(3):
        assert draw_of_all() == first
    with seeded(4):
        assert all(one != other for one, other in zip(draw_of_all(), first, strict=True))


def test_states_are_put_back_once_except_within_another_seed() -> None:
    before = states()
    with seeded(3):
        first, second = draw_of_all(), draw_of_all()
    with restored_once():
        with seeded(3):
            draw_of_all()
        assert not same(before, states())
        with seeded(3):
            assert draw_of_all() == first
            with seeded(4):
                draw_of_all()
            assert draw_of_all() == second
        with restored_once():
            draw_of_all()
    assert same(before, states())


def test_seeded_puts_the_states_back_behind_an_exception() -> None:
    before = states()
    with pytest.raises(ZeroDivisionError), seeded(3):
        _ = draw_of_all()[0] / 0
    assert same(before, states())


@pytest.mark.parametrize("seed", [0, 2**31, 2**63 - 1, 2**64 + 5])
def test_seeds_of_any_size_are_taken(seed: int) -> None:
    with seeded(seed):
        first = draw_of_all()
    with seeded(seed):
        assert draw_of_all() == first


@pytest.mark.parametrize(
    ("computation", "name"),
    [
        (lambda x: torch.sigmoid(x).view(2, 6), "sigmoid"),
        (lambda x: torch.tanh(x).unsqueeze(0).clone().to(torch.float64), "tanh"),
        (lambda x: F.linear(torch.sigmoid(x), torch.ones(5, 3)), "mm"),
        (lambda x: (x + 1).reshape(3, 4).T.contiguous(), "add"),
    ],
    ids=["sigmoid", "tanh", "linear", "add"],
)
def test_the_last_operation_is_the_one_that_computes(computation: Callable[[Tensor], Tensor], name: str) -> None:
    with torch.no_grad(), LastOperation() as last:
        computation(MU)
    assert last.name == name
