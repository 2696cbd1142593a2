"""Text from anywhere as Markdown (GitHub's and GitLab's) that shows it as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

_SIGNS = re.compile(r"[\\`*_\[\]|~<>&$]")
_REPLACED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "$": "<span>$</span>"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_REFERENCE = re.compile(r"(?<=[@#!])(?=\w)|(?<=:)(?=//)|(?<=www)(?=\.)")
_LIST = re.compile(r"^(|\d+(?=[.)](?:\s|$)))([-+#=.)])")
"""What would begin a list, a heading or a rule at the start of a line."""
LONGEST = 1200
"""Characters of one text: a traceback stands in the JSON report, not in a comment."""


def escaped(text: str) -> str:
    """One line that no renderer reads anything into: no markup, HTML, table, mention, reference or link."""
    line = clipped(" ".join(_CONTROL.sub(" ", text).split()))
    # a comment between "@" and a name keeps servers from sending the person a message
    joined = "<!-- -->".join(_SIGNS.sub(_replaced, part) for part in _REFERENCE.split(line))
    return _LIST.sub(r"\1\\\2", joined)


def escaped_lines(text: str) -> str:
    """The same for several lines, which stay lines, within tables too."""
    return "<br>".join(escaped(line) for line in clipped(text).splitlines() if line.strip())


def _replaced(sign: re.Match[str]) -> str:
    return _REPLACED.get(sign[0], "\\" + sign[0])


def code(text: str) -> str:
    """Inline code, not for tables: fenced by more backticks than it holds."""
    line = " ".join(_CONTROL.sub(" ", text).split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", line)), default=0))
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def code_block(text: str, language: str = "") -> list[str]:
    """The lines of a fenced block."""
    kept = clipped(_CONTROL.sub(" ", text))
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", kept)), default=0))
    return [fence + language, *kept.splitlines(), fence]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table whose cells are Markdown already; empty where it has no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *lines] if lines else []


def clipped(text: str) -> str:
    """The text, or its beginning where it is very long."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rstrip()} …"
