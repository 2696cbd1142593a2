"""The fingerprint of a target: what determines its models, so that trained runs of the same code are found again."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from vae_conformance.errors import Unbound
from vae_conformance.target.notebook import notebook_cells


@dataclass(frozen=True)
class Fingerprint:
    """The code of a target as it was when it was loaded, and what else determines its models.

    Attributes:
        words: what determines the models beside the code: the object's name, its arguments, its weights.
        sources: the name and the content of each file; notebooks are reduced to their code already.
    """

    words: tuple[str, ...]
    sources: tuple[tuple[str, bytes], ...] = ()

    def and_also(self, *words: str) -> Fingerprint:
        """Return the fingerprint with further words."""
        return replace(self, words=(*self.words, *words))

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the words and of the code without comments, docstrings and layout."""
        sha = hashlib.sha256(repr(self.words).encode())
        for name, content in self.sources:
            code = _code(content)
            sha.update(f"\n{name} {len(code)}\n".encode() + code)
        return sha.hexdigest()


def fingerprint(sources: Iterable[Path], *words: str) -> Fingerprint:
    """Read the sources and return their fingerprint.

    Raises:
        OSError: one of them cannot be read.
    """
    return Fingerprint(words, tuple((path.name, _content(path)) for path in sources))


def _content(path: Path) -> bytes:
    """Return a file's content; of a notebook its code alone, if all of it is Python."""
    if path.suffix.lower() == ".ipynb":
        try:
            cells = notebook_cells(path)
        except Unbound:
            cells = []
        if cells and not any(cell.unparsed for cell in cells):
            return ast.unparse(ast.Module([statement for cell in cells for statement in cell.statements], type_ignores=[])).encode()
    return path.read_bytes()


def _code(content: bytes) -> bytes:
    """Return the syntax tree of a source without docstrings, as text; the content itself if it does not parse."""
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return content
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and ast.get_docstring(node) is not None:
            del node.body[0]
    return ast.dump(tree).encode()
