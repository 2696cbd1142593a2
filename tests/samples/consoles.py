"""Consoles of a given width, with or without colours, independent of the environment of the tests."""

from __future__ import annotations

import io

from rich.console import Console

from vae_conformance.report.console import plain_console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def console(width: int = 100, *, colour: bool = False) -> Console:
    if not colour:
        return plain_console(width)
    return Console(file=Terminal(), width=width, color_system="standard", force_terminal=True, legacy_windows=False, _environ={})
