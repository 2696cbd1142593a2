"""How text is set on a terminal: its width, colour where it is wanted, lines that wrap, numbers as people read them."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from vae_spec.outcomes import Number

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


@dataclass(frozen=True)
class Layout:
    """The width in columns, and whether colours are used."""

    width: int = 100
    colour: bool = False

    @staticmethod
    def of(stream: TextIO, environment: Mapping[str, str]) -> Layout:
        """The layout for a stream: colours on a terminal, unless NO_COLOR is set or it is a dumb one."""
        terminal = stream.isatty()
        width = shutil.get_terminal_size((100, 24)).columns if terminal else 100
        return Layout(max(width, 40), terminal and not environment.get("NO_COLOR") and environment.get("TERM") != "dumb")

    def paint(self, text: str, *colours: str) -> str:
        """The text in colours, where they are used."""
        if not self.colour or not colours:
            return text
        return "".join(f"\x1b[{_COLOURS[colour]}m" for colour in colours) + text + "\x1b[0m"

    def wrap(self, text: str, indent: str = "", hanging: str = "  ") -> list[str]:
        """The text in lines that fit the width; its own line breaks stay, and what wraps hangs in.

        Words too long for a line, such as paths, are left whole, so that they can be copied.
        """
        lines: list[str] = []
        for line in text.splitlines():
            deeper = " " * (len(line) - len(line.lstrip()))
            lines += textwrap.wrap(
                line.strip(),
                self.width,
                initial_indent=indent + deeper,
                subsequent_indent=indent + deeper + hanging,
                break_long_words=False,
                break_on_hyphens=False,
            ) or [""]
        return lines


def number(value: Number) -> str:
    """A measured value as people read it: four digits of a fraction, thousands of a whole number set apart."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else value


def numbers(values: Mapping[str, Number]) -> str:
    """Named values in a row."""
    return ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in values.items())


def count(n: int, noun: str, plural: str = "") -> str:
    """A number with its noun: "1 claim", "2 claims"."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"
