"""Execute only the definitions of a file or a notebook; what cannot run is left out, and errors say where a missing name was left."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vae_conformance.errors import Unbound, WrongRecord
from vae_conformance.guard.time_limit import user_code
from vae_conformance.target.definitions import Definitions, Failure
from vae_conformance.target.spec import close_match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType


@dataclass
class Account:
    """What became of the definitions of a file.

    Attributes:
        lost: the left-out line that defines it, by name.
        failures: the definitions that could not run, apart from imports.
        reasons: why names are undefined, by name: a failed import or definition.
        imports: those that an import would give.
        placeholders: the names of failed imports that annotations, defaults and bases use, and what failed.
    """

    lost: Mapping[str, str] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)
    imports: set[str] = field(default_factory=set)
    placeholders: dict[str, str] = field(default_factory=dict)

    def reason(self, name: str) -> str:
        """Return why nothing defines a name that the file would define; empty if it would not."""
        left_out = f"it is given in {self.lost[name]} alone, which was left out" if name in self.lost else ""
        return self.reasons.get(name, left_out)

    def why(self, name: str, there: Sequence[str]) -> str:
        """Return why a name is undefined, or which of the defined names it may be a misspelling of."""
        if reason := self.reason(name):
            return f"name {name!r} is not defined: {reason}"
        within = [known for known in there if len(known) > 2 and known.lower() in name.lower()]
        suggestion = close_match(name, there) or (f" (did you mean {max(within, key=len)}?)" if within else "")
        return f"nothing defines {name}{suggestion}"

    def notes(self) -> tuple[str, ...]:
        """Return a sentence each on what could not run, and on the placeholders."""
        said = [f"left out, because it cannot run: {one.shown}: {_short(one.fault)}" for one in self.failures]
        return (*said, *(f"a placeholder stands for {name}: {why}" for name, why in self.placeholders.items()))

    def in_short(self) -> tuple[str, ...]:
        """Return one line on what could not run, and one on each placeholder."""
        left = ", ".join(one.shown for one in self.failures)
        stand_ins = (f"a placeholder stands for {name}, which could not be imported" for name in self.placeholders)
        return (*([f"left out, because it cannot run: {left}"] if left else []), *stand_ins)


_PLAIN_BASES = frozenset({"LightningDataModule", "Callback"})
"""Base classes of Lightning that a VAE does without."""


class Placeholder:
    """A substitute, in annotations, defaults and bases, for a name whose import failed; it can be passed on, not used."""

    def __init__(self, shown: str, why: str) -> None:
        self._shown = shown
        self._why = why

    def __getattr__(self, name: str) -> Placeholder:
        """Return a placeholder for an attribute."""
        if name.startswith("__"):
            raise AttributeError(name)
        return Placeholder(f"{self._shown}.{name}", self._why)

    def __getitem__(self, key: object) -> Placeholder:
        """Return itself, as for a generic type."""
        return self

    def __or__(self, other: object) -> Placeholder:
        """Return itself, as for a union of types."""
        return self

    __ror__ = __or__

    def _refuse(self, *_args: object, **_kwargs: object) -> Any:
        raise NameError(self._why, name=self._shown.partition(".")[0])

    __call__ = __iter__ = __len__ = __bool__ = __contains__ = __add__ = __radd__ = __mul__ = __rmul__ = __enter__ = __exit__ = _refuse

    def __mro_entries__(self, bases: tuple[type, ...]) -> tuple[type, ...]:
        """Return what substitutes a base class: Lightning's module has one, and its data modules and callbacks are plain objects."""
        name = self._shown.rpartition(".")[2]
        if name == "LightningModule":
            from vae_conformance.target.lightning import LightningModule  # noqa: PLC0415  imports PyTorch, and few files need it

            return (LightningModule,)
        if name in _PLAIN_BASES:
            return (object,)
        self._refuse(bases)
        return ()

    def __repr__(self) -> str:
        """Return its name."""
        return self._shown


class _Builtins(dict[str, Any]):
    """Builtins that explain undefined names; the interpreter looks a name up here last.

    Attributes:
        asked: the names of failed imports that a definition uses while it is executed; None outside definitions.
    """

    def __init__(self, builtins: Mapping[str, Any], namespace: Mapping[str, Any], account: Account) -> None:
        super().__init__(builtins)
        self._namespace = namespace
        self._account = account
        self.asked: set[str] | None = None

    def __missing__(self, name: str) -> Any:
        why = self._account.why(name, [known for known in self._namespace if not known.startswith("__")])
        if self.asked is not None and name in self._account.imports:
            self.asked.add(name)
            return Placeholder(name, why)
        raise NameError(why, name=name)


def run_definitions(kept: Definitions, module: ModuleType, builtins: Mapping[str, Any], tree: Path | None = None) -> Account:
    """Execute definitions in a module, one by one; what raises is left out, so classes that do not need it still work.

    Using an undefined name raises a NameError that says where its definition was left out, or why it could not run. In a definition
    itself (an annotation, a default) a name whose import failed is a `Placeholder`.
    The line to blame is in the `tree`, the folder of the source.

    Returns:
        what was left out.

    Raises:
        Unbound: an Implementation record is invalid.
    """
    namespace = module.__dict__
    account = Account(kept.lost)
    namespace["__builtins__"] = own = _Builtins(builtins, namespace, account)
    for one in kept.unparsed:
        account.failures.append(one)
        account.reasons.update(dict.fromkeys(one.names, f"{one.place}, which would define it, does not parse"))
    for piece in kept.pieces:
        own.asked = set()
        named = ", ".join(piece.names) or piece.place
        try:
            with user_code(f"defining {named}", limit=math.inf, tree=tree, too_long=""):
                exec(piece.code, namespace)  # noqa: S102 - loading definitions executes them
        except Unbound as fault:
            cause = fault.__cause__
            if isinstance(cause, WrongRecord) or not isinstance(cause, Exception | SystemExit):
                raise
            said = f"{type(cause).__name__}: {cause}"
            if piece.imports:
                account.imports.update(piece.names)
                account.reasons.update(dict.fromkeys(piece.names, f"it could not be imported ({said})"))
                continue
            needed = ""
            if isinstance(cause, NameError) and cause.name and (reason := account.reason(cause.name)):
                needed = f"it needs {cause.name}: {reason}"
            account.failures.append(Failure(piece.place, piece.names, fault, piece.uses))
            for name in piece.names:
                namespace.pop(name, None)
                account.reasons[name] = needed or f"{piece.place}, which would define it, raised {said}"
        else:
            account.placeholders.update({name: account.reasons[name] for name in own.asked})
        finally:
            own.asked = None
    return account


def _short(fault: Unbound) -> str:
    return fault.message.partition("\n")[0].partition(" raised ")[2] or fault.message.partition("\n")[0]
