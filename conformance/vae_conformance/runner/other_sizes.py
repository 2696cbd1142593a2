"""Build and bind the same implementation at other sizes.

A constant that happens to be right at 28x28 (such as a factor of 784) is wrong at any other size. A size that the constructor or the parts
reject is no violation: many sound models accept one size only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch

from vae_conformance.binding.bind import bind
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.target.target import Target
from vae_spec.subject import Facts, Part, Standing, SubjectFault

_NEEDED = (Part.POSTERIOR, Part.FORWARD, Part.DECODE)


@dataclass(frozen=True)
class Size:
    """A size to build with, and the constructor's argument that sets it."""

    argument: str
    latent_dim: int
    input_shape: tuple[int, ...]

    @property
    def label(self) -> str:
        """The argument and its value, for messages."""
        value = self.latent_dim if self.argument == "latent_dim" else " x ".join(map(str, self.input_shape))
        return f"{self.argument} = {value}"


@dataclass(frozen=True)
class Variant:
    """An implementation at another size, bound."""

    label: str
    subject: InProcessSubject


def other_sizes(facts: Facts) -> tuple[Size, ...]:
    """Return another latent dimension, and for images another side length."""
    latent = Size("latent_dim", 3 if facts.latent_dim != 3 else 5, facts.input_shape)
    if len(facts.input_shape) != 3:
        return (latent,)
    side = 32 if facts.input_shape[1] != 32 else 28
    if facts.autoregressive:  # decode runs the network once for each entry
        side = facts.input_shape[1] + 2
    return latent, Size("input_shape", facts.latent_dim, (facts.input_shape[0], side, side))


def variants(target: Target, subject: InProcessSubject, options: RunOptions) -> list[Variant]:
    """Bind the implementation at each other size at which its parts work; none for a ready instance or a fixed size."""
    found = []
    for size in other_sizes(subject.facts):
        if target.rebuild is None or size.argument not in target.accepts:
            continue
        values: dict[str, object] = {size.argument: getattr(size, size.argument)}
        changed = replace(target, make=partial(target.rebuild, values))
        try:
            other = bind(changed, replace(options, input_shape=size.input_shape))
        except (Unbound, SubjectFault):
            continue
        facts = other.facts
        if (facts.latent_dim, facts.input_shape) == (size.latent_dim, size.input_shape) and _answers(other):
            found.append(Variant(size.label, other))
    return found


def _answers(subject: InProcessSubject) -> bool:
    """Return whether its parts work at this size; if not, the model does not support the size."""
    parts = subject.facts.parts
    if parts[Part.LOSS].standing is Standing.FAILING or any(parts[part].standing is not Standing.PRESENT for part in _NEEDED):
        return False
    try:
        subject.data(subject.decode(torch.zeros(2, subject.facts.latent_dim)))
    except SubjectFault:
        return False
    return True
