"""What the user's words for a target mean, told without loading anything: a file, an object of a module, or an entry point."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from vae_conformance.errors import Unbound

GROUP = "vae_conformance.implementations"
"""The entry point group by which installed packages offer implementations."""

FORMS = (
    "Name a file (student.py or student.py:VAE), a notebook (vae.ipynb), an object (package.module:VAE), or an "
    "installed implementation by its name."
)


@dataclass(frozen=True)
class Address:
    """Where a target is.

    Attributes:
        path: the file or notebook; None for the others.
        module: the dotted module; empty for the others.
        name: the object's name in it; empty where none was given.
        point: the entry point; None for the others.
    """

    path: Path | None = None
    module: str = ""
    name: str = ""
    point: EntryPoint | None = None


def locate(text: str) -> Address:
    """Tell what a target's words mean.

    Raises:
        Unbound: no such file, no such entry point, or words of no known form.
    """
    file = re.fullmatch(r"(?P<path>.+\.(?:py|ipynb))(?P<colon>:(?P<name>.*))?", text, re.IGNORECASE | re.DOTALL)
    if file is not None:
        path, name = Path(file["path"]).expanduser(), (file["name"] or "").strip()
        if file["colon"] and not name:
            raise Unbound(f"{text!r} names nothing after the colon", f"Write {path.name}:Name, or {path.name} alone.")
        if not path.is_file():
            raise _no_such_file(path)
        return Address(path=path, name=name)
    known = {point.name: point for point in entry_points(group=GROUP)}
    if text in known:
        return Address(point=known[text])
    head, _, name = text.rpartition(":") if ":" in text else (text, "", "")
    place = Path(head).expanduser()
    if head and (re.search(r"[/\\]", head) or place.is_file() or (place.exists() and not name)):
        raise _no_such_file(place)
    if head and name:
        return Address(module=head, name=name)
    beside = f" There is a file {text}.py: write {text}.py." if Path(f"{text}.py").is_file() else ""
    raise Unbound(
        f"no implementation is called {text!r}{close_match(text, known)}; installed ones: {', '.join(sorted(known)) or 'none'}",
        FORMS + beside,
    )


def _no_such_file(path: Path) -> Unbound:
    code = (".py", ".ipynb")
    folder = path if path.is_dir() else path.parent
    files = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in code) if folder.is_dir() else []
    listed = f" Files there: {', '.join(files[:12])}." if files else " There are no Python files in it."
    if path.is_dir():
        return Unbound(f"{path} is a folder", f"Name the file that defines the model.{listed}")
    if path.exists():
        return Unbound(f"{path} is neither a Python file nor a notebook", FORMS)
    if not folder.is_dir():
        return Unbound(f"there is no file {path}: there is no folder {folder}", "Check the path.")
    return Unbound(f"there is no file {path}{close_match(path.name, files)}", f"Check the name.{listed}")


def check_weights(path: Path) -> None:
    """Whether there is such a file of weights; what it holds is for whoever reads it.

    Raises:
        Unbound: there is none.
    """
    if path.is_dir():
        raise Unbound(f"the weights {path} are a folder", "name the file")
    if not path.exists():
        beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
        raise Unbound(f"there is no file of weights {path}{close_match(path.name, beside)}", "check the path given with --weights")


def close_match(name: str, names: Iterable[str]) -> str:
    """A suggestion, ready to be put behind a message; empty where no name is close."""
    by_lower = {known.lower(): known for known in names}
    matches = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return f" (did you mean {by_lower[matches[0]]}?)" if matches else ""
