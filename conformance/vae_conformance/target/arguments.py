"""Choose the arguments to construct a class or a factory with, from the names of its parameters and the calls in its file."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vae_conformance.errors import Unbound
from vae_conformance.guard.time_limit import user_code
from vae_conformance.target.call_site import OwnCall, file_entries, own_call
from vae_conformance.target.guesses import assumption, line_to_add
from vae_conformance.target.parameter_names import DEFAULT_SHAPE, SIZE_OF_ROLE, role_of, says, value_of
from vae_conformance.target.static_eval import Unknown
from vae_conformance.target.submodule_arguments import Ingredient, ingredient, made, of_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType


def construct(maker: Callable[..., object], arguments: Mapping[str, object], *, label: str, limit: float, tree: Path | None) -> object:
    """Construct a new instance by calling `maker` with `arguments`, by keyword where possible.

    Raises:
        Unbound: it raised, took longer than `limit` seconds, or returned None.
    """
    positional = [parameter.name for parameter in parameters_of(maker) if parameter.kind is parameter.POSITIONAL_ONLY]
    first = [arguments[name] for name in positional if name in arguments]
    rest = {name: value for name, value in arguments.items() if name not in positional}
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    with user_code(
        f"constructing {label} with ({shown})",
        limit=limit,
        tree=tree,
        too_long="Only build the model there; load data and train elsewhere.",
    ):
        model = maker(*map(made, first), **{name: made(value) for name, value in rest.items()})
    if model is None:
        raise Unbound(f"{label} returned None where a model was expected", "Return the model at its end.")
    return model


def ways_to_construct(
    maker: Callable[..., object],
    *,
    label: str,
    input_shape: tuple[int, ...] | None,
    sizes: Mapping[str, object] | None = None,
    script: ModuleType | None = None,
) -> tuple[Way, ...]:
    """Return all candidate sets of constructor arguments, the best first.

    A call in the file itself, or in the `script` that imports it, comes first, with the requested sizes substituted, then unchanged.
    After it, or if no call can be evaluated completely, required parameters get values from the meaning of their names, and the others
    keep their defaults.
    A known `input_shape` overrides the defaults of parameters that mean it; `sizes` are values for `input_shape`, `hidden_dim` and
    `latent_dim`, or for parameters by their own names.

    Raises:
        Unbound: there is no such call, and the name of a required parameter is not recognised.
    """
    sizes = sizes or {}
    found: list[Way] = []
    for shape in dict.fromkeys((input_shape, None)):
        chooser = Chooser(label, shape, sizes, script)
        call = chooser.call_of(maker)
        if call is not None and call.whole:
            found.append(Way(chooser.arguments(maker, call), call.place, unread=call.unread))
    for by_calls in (True, False):
        try:
            chooser = Chooser(label, input_shape, sizes, script, by_calls=by_calls)
            arguments = chooser.arguments(maker, None)
            found.append(Way(arguments, guessed=chooser.guessed(maker, arguments)))
        except Unbound:
            if not found and not by_calls:
                raise
    shown = [repr(way.arguments) for way in found]
    return tuple(way for number, way in enumerate(found) if shown[number] not in shown[:number])


@dataclass(frozen=True)
class Way:
    """A set of constructor arguments.

    Attributes:
        arguments: the values by parameter name.
        place: the location of the call in the file; empty if they were chosen by parameter names.
        unread: the parameters that keep their defaults, because their values in the call could not be determined.
        guessed: the arguments that nothing but the names of the parameters gives.
    """

    arguments: dict[str, object]
    place: str = ""
    unread: tuple[str, ...] = ()
    guessed: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for the report on where the arguments come from."""
        return (f"it is constructed as {self.place} of its file does",) if self.place and self.arguments else ()

    @property
    def assumed(self) -> tuple[str, ...]:
        """A sentence on the arguments of the file's own call that could not be read, and one on those that were guessed."""
        unread = ", ".join(self.unread)
        left = f"constructed as {self.place} does, without {unread}: not a value that can be read there" if unread else ""
        return tuple(text for text in (left, assumption(self.arguments, self.guessed)) if text)


@dataclass(frozen=True)
class Chooser:
    """Chooses constructor arguments.

    `sizes` are values for `input_shape`, `hidden_dim` and `latent_dim`, or for parameters by their own names; `script` is the module that
    was named, which may import the class from another one; if `by_calls`, networks that are passed as arguments are constructed exactly
    as the file constructs them.
    """

    label: str
    input_shape: tuple[int, ...] | None
    sizes: Mapping[str, object]
    script: ModuleType | None = None
    by_calls: bool = True

    def call_of(self, maker: Callable[..., object]) -> OwnCall | None:
        """Return the call by which the script or its own file constructs a class or a factory, a whole one first; None if there is none."""
        calls = [call for module in self._modules(maker) if (call := own_call(maker, module, self._made)) is not None]
        return max(calls, key=lambda call: call.whole, default=None)

    def _modules(self, maker: Callable[..., object]) -> list[ModuleType]:
        """Return the script and the module of a class or a factory."""
        own = sys.modules.get(getattr(maker, "__module__", None) or "")
        return [module for module in dict.fromkeys((self.script, own)) if module is not None]

    def arguments(self, maker: Callable[..., object], call: OwnCall | None) -> dict[str, object]:
        """Choose the arguments by parameter name; a complete call provides its values.

        Raises:
            Unbound: the name of a required parameter is not recognised.
        """
        shape = self._asked_shape or DEFAULT_SHAPE
        given = call.given if call is not None and call.whole else {}
        parameters = [one.replace(default=given.get(one.name, one.default)) for one in parameters_of(maker)]
        has_channels = any(role_of(parameter) == "channels" for parameter in parameters)
        chosen: dict[str, object] = {}
        for parameter in parameters:
            role = role_of(parameter)
            size = SIZE_OF_ROLE.get(role or "")
            required = parameter.default is parameter.empty
            if parameter.name in self.sizes and parameter.name != size:
                chosen[parameter.name] = self.sizes[parameter.name]
            elif required and role is None:
                chosen[parameter.name] = self._nameless(maker, parameter, shape)
            elif role is not None and (required or self._is_asked(role)):
                chosen[parameter.name] = value_of(role, parameter, shape, has_channels=has_channels, sizes=self.sizes)
            elif parameter.name in given:
                chosen[parameter.name] = given[parameter.name]
        return chosen

    def guessed(self, maker: Callable[..., object], arguments: Mapping[str, object]) -> tuple[str, ...]:
        """Return the arguments that nothing but the names of the parameters gives, neither a request nor the file."""
        found = []
        for parameter in parameters_of(maker):
            role, value = role_of(parameter), arguments.get(parameter.name)
            known = parameter.name in self.sizes or self._is_asked(role) or role == "device"
            network = isinstance(value, Ingredient) and not self.by_calls
            if parameter.name in arguments and parameter.default is parameter.empty and not known and (role is not None or network):
                found.append(parameter.name)
        return tuple(found)

    @property
    def _asked_shape(self) -> tuple[int, ...] | None:
        """The shape of one item that is asked for; None if it is not known."""
        asked = self.sizes.get("input_shape", self.input_shape)
        return tuple(asked) if isinstance(asked, tuple | list) else None

    def _is_asked(self, role: str | None) -> bool:
        """Return whether the requested sizes, or the shape of an item, determine the value of a role."""
        if role is None:
            return False
        return SIZE_OF_ROLE.get(role) in self.sizes or (self._asked_shape is not None and says(self._asked_shape, role))

    def _nameless(self, maker: Callable[..., object], parameter: inspect.Parameter, shape: tuple[int, ...]) -> object:
        """Choose the value of a parameter whose name means no size: an object of the file, or the value that the file passes."""

        def choose(other: Callable[..., object]) -> dict[str, object]:
            call = self.call_of(other) if self.by_calls else None
            try:
                if not self.by_calls or (call is not None and call.whole):
                    return self.arguments(other, call)
            except Unbound:
                pass
            raise _unknown_parameter(maker, parameter.name, self.label)

        def value(name: str) -> object:
            named = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
            role = role_of(named)
            if role is None or (name in entries and not self._is_asked(role)):
                return entries[name]
            return value_of(role, named, shape, has_channels=True, sizes=self.sizes)

        entries = {name: entry for module in reversed(self._modules(maker)) for name, entry in file_entries(module).items()}
        found = ingredient(maker, parameter, choose, value)
        if found is not None:
            return found
        call = self.call_of(maker)
        if call is not None and parameter.name in call.given:
            return call.given[parameter.name]
        if parameter.name in entries:
            return entries[parameter.name]
        raise _unknown_parameter(maker, parameter.name, self.label)

    def _made(self, cls: type, call: OwnCall) -> Ingredient:
        """Return the network that a call in the file constructs; raises Unknown if its arguments cannot be determined."""
        try:
            return of_class(cls, self.arguments(cls, call))
        except Unbound:
            raise Unknown from None


def accepted_sizes(maker: Callable[..., object]) -> frozenset[str]:
    """Return which of `input_shape`, `hidden_dim` and `latent_dim` the constructor has a parameter for."""
    roles = (role_of(parameter) for parameter in parameters_of(maker))
    return frozenset(SIZE_OF_ROLE[role] for role in roles if role in SIZE_OF_ROLE)


def parameter_names(maker: Callable[..., object]) -> frozenset[str]:
    """Return the names of the parameters that accept a single value."""
    return frozenset(parameter.name for parameter in parameters_of(maker))


def parameters_of(maker: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters that accept a single value; none if the signature cannot be read."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]


def _unknown_parameter(maker: Callable[..., object], name: str, label: str) -> Unbound:
    what = "class" if inspect.isclass(maker) else "function"
    called = getattr(maker, "__name__", label)
    needed = [one.name for one in parameters_of(maker) if one.default is one.empty]
    return Unbound(
        f"{label}: the {what} {called} needs the argument {name!r}, and nothing says what to give it",
        f"Give {name} a default value, or {line_to_add(maker, label, needed or [name])}",
    )
