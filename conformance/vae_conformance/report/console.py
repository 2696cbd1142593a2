"""Terminal output laid out by rich: as wide as the reader's terminal, coloured where wanted, and with no markup interpreted."""

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
"""Columns of output that goes to no terminal."""
_LEAST_WIDTH = 40
_LEAST_ROOM = 16
"""Columns that a text needs between its label and its right-hand word; with fewer it goes below them."""
_OBEYED = frozenset({"Cc", "Cf", "Cs"})
"""Unicode categories to escape: control characters, format characters, and surrogates, which cannot be encoded."""
_TRAILING = re.compile(r" +((?:\x1b\[[\d;]*m)*)$", re.MULTILINE)


def console_for(stream: TextIO) -> Console:
    """Return the console for a stream: `WIDTH` columns without colour if it is no terminal, and never coloured if NO_COLOR is set."""
    console = Console(
        file=stream,
        color_system=None if os.environ.get("NO_COLOR") else "auto",
        width=None if stream.isatty() else WIDTH,
        force_jupyter=False,
    )
    console.width = max(console.width, _LEAST_WIDTH)
    return console


def plain_console(width: int = WIDTH) -> Console:
    """Return a console for plain text that is not written to a stream."""
    return Console(file=StringIO(), color_system=None, width=width, force_jupyter=False)


def rendered(console: Console, parts: Iterable[RenderableType]) -> str:
    """Render the parts one below the other, without trailing blanks or consecutive empty lines; the text ends with a newline."""
    with console.capture() as captured:
        console.print(Group(*parts), crop=False)
    return re.sub(r"\n{3,}", "\n\n", _TRAILING.sub(r"\1", captured.get()))


def words(text: str, style: str = "") -> Text:
    """Return the text for rich, uninterpreted: what a terminal would obey, such as ANSI escapes or bidirectional controls, is escaped."""
    return Text("".join(_escaped(one) if category(one) in _OBEYED and one != "\n" else one for one in text.expandtabs()), style)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


@dataclass(frozen=True)
class Paragraph:
    """A text that wraps between a label on its left and a word on its right; its own line breaks are kept.

    Attributes:
        text: text of any length, shown literally.
        start: the label before the first line, or blanks.
        end: the word to the right of the first line.
        hang: indentation of wrapped lines, in columns.
        style: the text's style.
    """

    text: str
    start: str | Text = ""
    end: str | Text = ""
    hang: int = 0
    style: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one `Text` per line."""
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
