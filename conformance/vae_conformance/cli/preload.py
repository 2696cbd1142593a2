"""What a page needs is imported while the child still works, so that whoever waits for the run does not wait for it."""

from __future__ import annotations

import contextlib
import importlib
import threading

from vae_conformance.runner.events import Event, Trained

MODULES = ("vae_conformance.report.html.collect_figures", "sklearn.manifold")
"""What takes seconds to import."""


class ImportAhead:
    """Takes events; at the first trained runs, which a page will show, imports what draws them."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def __call__(self, event: Event) -> None:
        """Take one event in."""
        if isinstance(event, Trained) and self._thread is None:
            # No daemon: a process that ends in the midst of an import of compiled code may end badly.
            self._thread = threading.Thread(target=_import)
            self._thread.start()


def _import() -> None:
    with contextlib.suppress(Exception):  # whoever needs it imports it again, and says what is wrong
        for name in MODULES:
            importlib.import_module(name)
