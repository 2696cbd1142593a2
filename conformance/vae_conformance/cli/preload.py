"""Import the HTML report's dependencies in the background while the run is still going."""

from __future__ import annotations

import contextlib
import importlib
import threading

from vae_conformance.runner.events import Event, Trained

MODULES = ("vae_conformance.report.html.collect_figures", "sklearn.manifold")
"""Modules that take seconds to import."""


class Preloader:
    """A listener that starts the imports at the first event about trained runs, since the page will show them."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Handle one event."""
        if isinstance(event, Trained) and self._thread is None:
            # Not a daemon thread: exiting in the middle of an import of compiled code may crash the process.
            self._thread = threading.Thread(target=_import)
            self._thread.start()


def _import() -> None:
    with contextlib.suppress(Exception):  # the import is repeated where it is needed, and reports the error there
        for name in MODULES:
            importlib.import_module(name)
