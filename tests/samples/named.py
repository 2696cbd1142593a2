"""Options and targets by the text that names the implementation, as the command line has it."""

from __future__ import annotations

from typing import Any

from vae_conformance.config.options import RunOptions
from vae_conformance.target.spec import parse_target
from vae_conformance.target.target import Target, load_target


def named_options(text: str, **options: Any) -> RunOptions:
    return RunOptions(parse_target(text), **options)


def named_target(text: str, **options: Any) -> Target:
    return load_target(parse_target(text), **options)
