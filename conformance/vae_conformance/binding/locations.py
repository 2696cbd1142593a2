"""Where the parts of a bound implementation stand in its author's code: for people who are sent there, and for annotations."""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from types import CodeType
from typing import Any

from torch import nn

from vae_conformance.binding.interface import DECODE_NAMES, ENCODE_NAMES
from vae_conformance.binding.wiring import Wiring
from vae_conformance.location import Location, location_in
from vae_conformance.target.adapter import inner_of, part_of
from vae_spec.subject import Part

_DEFINITION = re.compile(r"\s*(async\s+def|def|class)\b")


def locate_parts(model: object, wiring: Wiring, sources: tuple[Path, ...]) -> Mapping[Part, Location | None]:
    """The place of each part, or None where it has none in the sources.

    A part that stands inline in forward is placed there; a submodule of a library's class where the constructor makes it.

    Args:
        model: the instance.
        wiring: how its parts are called.
        sources: the files that are the implementation's own; what is elsewhere, such as in PyTorch, is not the author's to fix.
    """
    seeker = _Seeker(model, frozenset(path.resolve() for path in sources))
    constructor = seeker.constructor()
    forward = seeker.method("forward")
    draw = forward if wiring.draw is None else seeker.part(wiring.draw)
    loss = None if wiring.loss is None or wiring.loss.supplied else seeker.part(wiring.loss.call)
    encode = seeker.first(wiring.encode, ENCODE_NAMES) or (forward if wiring.encode is None else None)
    return {
        Part.POSTERIOR: encode,
        Part.FORWARD: forward,
        Part.DRAW: draw,
        Part.DECODE: seeker.first(wiring.decode, DECODE_NAMES),
        Part.LOSS: loss,
        Part.LOSS_TERMS: loss,
        Part.BETA: loss,
        Part.PARAMETERS: constructor,
        Part.TRAINING: constructor,
        Part.NOISE_CONTROL: draw,
        Part.LATENT_IN_FORWARD: forward,
    }


class _Seeker:
    """Looks for one model's parts in its own files."""

    def __init__(self, model: object, files: frozenset[Path]) -> None:
        self.model = model
        self.files = files

    def first(self, found: str | Callable[..., Any] | None, names: tuple[str, ...]) -> Location | None:
        """The part that is called, or else the first thing of a usual name, which fails when it is called."""
        if found is not None:
            return self.part(found)
        there = next((name for name in names if callable(getattr(self.model, name, None))), None)
        return None if there is None else self.part(there)

    def part(self, found: str | Callable[..., Any]) -> Location | None:
        """A part by its name on the model, or a callable that stands for itself."""
        value = part_of(self.model, found) if isinstance(found, str) else found
        if isinstance(value, nn.Module):
            return self._of_class_method(type(value), "forward") or self._made(value)
        return self._of_callable(value)

    def method(self, name: str) -> Location | None:
        """A method of the model's class."""
        return self._of_class_method(type(self.model), name)

    def constructor(self) -> Location | None:
        """The constructor, or the class where it has none of its own."""
        kind = type(inner_of(self.model))
        return self._of_class_method(kind, "__init__") or self._of_class(kind)

    def _of_class_method(self, kind: type, name: str) -> Location | None:
        return self._of_callable(inspect.getattr_static(kind, name, None))

    def _of_callable(self, value: object) -> Location | None:
        """The line of `def`, behind decorators, bound methods, partials and callable objects."""
        while True:
            if isinstance(value, staticmethod | classmethod):
                value = value.__func__
            elif isinstance(value, functools.partial):
                value = value.func
            elif inspect.ismethod(value):
                value = value.__func__
            elif inspect.isfunction(value) and hasattr(value, "__wrapped__"):
                value = value.__wrapped__
            else:
                break
        if inspect.isclass(value):
            return self._of_class(value)
        if isinstance(value, nn.Module):
            return self.part(value)
        if not inspect.isfunction(value):
            call = None if value is None else inspect.getattr_static(type(value), "__call__", None)
            return self._of_callable(call) if inspect.isfunction(call) else None
        return self._of_code(value.__code__, value.__qualname__)

    def _of_code(self, code: CodeType, name: str) -> Location | None:
        if not self._is_own(code.co_filename):
            return None
        # The first line of a code object is that of its first decorator.
        line = code.co_firstlineno
        linecache.checkcache(code.co_filename)
        decorated = linecache.getline(code.co_filename, line).lstrip().startswith("@")
        while decorated and (text := linecache.getline(code.co_filename, line)) and line < code.co_firstlineno + 50:
            if _DEFINITION.match(text):
                return location_in(code.co_filename, line, _plain(name))
            line += 1
        return location_in(code.co_filename, code.co_firstlineno, _plain(name))

    def _of_class(self, kind: type) -> Location | None:
        """The line of `class`, found by the first method that the class defines in its own files."""
        codes = [value.__code__ for value in vars(kind).values() if inspect.isfunction(value)]
        file = next((code.co_filename for code in codes if self._is_own(code.co_filename)), None)
        if file is None:
            file = getattr(inspect.getmodule(kind), "__file__", None)
        if file is None or not self._is_own(file):
            return None
        pattern = re.compile(rf"\s*class\s+{re.escape(kind.__name__)}\b")
        linecache.checkcache(file)
        lines = linecache.getlines(file)
        line = next((number for number, text in enumerate(lines, start=1) if pattern.match(text)), 1)
        return location_in(file, line, _plain(kind.__qualname__))

    def _made(self, module: nn.Module) -> Location | None:
        """The line of the constructor that gives the model this submodule."""
        name = next((name for name, child in vars(self.model).get("_modules", {}).items() if child is module), None)
        constructor = inspect.getattr_static(type(self.model), "__init__", None)
        if name is None or not inspect.isfunction(constructor) or not self._is_own(constructor.__code__.co_filename):
            return None
        try:
            lines, first = inspect.getsourcelines(constructor)
            tree = ast.parse(textwrap.dedent("".join(lines)))
        except (OSError, SyntaxError):
            return self._of_callable(constructor)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and any(isinstance(one, ast.Attribute) and one.attr == name for one in node.targets):
                code = constructor.__code__
                return location_in(code.co_filename, first + node.lineno - 1, f"{_plain(constructor.__qualname__)}: self.{name}")
        return self._of_callable(constructor)

    def _is_own(self, filename: str) -> bool:
        path = Path(re.sub(r", cell \d+$", "", filename))
        return path.resolve() in self.files


def _plain(name: str) -> str:
    """A qualified name without the functions that it was defined in."""
    return name.rpartition("<locals>.")[2]
