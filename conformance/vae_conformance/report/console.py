"""Text on a terminal, laid out by rich: as wide as the reader's, in colour where that is wanted, and with nothing in it interpreted."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from io import StringIO
from typing import TextIO
from unicodedata import category

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.text import Text

WIDTH = 100
"""Columns where no terminal says how many it has."""
_LEAST_WIDTH = 40
_LEAST_ROOM = 16
"""Columns that a text needs beside what stands before and behind it; with fewer it stands below."""
_OBEYED = frozenset({"Cc", "Cf", "Cs"})
"""Categories of Unicode: control characters, format characters, and surrogates, which no file takes."""
_TRAILING = re.compile(r" +((?:\x1b\[[\d;]*m)*)$", re.MULTILINE)


def console_for(stream: TextIO) -> Console:
    """The console that lays text out for a stream: as plain text of `WIDTH` columns where it is no terminal, or NO_COLOR is set."""
    console = Console(
        file=stream,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=None if stream.isatty() else WIDTH,
        force_jupyter=False,
    )
    console.width = max(console.width, _LEAST_WIDTH)
    return console


def plain_console(width: int = WIDTH) -> Console:
    """The console that lays out plain text which no stream takes."""
    return Console(file=StringIO(), color_system=None, width=width, force_jupyter=False)


def rendered(console: Console, parts: Iterable[RenderableType]) -> str:
    """The parts below each other as text that ends with a newline: no blanks at the end of a line, no two empty lines in a row."""
    with console.capture() as captured:
        console.print(Group(*parts), crop=False)
    return re.sub(r"\n{3,}", "\n\n", _TRAILING.sub(r"\1", captured.get()))


def words(text: str, style: str = "") -> Text:
    """The text for rich, as it is: what a terminal would obey, such as an escape, or what turns the order of signs is spelled out."""
    return Text("".join(_spelled(sign) if category(sign) in _OBEYED and sign != "\n" else sign for sign in text.expandtabs()), style)


def _spelled(sign: str) -> str:
    return sign.encode("unicode_escape").decode()


@dataclass(frozen=True)
class Paragraph:
    """A text that wraps beside its label, and before a word at the right; its own line breaks stay.

    Attributes:
        text: of any length, shown as it is.
        start: what stands before its first line, such as a label or blanks.
        end: what stands at the right of its first line.
        hang: columns by which what wraps hangs in.
        style: of the text.
    """

    text: str
    start: str | Text = ""
    end: str | Text = ""
    hang: int = 0
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The lines, each as one text."""
        start, end = (part if isinstance(part, Text) else words(part) for part in (self.start, self.end))
        room = options.max_width - start.cell_len - (end.cell_len + 2 if end else 0)
        if room < _LEAST_ROOM:
            yield start + end
            yield Paragraph(self.text, "    ", style=self.style)
            return
        for line in self.text.splitlines() or [""]:
            shown = words(line, self.style)
            first = shown.wrap(console, room)[0]
            rest = shown[len(first) :].plain.strip()
            if end:
                first.pad_right(room + 2 - first.cell_len)
            yield _line(start, first, end)
            start, end = Text(" " * start.cell_len), Text()
            for more in words(rest, self.style).wrap(console, room - self.hang) if rest else ():
                yield _line(start, Text(" " * self.hang), more)


def _line(*parts: Text) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ignore")
