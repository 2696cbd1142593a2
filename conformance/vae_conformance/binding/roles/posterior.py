"""Mu, the second head and z in a recorded pass, by what the noise does: no name, position or layout is read.

Where the noise eps of a pass is replaced, z is a node that follows it entry by entry and affinely: z(2 eps) - z(0) = 2 (z(eps) - z(0)),
and under a random 0/1 mask every entry moves by all of its scale or by nothing. Mu is a node without noise, before z, that equals z(0).
The second head is another one that moves the scale z(1) - z(0) and leaves z(0) where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from vae_conformance.binding.heads import Head, head_of
from vae_conformance.binding.roles.nodes import ORIGINS, RoleNode, Roles, alike, close, equal, shape, without_noise
from vae_conformance.binding.trace.tape import EPS, Recording, Replacement

Record = Callable[[int, Mapping[int, Replacement]], Recording]
"""Records a pass under a seed, with some nodes replaced."""

_DROPPING = ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d", "bernoulli")
"""Random operations that drop something, and draw no noise."""
_DRAWING = (EPS, "randn", "randn_like", "rand", "rand_like", "uniform_")
"""Operations that draw; an argument of theirs only gives the shape."""
_UNSET = ("empty", "empty_like", "new_empty")
"""Operations whose numbers mean nothing before something is drawn into them."""
_LIKELIEST = (Head.LOGVAR, Head.SOFTPLUS_STD, Head.LOG_STD, Head.VARIANCE, Head.STD)
_STEP = 0.25
"""How far a head is moved to see what follows it."""


@dataclass(frozen=True, eq=False)
class Latent:
    """The latent of a pass that draws, by intervention on the noise alone.

    Attributes:
        noise: the nodes that hold the draws it is made of.
        z: its node.
        mean: the node of the posterior's mean.
        still: the nodes without noise that it is made of.
        passes: recordings of the pass as it is, and with each of `_GIVEN` in the place of the noise, by name.
        recorded: records another one.
    """

    noise: tuple[int, ...]
    z: RoleNode
    mean: RoleNode
    still: tuple[int, ...]
    passes: Mapping[str, Recording]
    recorded: Record
    _moves: dict[int, bool] = field(default_factory=dict)

    def value(self, number: int, under: str = "silent") -> Tensor:
        """The value of a node with one kind of noise."""
        value = self.passes[under].nodes[number].value
        assert value is not None
        return value

    @property
    def code(self) -> Tensor:
        """The latent that was drawn under the first seed."""
        return self.value(self.z.number, "drawn")

    @property
    def mu(self) -> Tensor:
        """The posterior's mean."""
        return self.value(self.mean.number)

    @property
    def sigma(self) -> Tensor:
        """By how much noise of ones moves the latent."""
        return self.value(self.z.number, "ones") - self.value(self.z.number)

    def second(self, returned: Tensor | None) -> RoleNode | None:
        """The second head: the node that holds what is returned as such, or what that was made of; else the first that moves the scale."""
        values = {one: self.passes["silent"].nodes[one].value for one in self.still}
        sized = [one for one, value in values.items() if value is not None and value.numel() == self.mu.numel()]
        for origin in ORIGINS if returned is not None else ():
            assert returned is not None
            wanted = origin(returned)
            there = [one for one in sized if alike(self.value(one), wanted)]
            # The last of several, so that a clamp before it is no part of the step; but none behind a cut in the history, which is.
            attached = [one for one in there if self.passes["silent"].nodes[one].attached] or there
            for number in reversed(attached):
                if self._moves_scale(number):
                    return RoleNode(number, tuple(self.value(number).shape[1:]), origin)
        if returned is not None:
            return None
        moving = [number for number in sized if self._moves_scale(number)]
        # One whose meaning is known goes before a part of it, such as what a constant is added to.
        known = {head: number for number in reversed(moving) if (head := _meaning(self.value(number), self.sigma)) is not None}
        found = next((known[head] for head in _LIKELIEST if head in known), None)
        found = found if found is not None else next(iter(moving), None)
        return None if found is None else RoleNode(found, tuple(self.value(found).shape[1:]))

    def _moves_scale(self, number: int) -> bool:
        """Whether moving a node moves the scale of z, and leaves z without noise where it is."""
        if number not in self._moves:
            there = []
            for name in ("silent", "ones"):
                passed = self.recorded(0, {**dict.fromkeys(self.noise, _GIVEN[name]), number: lambda value: value + _STEP})
                there.append(passed.nodes[self.z.number].value if len(passed.nodes) > self.z.number else None)
            silent, ones = there
            size = self.sigma.shape
            self._moves[number] = (
                silent is not None
                and ones is not None
                and silent.shape == ones.shape == size
                and close(silent, self.value(self.z.number))
                and bool((((ones - silent) - self.sigma).abs() > 1e-6).any())
            )
        return self._moves[number]

    def roles(self, second: Tensor | None) -> Roles:
        """The roles of the nodes, the second head's by what the pass is known to give as such."""
        first = self.passes["drawn"]
        return Roles(self.noise, self.z, self.mean, self.second(second), first.operations, first.nodes[self.z.number].line)


def find_latent(recorded: Record, first: Recording, other: Recording, batch: int, size: int | None = None) -> Latent | None:
    """The latent of a pass; None where its operations change from call to call, or no node is mu + sigma * eps.

    Args:
        recorded: records the pass.
        first: a recording of it under seed 0.
        other: one under another seed.
        batch: how many items it is run on.
        size: how many numbers the latent has, where that is known.
    """
    if first.operations != other.operations:
        return None
    noise = _noise(first, other)
    # All of it; or, where noise is drawn elsewhere too, on the input of a denoising model say, one draw after the other.
    sets = dict.fromkeys([noise, *((number,) for number in reversed(noise))] if noise else [])
    return next((found for one in sets if (found := _latent_of(recorded, first, one, batch, size)) is not None), None)


def _latent_of(recorded: Record, first: Recording, noise: tuple[int, ...], batch: int, size: int | None) -> Latent | None:
    """The latent by intervention on these draws, all others as they are under the seed."""
    passes = {name: recorded(0, dict.fromkeys(noise, value)) for name, value in _GIVEN.items()}
    if any(one.operations != first.operations for one in passes.values()):
        return None
    silent, ones = passes["silent"], passes["ones"]
    moved = silent.descendants(frozenset(noise))
    for number in sorted(moved, reverse=True):
        values = [one.nodes[number].value for one in passes.values()]
        if not _is_affine(values, batch) or (size is not None and values[0] is not None and values[0].numel() != size):
            continue
        number = _decoded(silent, ones, number, moved)  # noqa: PLW2901  the node that is looked for
        still = sorted(silent.ancestors(number) - moved - set(noise))
        z = silent.nodes[number].value
        assert z is not None
        mean = next((one for one in still if one and alike(silent.nodes[one].value, z)), None)
        if mean is not None:
            nodes = (RoleNode(number, tuple(z.shape[1:])), RoleNode(mean, shape(silent, mean)))
            others = tuple(one for one in still if one not in (0, mean))
            return Latent(noise, *nodes, others, {"drawn": first, **passes}, recorded)
    return None


def find_roles(recorded: Record, mu: Tensor | None, second: Tensor | None, batch: int) -> Roles | None:
    """The roles in a pass; None where they do not show.

    Args:
        recorded: records it.
        mu: what the pass is known to give as mu, of shape (batch, ...), or None.
        second: what it is known to give as its second head, or None.
        batch: how many items it is run on.
    """
    first, other = recorded(0, {}), recorded(1, {})
    if first.operations == other.operations and not _noise(first, other):
        return without_noise(first, mu)
    latent = find_latent(recorded, first, other, batch, None if mu is None else mu.numel())
    return None if latent is None else latent.roles(second)


def _decoded(silent: Recording, ones: Recording, number: int, moved: frozenset[int]) -> int:
    """Of the nodes that hold the same latent as one does, the one that goes on to all that is made of it.

    An estimate of the KL makes another node of the same numbers, such as (z - 0) / 1, which is not decoded: from the first of them the way
    goes on as long as nothing else is made of it.
    """
    held = [one.nodes[number].value for one in (silent, ones)]

    def holds_it(other: int) -> bool:
        return all(value is not None and alike(one.nodes[other].value, value) for one, value in zip((silent, ones), held, strict=True))

    made: dict[int, list[int]] = {}
    for child, node in enumerate(silent.nodes):
        for parent in node.parents:
            made.setdefault(parent, []).append(child)
    there = min(one for one in (number, *(silent.ancestors(number) & moved)) if holds_it(one))
    while len(made.get(there, ())) == 1 and holds_it(made[there][0]):
        there = made[there][0]
    return there


def _mask(drawn: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(drawn.shape, generator=generator) < 0.5).to(drawn)


_GIVEN: Mapping[str, Replacement] = {
    "silent": torch.zeros_like,
    "ones": torch.ones_like,
    "twos": lambda drawn: torch.full_like(drawn, 2.0),
    "masked": _mask,
}
"""What the noise is replaced by."""


def _noise(first: Recording, other: Recording) -> tuple[int, ...]:
    """Return the nodes that hold draws: those of operations that draw, and others at which passes under two seeds begin to differ."""
    differ = {number for number, (one, two) in enumerate(zip(first.nodes, other.nodes, strict=True)) if not equal(one.value, two.value)}
    # What draws is noise, even if it draws the same each time.
    drawn = [number for number, node in enumerate(first.nodes) if node.operation in _DRAWING]
    # Noise that PyTorch does not draw, such as NumPy's, is what differs though nothing before it does.
    begun = [
        number
        for number in sorted(differ.difference(drawn))
        if first.nodes[number].operation not in (*_DROPPING, *_UNSET) and not differ.intersection(first.nodes[number].parents)
    ]
    return (*drawn, *begun)


def _is_affine(values: list[Tensor | None], batch: int) -> bool:
    """Whether a node follows the noise affinely and entry by entry, by its values under noise of 0, 1, 2 and a mask."""
    silent, ones, twos, masked = values
    if silent is None or ones is None or twos is None or masked is None:
        return False
    if silent.dim() < 2 or len(silent) != batch or not silent.shape == ones.shape == twos.shape == masked.shape:
        return False
    scale, part = ones - silent, masked - silent
    if not bool(torch.isfinite(scale).all()) or not bool((scale != 0).any()) or not close(twos - silent, 2 * scale):
        return False
    near = 1e-4 * scale.abs() + 1e-6
    return bool(((part.abs() <= near) | ((part - scale).abs() <= near)).all())


def _meaning(value: Tensor | None, scale: Tensor) -> Head | None:
    """What a node means as a second head, by the scale of the noise."""
    if value is None:
        return None
    value = value.reshape(scale.shape)
    head = head_of(value, scale)
    # A softplus with a floor behind it is none.
    exact = head is not Head.SOFTPLUS_STD or torch.allclose(F.softplus(value), scale, rtol=1e-5, atol=1e-7)
    return head if exact else None
