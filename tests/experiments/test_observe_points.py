"""What is measured of a model of points: where its draws fall, whether they are copies, whether its line jumps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import pytest
import torch
from fakes import facts
from torch import Tensor

from vae_conformance.data.datasets import clusters
from vae_conformance.experiments.observe_points import LINE_POINTS, SHOWN, observe_points
from vae_conformance.guard.seeds import seeded
from vae_spec.observations import PointObservations
from vae_spec.subject import Facts, Posterior, Raw, Subject, SubjectFault

SEED = 3


@dataclass
class Points:
    """A model whose mu is the point itself and whose decoder is a function; its first axis is the active one."""

    decoder: Callable[[Tensor], Tensor]
    facts: Facts = field(default_factory=lambda: facts(input_shape=(2,), latent_dim=2))

    def posterior(self, x: Tensor) -> Posterior:
        return Posterior(x, torch.zeros_like(x))

    def decode(self, z: Tensor) -> Raw:
        return (self.decoder(z),)

    def data(self, raw: Raw) -> Tensor:
        return raw[0]


def seen(decoder: Callable[[Tensor], Tensor]) -> PointObservations:
    return observe_points(cast("Subject", Points(decoder)), SEED)


def two_clusters(z: Tensor) -> Tensor:
    """The clusters' own law, but for a steep way from one to the other."""
    return torch.stack([torch.tanh(20 * z[:, 0]), 0.15 * z[:, 1]], 1)


def trained_points() -> Tensor:
    with seeded(SEED, torch.device("cpu")):
        return clusters()


def test_draws_that_follow_the_clusters_are_near_and_no_copies() -> None:
    found = seen(two_clusters)
    assert found.energy_distance < 0.05
    assert found.near > 0.95
    assert found.copies < 0.1
    assert found.generated.shape == (500, 2)
    assert found.line.shape == (math.ceil(LINE_POINTS / SHOWN), 2)


def test_draws_elsewhere_are_far_and_not_near() -> None:
    found = seen(lambda z: two_clusters(z) + torch.tensor([0.0, 3.0]))
    assert found.energy_distance > 1
    assert found.near == 0


def test_draws_between_the_clusters_are_near_and_yet_far_from_their_law() -> None:
    found = seen(lambda z: 0.01 * z)
    assert found.near == 1
    assert found.energy_distance > 0.5


def test_training_points_are_told_as_copies() -> None:
    memory = trained_points()
    found = seen(lambda z: memory[torch.cdist(two_clusters(z), memory).argmin(1)])
    assert found.copies == 1


@pytest.mark.parametrize(("step", "jumps"), [(1.0, True), (0.1, True), (None, False)])
def test_a_rounded_code_makes_the_line_jump(step: float | None, jumps: bool) -> None:
    found = seen(lambda z: z if step is None else step * torch.round(z / step))
    assert (found.second_difference > 5) == jumps


def test_a_kink_is_no_jump() -> None:
    assert seen(lambda z: torch.relu(z) - 0.1 * torch.relu(-z)).second_difference < 2.5


def test_a_line_that_stands_still_has_no_shape() -> None:
    assert math.isnan(seen(lambda z: 0 * z + 1).second_difference)


def test_what_is_not_finite_is_a_fault() -> None:
    with pytest.raises(SubjectFault, match="not finite"):
        seen(lambda z: z / 0)
