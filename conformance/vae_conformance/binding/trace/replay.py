"""A pass replayed with other tensors in the place of some of its nodes, on any number of items."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.trace.tape import Reached, Replacement, Tape, record

_MOVED: dict[tuple[tuple[str, ...], int], tuple[dict[int, int], Sequence[str]]] = {}
"""By the operations of a pass, and another number of items on which it makes others: which node has become which, and the operations."""


def replay(run: Callable[[Tensor], Any], x: Tensor, replaced: Mapping[int, Replacement], operations: Sequence[str]) -> Any:
    """What a pass gives with other tensors in the place of some nodes, attached to whatever they are attached to.

    Args:
        run: the pass.
        x: the batch, of shape (batch, ...); a copy is passed on.
        replaced: what to put in the place of which nodes.
        operations: those of the pass that the numbers are of. Where these are others on as many items, as those of a loop over items
            are, the nodes are those that match.
    """
    return _replayed(run, x, replaced, operations)[0]


def replay_to(
    run: Callable[[Tensor], Any], x: Tensor, number: int, replaced: Mapping[int, Replacement], operations: Sequence[str]
) -> Tensor | None:
    """The tensor at a node of such a pass, which ends there; None where another operation stands in its place."""
    _result, tape, there = _replayed(run, x, replaced, operations, last=number)
    return tape.made[there] if len(tape.operations) > there and tape.operations[there] == operations[number] else None


def _replayed(
    run: Callable[[Tensor], Any], x: Tensor, replaced: Mapping[int, Replacement], operations: Sequence[str], last: int = 0
) -> tuple[Any, Tape, int]:
    """What a replay gives, its tape, and the number of the last node of interest in it."""
    state, here = torch.get_rng_state(), (tuple(operations), len(x))
    moved, expected = _MOVED.get(here, ({}, operations))
    for again in (True, False):
        put = {moved.get(number, number): one for number, one in replaced.items()}
        there = moved.get(last, last)
        end = max({*put, there}) + 1
        result, tape, failure = _run(run, x, put, there)
        made = tape.operations[:end]
        if not again or (made == list(expected[: len(made)]) and (failure is not None or len(made) == end)):
            break
        torch.set_rng_state(state)
        expected = record(run, x.to(torch.get_default_dtype())).operations
        moved, _ = _MOVED[here] = matched(operations, expected), expected
        torch.set_rng_state(state)
    if failure is not None:
        raise failure
    return result, tape, there


def _run(run: Callable[[Tensor], Any], x: Tensor, replaced: Mapping[int, Replacement], last: int) -> tuple[Any, Tape, Exception | None]:
    tape = Tape(replaced, last=last or None, noting=False)
    batch = tape.take(x.clone(), "batch")
    try:
        with tape:
            return run(batch), tape, None
    except Reached:
        return None, tape, None
    except Exception as error:  # noqa: BLE001  the author's, raised again where the nodes are the right ones
        return None, tape, error


def matched(one: Sequence[str], other: Sequence[str]) -> dict[int, int]:
    """By the number of a node in one pass that of the same in another one, of which some operations may be missing or repeated."""
    blocks = SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks()
    return {block.a + step: block.b + step for block in blocks for step in range(block.size)}
