"""Escaping of untrusted text for Markdown (GitHub's and GitLab's), so that it is shown literally."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SIGNS = re.compile(r"[\\`*_\[\]|~<>&$]")
_REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "<span>$</span>"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_REFERENCE = re.compile(r"(?<=[@#!])(?=\w)|(?<=:)(?=//)|(?<=www)(?=\.)")
_LIST = re.compile(r"^(|\d+(?=[.)](?:\s|$)))([-+#=.)])")
"""Characters that begin a list, a heading or a rule at the start of a line."""
LONGEST = 1200
"""Maximum characters of one text: whole tracebacks are left to the JSON report."""


def escaped(text: str) -> str:
    """Escape a text into one line without active markup, HTML, table cells, mentions, references or links."""
    line = clipped(" ".join(_CONTROL.sub(" ", text).split()))
    # a comment between "@" and a name keeps servers from notifying that person
    joined = "<!-- -->".join(_SIGNS.sub(_replaced, part) for part in _REFERENCE.split(line))
    return _LIST.sub(r"\1\\\2", joined)


def escaped_lines(text: str) -> str:
    """Escape a text of several lines; they stay lines, even within table cells."""
    return "<br>".join(escaped(line) for line in clipped(text).splitlines() if line.strip())


def _replaced(character: re.Match[str]) -> str:
    return _REPLACED.get(character[0], "\\" + character[0])


def code(text: str) -> str:
    """Format a text as inline code, with a fence of more backticks than it contains; not for table cells."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_block(text: str, language: str = "") -> list[str]:
    """Return the lines of a fenced code block."""
    kept = clipped(_CONTROL.sub(" ", text))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", kept)), default=0))
    return [fence + language, *kept.splitlines(), fence]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose cells are already Markdown, or an empty list if there are no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines] if lines else []


def clipped(text: str) -> str:
    """Return the text, truncated to `LONGEST` characters."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()} …"
