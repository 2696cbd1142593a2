"""Builds instances of a class or a factory with the first set of arguments that works, the same one every time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from vae_conformance.errors import Unbound
from vae_conformance.guard.seeds import seeded
from vae_conformance.guard.time_limit import user_code
from vae_conformance.target.adapter import has_forward
from vae_conformance.target.arguments import Way, construct, ways_to_construct
from vae_conformance.target.encoder_decoder import NetworkPair, check_fit, tensors_of
from vae_conformance.target.guesses import guess_failed, in_form_of, is_about_form, other_forms
from vae_conformance.target.parameter_names import DEFAULT_SHAPE

_OTHER_SHAPES = ((1, 32, 32), (3, 32, 32), (3, 64, 64))
"""Shapes of items that guesses are made for where those for the default shape construct nothing."""


@dataclass
class Builder:
    """Builds instances of a class or a factory.

    `way` holds the constructor arguments, settled when the first instance is made, by trying the candidates in order.
    """

    maker: Callable[..., object]
    label: str
    shape: tuple[int, ...] | None
    limit: float
    tree: Path | None
    script: ModuleType | None = None
    way: Way = field(init=False)

    def __post_init__(self) -> None:
        """Collect the candidate arguments; raises `Unbound` if the name of a required parameter is not recognised."""
        self._ways = ways_to_construct(self.maker, label=self.label, input_shape=self.shape, script=self.script)
        self.way = self._ways[0]
        self._settled = len(self._ways) == 1 and not self.way.guessed

    def make(self) -> object:
        """Construct a new instance.

        Raises:
            Unbound: the constructor fails with all candidates; the message is that of the best.
        """
        if not self._settled:
            try:
                self.way = self._best()
            except Unbound as fault:
                self.way = self._for_another_shape(fault)
            self._settled = True
        return self._by(self.way.arguments)

    def rebuild(self, sizes: Mapping[str, object]) -> object:
        """Construct a new instance with other sizes.

        Raises:
            Unbound: the constructor fails with all candidates.
        """
        ways = ways_to_construct(self.maker, label=self.label, input_shape=self.shape, sizes=sizes, script=self.script)
        asked = sizes.get("input_shape", self.shape)
        shape = tuple(asked) if isinstance(asked, tuple | list) else DEFAULT_SHAPE
        guessed = {name: self.way.arguments[name] for name in self.way.guessed}
        candidates = [in_form_of(way.arguments, guessed, shape) for way in ways]
        for arguments in candidates[:-1]:
            with suppress(Unbound):
                return self._by(arguments)
        return self._by(candidates[-1])

    def refit(self, shape: tuple[int, ...]) -> bool:
        """Let the guessed arguments be those for items of a shape; return whether that changes any, and the constructor takes them."""
        try:
            way = self._fitted(shape)
        except Unbound:
            return False
        changed = any(way.arguments.get(name) != self.way.arguments[name] for name in self.way.guessed)
        if changed:
            self.shape, self.way, self._settled = shape, replace(way, guessed=self.way.guessed), True
        return changed

    def _fitted(self, shape: tuple[int, ...]) -> Way:
        """Return the arguments for items of a shape; `Unbound` if the constructor takes none."""
        other = Builder(self.maker, self.label, shape, self.limit, self.tree, self.script)
        other.make()
        return other.way

    def _for_another_shape(self, fault: Unbound) -> Way:
        """Return guesses for another shape of items where those for the default one construct nothing.

        Raises:
            Unbound: none does: a name that is missing then, else the given fault.
        """
        for shape in _OTHER_SHAPES if self.shape is None else ():
            try:
                way = self._fitted(shape)
            except Unbound as other:
                missing = isinstance(other.__cause__, NameError | ImportError) and not isinstance(fault.__cause__, NameError | ImportError)
                fault = other if missing else fault
            else:
                self.shape = shape
                return replace(way, guessed=self.way.guessed)
        raise fault

    def _by(self, arguments: Mapping[str, object]) -> object:
        return construct(self.maker, arguments, label=self.label, limit=self.limit, tree=self.tree)

    def _best(self) -> Way:
        """Return the first candidate whose model accepts items of the known shape, else the first that works; Unbound if no guess does."""
        constructed: list[Way] = []
        faults: list[tuple[Way, Unbound]] = []
        for way in self._ways:
            try:
                with seeded(0):
                    right, model = self._tried(way)
                    if self.shape is None or len(self._ways) == 1 or self._takes(model, self.shape):
                        return right
                constructed.append(right)
            except Unbound as fault:
                faults.append((way, fault))
        if constructed or not faults[0][0].guessed:
            return (constructed or self._ways)[0]
        raise guess_failed(faults[0][1], self.maker, self.label, faults[0][0].guessed)

    def _tried(self, way: Way) -> tuple[Way, object]:
        """Return a candidate, or its guesses in another form, with a model made by it.

        Raises:
            Unbound: no form of it constructs a model, or a guessed encoder and decoder do not fit each other.
        """
        shape = self.shape or DEFAULT_SHAPE
        try:
            model = self._by(way.arguments)
        except Unbound as fault:
            if not (way.guessed and is_about_form(fault)):
                raise
            found: list[tuple[Way, object]] = []
            for arguments in other_forms(way.arguments, way.guessed, shape):
                with suppress(Unbound):
                    found.append((replace(way, arguments=arguments), self._by(arguments)))
            if not found:
                raise
            fitting = (one for one in found if any(self._takes(one[1], each) for each in (shape, (math.prod(shape),))))
            return next(fitting, found[0])
        if way.guessed and isinstance(model, NetworkPair):
            with user_code(f"decoding what the encoder of {self.label} gives", limit=self.limit, tree=self.tree, too_long=""):
                check_fit(model, shape)
        return way, model

    def _takes(self, model: object, shape: tuple[int, ...]) -> bool:
        """Return whether it maps a batch of two to a batch of two; an object without a forward passes unchecked."""
        if not (isinstance(model, nn.Module) and has_forward(model)):
            return True
        try:
            with user_code(f"calling {self.label}", limit=self.limit, tree=self.tree, too_long=""), torch.no_grad():
                result = model(torch.zeros(2, *shape))
        except Unbound:
            return False
        return any(one.dim() > 0 and len(one) == 2 for one in tensors_of(result))
