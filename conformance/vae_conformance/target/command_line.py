"""Find what a file's argument parsers give for an empty command line, by building the same parsers from their literal arguments."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from vae_conformance.target.static_eval import Unknown

_TYPES: Mapping[str, Callable[[str], Any]] = {"int": int, "float": float, "str": str, "bool": bool}
_WORDS = ("default", "nargs", "const", "choices", "dest", "required")

Evaluate = Callable[[ast.expr], Any]
"""Evaluates an expression of the file; raises Unknown."""


def command_line(pieces: Sequence[tuple[str, ast.Module]], evaluate: Evaluate) -> dict[str, object]:
    """Return the namespace that `parse_args([])` gives, of all parsers of a file together, without what cannot be determined."""
    parsers: dict[tuple[int, str], list[ast.Call]] = {}
    for number, (_, tree) in enumerate(pieces):
        for call in sorted(_calls(tree), key=lambda call: (call.lineno, call.col_offset)):
            assert isinstance(call.func, ast.Attribute)
            parsers.setdefault((number, ast.unparse(call.func.value)), []).append(call)
    found: dict[str, object] = {}
    for calls in parsers.values():
        found |= _namespace(calls, evaluate)
    return found


def _calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("add_argument", "set_defaults"):
            yield node


def _namespace(calls: Sequence[ast.Call], evaluate: Evaluate) -> dict[str, object]:
    """Return the namespace of one parser; of two arguments with one `dest` the default of the first counts, as in argparse."""
    found: dict[str, object] = {}
    unknown: set[str] = set()
    for call in calls:
        assert isinstance(call.func, ast.Attribute)
        if call.func.attr == "set_defaults":
            for word in call.keywords:
                try:
                    found[str(word.arg)] = evaluate(word.value)
                except Unknown:
                    unknown.add(str(word.arg))
            continue
        parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
        name, action = _added(parser, call, evaluate)
        if action is not None and name not in unknown:
            for key, value in ({} if action.required else _parsed(parser)).items():
                found.setdefault(key, value)
        elif name not in found:
            unknown.add(name)
    return {name: value for name, value in found.items() if name not in unknown}


def _added(parser: argparse.ArgumentParser, call: ast.Call, evaluate: Evaluate) -> tuple[str, argparse.Action | None]:
    """Add one argument; return its attribute's name, and its action, None if something that determines its value is unknown."""
    flags = [str(one.value) for one in call.args if isinstance(one, ast.Constant)]
    given = {str(word.arg): word.value for word in call.keywords}
    long = next((flag for flag in flags if flag.startswith("--")), flags[0] if flags else "")
    dest = given.get("dest")
    name = str(dest.value) if isinstance(dest, ast.Constant) else long.lstrip("-").replace("-", "_")
    words: dict[str, Any] = {}
    try:
        words |= {word: evaluate(given[word]) for word in _WORDS if word in given}
        if "action" in given:
            action = ast.unparse(given["action"])
            words["action"] = argparse.BooleanOptionalAction if "BooleanOptionalAction" in action else evaluate(given["action"])
        if "type" in given:
            kind = ast.unparse(given["type"])
            if kind not in _TYPES and isinstance(words.get("default"), str):
                return name, None
            words["type"] = _TYPES.get(kind, str)
        return name, parser.add_argument(*flags, **words)
    except (Unknown, TypeError, ValueError, AttributeError, argparse.ArgumentError):
        return name, None


def _parsed(parser: argparse.ArgumentParser) -> dict[str, object]:
    """Return the values for an empty command line; none if an argument's type rejects its default."""
    try:
        return vars(parser.parse_args([]))
    except (argparse.ArgumentError, SystemExit):
        return {}
