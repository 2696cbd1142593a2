"""Formatting of numbers, alone and with nouns, that all reports share."""

from __future__ import annotations

from collections.abc import Mapping

from vae_spec.outcomes import Number


def number(value: Number) -> str:
    """Format a measured value: four significant digits for floats, digit grouping for large integers."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace(",", " ") if abs(value) >= 10_000 else str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "none" if value is None else value


def numbers(values: Mapping[str, Number]) -> str:
    """Format named values, separated by commas."""
    return ", ".join(f"{name.replace('_', ' ')} {number(value)}" for name, value in values.items())


def count(n: int, noun: str, plural: str = "") -> str:
    """Format a number with its noun: "1 claim", "2 claims"."""
    return f"{n} {noun if n == 1 else plural or noun + 's'}"
