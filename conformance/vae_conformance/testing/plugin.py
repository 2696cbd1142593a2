"""The pytest plugin: its options, and the registration of `Asking` if a run names an implementation.

Heavy modules are imported only by runs with `--vae`, so that the plugin does not slow other test runs.
"""

from __future__ import annotations

import pytest

from vae_conformance.config.options import OPTIONS, RunOptions, read_words
from vae_conformance.target.spec import parse_target

_TAKEN = ("profile", "seed", "only")
"""Options of the command that pytest accepts too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("vae-conformance", "conformance of a variational autoencoder")
    group.addoption(
        "--vae",
        metavar="TARGET",
        help="the implementation: file.py[:Name], notebook.ipynb[:Name], package.module:object, or an entry point's name",
    )
    for name in _TAKEN:
        group.addoption(f"--vae-{OPTIONS[name].key}", **{**OPTIONS[name].argument, "default": None})


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and `Asking` if the run names an implementation."""
    config.addinivalue_line("markers", "trained: claims that look at trained runs")
    options = _options(config)
    if options is not None:
        from vae_conformance.testing.asking import Asking  # noqa: PLC0415  imports NumPy, and pytest loads this plug-in everywhere

        config.pluginmanager.register(Asking(options), Asking.NAME)


def _options(config: pytest.Config) -> RunOptions | None:
    """Return the options of the run; None if it names no implementation.

    Every claim is asked, because each is a test of its own, whose result must not depend on that of others.
    """
    if not (target := config.getoption("--vae")):
        return None
    given = read_words({name: config.getoption(f"--vae-{name}") for name in _TAKEN})
    return RunOptions(parse_target(target), **given, keep_going=True)
