"""Parse target strings: a file, a notebook, an object of a module, or an entry point."""

from __future__ import annotations

import difflib
import importlib.util
import re
from collections.abc import Iterable
from dataclasses import replace
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from pathlib import Path

from vae_conformance.config.target_spec import TargetKind, TargetSpec
from vae_conformance.errors import Unbound

GROUP = "vae_conformance.implementations"
"""The entry point group in which installed packages register implementations."""

FORMS = (
    "Name a file (student.py or student.py:VAE), a notebook (vae.ipynb), an object (package.module:VAE), or an "
    "installed implementation by its name."
)


def parse_target(text: str) -> TargetSpec:
    """Parse a target string without loading or importing anything; an error is recorded in the `problem` of the result."""
    file = re.fullmatch(r"(?P<path>.+\.(?:py|ipynb))(?P<colon>:(?P<name>.*))?", text, re.IGNORECASE | re.DOTALL)
    if file is not None:
        path, name = Path(file["path"]).expanduser(), (file["name"] or "").strip()
        spec = TargetSpec(text, TargetKind.NOTEBOOK if path.suffix.lower() == ".ipynb" else TargetKind.FILE, path, name=name)
        if file["colon"] and not name:
            return replace(spec, problem=f"{text!r} names nothing after the colon", hint=f"Write {path.name}:Name, or {path.name} alone.")
        return spec if path.is_file() else _no_such_file(spec, path)
    known = {point.name: point for point in entry_points(group=GROUP)}
    if (point := known.get(text)) is not None:
        return TargetSpec(text, TargetKind.ENTRY_POINT, module_file(point.module), point.module, point.attr or "")
    head, _, name = text.rpartition(":") if ":" in text else (text, "", "")
    place, spec = Path(head).expanduser(), TargetSpec(text, TargetKind.UNKNOWN)
    if head and (re.search(r"[/\\]", head) or place.is_file() or (place.exists() and not name)):
        return _no_such_file(spec, place)
    if head and name:
        return TargetSpec(text, TargetKind.MODULE, module_file(head), head, name)
    beside = f" There is a file {text}.py: write {text}.py." if Path(f"{text}.py").is_file() else ""
    return replace(
        spec,
        problem=f"no implementation is called {text!r}{close_match(text, known)}; installed ones: {', '.join(sorted(known)) or 'none'}",
        hint=FORMS + beside,
    )


def top_level_spec(top: str) -> ModuleSpec | None:
    """Return the spec of an installed top-level module or package, None if it is not installed."""
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


def module_file(dotted: str) -> Path | None:
    """Find the file of an installed module, or of one in the current folder, without importing it; None if there is none."""
    top, *inner = dotted.split(".")
    spec = top_level_spec(top) or PathFinder.find_spec(top, [str(Path.cwd())])
    for part in inner:
        folders = None if spec is None else spec.submodule_search_locations
        # Unlike importlib.util.find_spec, this does not import the parent packages.
        spec = None if folders is None else PathFinder.find_spec(part, list(folders))
    return Path(spec.origin) if spec is not None and spec.has_location and spec.origin is not None else None


def _no_such_file(spec: TargetSpec, path: Path) -> TargetSpec:
    """Return the spec with the reason why its path cannot be loaded."""
    code = (".py", ".ipynb")
    folder = path if path.is_dir() else path.parent
    files = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in code) if folder.is_dir() else []
    listed = f" Files there: {', '.join(files[:12])}." if files else " There are no Python files in it."
    if path.is_dir():
        problem, hint = f"{path} is a folder", f"Name the file that defines the model.{listed}"
    elif path.exists():
        problem, hint = f"{path} is neither a Python file nor a notebook", FORMS
    elif not folder.is_dir():
        problem, hint = f"there is no file {path}: there is no folder {folder}", "Check the path."
    else:
        problem, hint = f"there is no file {path}{close_match(path.name, files)}", f"Check the name.{listed}"
    return replace(spec, problem=problem, hint=hint)


def check_weights(path: Path) -> None:
    """Check that the file of weights exists, without reading it.

    Raises:
        Unbound: it does not exist, or is a folder.
    """
    if path.is_dir():
        raise Unbound(f"the weights {path} are a folder", "name the file")
    if not path.exists():
        beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise Unbound(f"there is no file of weights {path}{close_match(path.name, beside)}", "check the path given with --weights")


def close_match(name: str, names: Iterable[str]) -> str:
    """Return a suggestion to append to a message; empty if no name is close."""
    by_lower = {known.lower(): known for known in names}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[matches[0]]}?)" if matches else ""
