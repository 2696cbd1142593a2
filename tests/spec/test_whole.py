"""NET-07 to NET-11 on subjects that answer what a fault would, and what may be left out at a border."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest
import torch
from fakes import facts, parts
from torch import Tensor

from vae_spec.claims.extent import ENDS, _left_out
from vae_spec.claims.objective import BATCHES, has_its_half
from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS
from vae_spec.subject import Composition, Facts, Noise, Pass, Posterior, Raw, Slopes, Standing, Subject

IMAGE = (1, 12, 12)


@dataclass
class Whole:
    """A subject of linear parts for 12 x 12 images, whose answers a test replaces.

    Attributes:
        read, written: masks of the entries that the encoder reads and the decoder writes.
        slopes: what the composition reports, by name.
        shift: added to the output of the pass, but not to that of the parts.
        dropout: whether a pass draws more than its noise.
        changed: the operations that change what they are given.
        built: the latent dimension of an instance that is constructed with another one.
        ends: how far a steered decoder gets, as a share of the distance from the middle.
        differentiable: whether the encoder has a gradient.
    """

    facts: Facts = field(default_factory=lambda: facts(input_shape=IMAGE))
    read: Tensor = field(default_factory=lambda: torch.ones(IMAGE))
    written: Tensor = field(default_factory=lambda: torch.ones(IMAGE))
    slopes: dict[str, Slopes] = field(default_factory=lambda: {"encoder.weight": Slopes(1.0, 1.0, 0.0)})
    shift: float = 0.0
    dropout: bool = False
    inline: bool = False
    changed: tuple[str, ...] = ()
    built: int | None = 4
    ends: float = 1.0
    differentiable: bool = True

    def posterior(self, x: Tensor) -> Posterior:
        mu = (x * self.read).flatten(1).sum(1, keepdim=True).expand(-1, 3)
        return Posterior(mu, torch.zeros_like(mu))

    def posterior_vjp(self, x: Tensor, mu: Tensor, _logvar: Tensor) -> Tensor | None:
        return mu.sum(1).reshape(-1, 1, 1, 1) * self.read.expand_as(x) if self.differentiable else None

    def decode(self, z: Tensor, **_mode: object) -> Raw:
        return (torch.sigmoid(z.sum(1).reshape(-1, 1, 1, 1) * self.written),)

    def data(self, raw: Raw) -> Tensor:
        return raw[0]

    def reach_data(self, _z: Tensor, x_hat: Tensor, **_fit: object) -> Tensor:
        return 0.5 + self.ends * (x_hat - 0.5)

    def forward(self, x: Tensor, noise: Noise) -> Pass:
        extra = noise.seed if self.dropout else 0
        return Pass((x + extra,), torch.zeros(len(x), 3), torch.zeros(len(x), 3), None)

    def composition(self, x: Tensor, _noise: Noise) -> Composition | None:
        return None if self.inline else Composition((x + self.shift,), (x,), self.slopes)

    def changes(self, _x: Tensor) -> tuple[str, ...]:
        return self.changed

    def latent_dim_built(self, _latent_dim: int, _x: Tensor) -> int | None:
        return self.built


def asked(claim: str, **changes: object) -> Verdict:
    return ask(CLAIMS[claim], cast("Subject", Whole(**changes)), ClaimContext(claim, 0))  # type: ignore[arg-type]


def named(found: Verdict) -> tuple[Outcome, str | None]:
    return found.outcome, found.diagnosis


VIOLATED, HOLDS, NOT_APPLICABLE = Outcome.VIOLATED, Outcome.HOLDS, Outcome.NOT_APPLICABLE


@pytest.mark.parametrize("claim", ["NET-07", "NET-08", "NET-09", "NET-10", "NET-11"])
def test_a_sound_subject_is_accepted(claim: str) -> None:
    found = asked(claim)
    assert found.outcome is HOLDS, found.message


# NET-07 -------------------------------------------------------------------------------------------


def test_an_output_of_its_own_is_a_violation_unless_training_draws_more_than_the_noise() -> None:
    assert named(asked("NET-07", shift=0.1)) == (VIOLATED, None)
    assert asked("NET-07", shift=0.1, dropout=True).outcome is NOT_APPLICABLE
    assert asked("NET-07", inline=True).outcome is NOT_APPLICABLE


@pytest.mark.parametrize(
    ("slopes", "outcome", "mistake"),
    [
        (Slopes(0.5, 1.0, 0.5), VIOLATED, "no-encoder-gradient"),
        (Slopes(0.0, 1.0, 1.0), VIOLATED, "no-encoder-gradient"),
        (Slopes(2.0, 1.0, 1.0), VIOLATED, None),
        (Slopes(1.0, 1.0, 2e-3), VIOLATED, None),
        (Slopes(1.0, 1.0, 1e-4), HOLDS, None),
        (Slopes(1e-9, 1e-8, 1e-8), HOLDS, None),
    ],
)
def test_the_gradients_of_pass_and_parts_are_compared(slopes: Slopes, outcome: Outcome, mistake: str | None) -> None:
    """A gradient that is rounding beside the largest one, as that of a bias before BatchNorm, is left out."""
    found = asked("NET-07", slopes={"decoder.weight": Slopes(1.0, 1.0, 0.0), "encoder.weight": slopes})
    assert named(found) == (outcome, mistake)
    assert ("encoder.weight" in found.message) == (outcome is VIOLATED)


# NET-08, NET-09 -----------------------------------------------------------------------------------


def without(*sides: slice) -> Tensor:
    mask = torch.ones(IMAGE)
    mask[(slice(None), *sides)] = 0
    return mask


def test_rows_that_are_not_read_or_written_are_a_violation_that_says_where() -> None:
    for claim, mask, mistake in (("NET-08", "read", "encoder-sees-part"), ("NET-09", "written", "decoder-writes-part")):
        found = asked(claim, **{mask: without(slice(8, 12))})
        assert named(found) == (VIOLATED, mistake)
        assert "rows 8 to 11, columns 0 to 11" in found.message


def test_what_an_encoder_reads_without_a_gradient_cannot_be_told() -> None:
    assert asked("NET-08", differentiable=False).outcome is NOT_APPLICABLE
    assert named(asked("NET-08", differentiable=False, read=torch.zeros(IMAGE))) == (VIOLATED, "encoder-sees-part")


def test_a_decoder_that_does_not_get_to_the_ends_is_a_violation_where_it_can_be_trained() -> None:
    assert named(asked("NET-09", ends=0.5)) == (VIOLATED, "decoder-range")
    assert asked("NET-09", ends=1 - 0.1).outcome is HOLDS
    untrained = facts(input_shape=IMAGE, parts=parts(TRAINING=Standing.REPLACED))
    assert asked("NET-09", ends=0.5, facts=untrained).outcome is HOLDS
    assert ENDS < 0.1


def share_left_out(mask: Tensor, *, convolutional: bool) -> float:
    return _left_out(mask.flatten() > 0, facts(input_shape=tuple(mask.shape), convolutional=convolutional))[0]


@pytest.mark.parametrize(
    ("sides", "share"),
    [
        ((slice(11, 12),), 0.0),
        ((slice(10, 12),), 0.0),
        ((slice(9, 12),), 3 / 12),
        ((slice(0, 2),), 0.0),
        ((slice(0, 3),), 3 / 12),
        ((slice(None), slice(10, 12)), 0.0),
        ((slice(5, 6),), 1 / 12),
        ((slice(None),), 1.0),
    ],
)
def test_convolutions_may_leave_a_band_of_a_sixth_at_a_border_and_nothing_else_may(sides: tuple[slice, ...], share: float) -> None:
    mask = without(*sides)
    assert share_left_out(mask, convolutional=True) == pytest.approx(share)
    assert share_left_out(mask, convolutional=False) == pytest.approx(float((mask == 0).double().mean()))


def test_a_hole_beside_a_band_is_counted_among_what_lies_within() -> None:
    mask = without(slice(10, 12))
    mask[0, 4, 5] = 0
    assert share_left_out(mask, convolutional=True) == pytest.approx(1 / 120)


def test_every_channel_and_flat_items_are_judged_as_a_whole() -> None:
    colours = torch.ones(3, 12, 12)
    colours[2] = 0
    assert share_left_out(colours, convolutional=True) == pytest.approx(1 / 3)
    flat = torch.ones(60)
    flat[50:] = 0
    assert share_left_out(flat, convolutional=True) == pytest.approx(10 / 60)


# NET-10, NET-11 -----------------------------------------------------------------------------------


def test_an_operation_that_changes_what_it_is_given_is_named() -> None:
    found = asked("NET-10", changed=("forward", "loss"))
    assert named(found) == (VIOLATED, "input-changed")
    assert "forward and loss" in found.message


@pytest.mark.parametrize(("built", "expected"), [(3, (VIOLATED, "argument-ignored")), (4, (HOLDS, None)), (None, (NOT_APPLICABLE, None))])
def test_a_constructor_is_obeyed_refuses_or_ignores(built: int | None, expected: tuple[Outcome, str | None]) -> None:
    assert named(asked("NET-11", built=built)) == expected


# OBJ-02's half ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pixels", "scales", "half"),
    [
        (64, (1.0, 1.0), True),  # summed over the entries, averaged over the batch
        (64, (4.0, 9.0), True),  # summed over the batch too
        (64, (1 / 64, 1 / 64), True),  # averaged over everything
        (64, (2.0, 2.0), False),  # without the half
        (64, (8.0, 18.0), False),
        (64, (1 / 32, 1 / 32), False),
        (64, (3.0, 3.0), False),
        (64, (1.0, 2.0), False),  # the half at one batch size, none at the other
        (2, (1.0, 1.0), False),  # with two entries a mean without the half is a sum with it
    ],
)
def test_a_half_is_seen_where_it_cannot_be_mistaken_for_a_mean(pixels: int, scales: tuple[float, float], half: bool) -> None:
    assert len(BATCHES) == len(scales)
    assert has_its_half(facts(input_shape=(pixels,)), scales) is half
