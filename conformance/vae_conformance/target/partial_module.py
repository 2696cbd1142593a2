"""Execute only the definitions of a file or a notebook, with errors that say where a missing name was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vae_conformance.target.spec import close_match

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import ModuleType

    from vae_conformance.target.definitions import Definitions


@dataclass(frozen=True)
class _Absent:
    """The reasons why names are undefined.

    Attributes:
        lost: the left-out line that defines it, by name.
        failed: the error of its import, by name.
    """

    lost: Mapping[str, str]
    failed: dict[str, str]

    def why(self, name: str, there: Sequence[str]) -> str:
        if name in self.failed:
            return f"name {name!r} is not defined: it could not be imported ({self.failed[name]})"
        if name in self.lost:
            return f"name {name!r} is not defined: it is given in {self.lost[name]} alone, which was left out"
        within = [known for known in there if len(known) > 2 and known.lower() in name.lower()]
        suggestion = close_match(name, there) or (f" (did you mean {max(within, key=len)}?)" if within else "")
        return f"nothing defines {name}{suggestion}"


class _Builtins(dict[str, Any]):
    """Builtins that explain undefined names; the interpreter looks a name up here last."""

    def __init__(self, builtins: Mapping[str, Any], namespace: Mapping[str, Any], absent: _Absent) -> None:
        super().__init__(builtins)
        self._namespace = namespace
        self._absent = absent

    def __missing__(self, name: str) -> Any:
        there = [known for known in self._namespace if not known.startswith("__")]
        raise NameError(self._absent.why(name, there), name=name)


def run_definitions(kept: Definitions, module: ModuleType, builtins: Mapping[str, Any]) -> None:
    """Execute definitions in a module.

    A failing import leaves only its names undefined, so classes that do not use them still work. Using an undefined name raises a
    NameError that says where its definition was left out.
    """
    namespace = module.__dict__
    absent = _Absent(kept.lost, {})
    namespace["__builtins__"] = _Builtins(builtins, namespace, absent)
    for piece in kept.pieces:
        try:
            exec(piece.code, namespace)  # noqa: S102 - loading definitions executes them
        except (Exception, SystemExit) as fault:
            if not piece.imports:
                raise
            absent.failed.update(dict.fromkeys(piece.imports, f"{type(fault).__name__}: {fault}"))
