"""Batches: epoch after epoch in an order that the seed decides."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from training_samples import RECIPE

from vae_conformance.experiments.trainer import batches
from vae_spec.evidence import Recipe


def indices(count: int, recipe: Recipe) -> list[list[int]]:
    return [chosen.tolist() for chosen in batches(count, recipe) if chosen is not None]


@pytest.mark.parametrize(("count", "batch"), [(100, 10), (103, 10), (7, 3), (10, 10)])
def test_an_epoch_has_no_item_twice(count: int, batch: int) -> None:
    per_epoch = count // batch
    steps = indices(count, replace(RECIPE, steps=3 * per_epoch, batch=batch))
    assert [len(step) for step in steps] == [batch] * (3 * per_epoch)
    epochs = [sum(steps[start : start + per_epoch], []) for start in range(0, len(steps), per_epoch)]
    assert all(len(set(epoch)) == per_epoch * batch for epoch in epochs)
    assert all(min(epoch) >= 0 and max(epoch) < count for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_what_an_epoch_leaves_out_comes_in_others() -> None:
    seen = set(sum(indices(103, replace(RECIPE, steps=100, batch=10)), []))
    assert seen == set(range(103))


def test_the_seed_decides_the_order_and_nothing_else_does() -> None:
    first = indices(100, RECIPE)
    torch.manual_seed(99)
    assert indices(100, RECIPE) == first
    assert indices(100, replace(RECIPE, beta=0.0, noise=False, learning_rate=1.0)) == first
    assert indices(100, replace(RECIPE, seed=4)) != first


def test_longer_runs_begin_as_shorter_ones() -> None:
    assert indices(100, replace(RECIPE, steps=80))[:60] == indices(100, RECIPE)


def test_a_batch_of_more_than_there_is_takes_all() -> None:
    assert [sorted(step) for step in indices(5, replace(RECIPE, steps=2, batch=64))] == [[0, 1, 2, 3, 4]] * 2


def test_orders_lie_where_they_are_wanted() -> None:
    assert {chosen.device.type for chosen in batches(20, replace(RECIPE, steps=3), torch.device("meta")) if chosen is not None} == {"meta"}


def test_a_batch_of_zero_stands_for_all_items() -> None:
    assert list(batches(50, replace(RECIPE, steps=3, batch=0))) == [None] * 3
