"""Finds and binds an implementation of a VAE, runs the experiments, asks the claims of `vae_spec`, and reports.

For Python's own users: `check_vae` gives the report of a run, `parametrize_with_claims` makes each claim a test, and an
`Implementation` record settles by hand what is otherwise found of a model. Importing this package imports nothing heavy: what is named
here is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vae_conformance.api import ConformanceError, Report, check_vae
    from vae_conformance.implementation import Implementation
    from vae_conformance.testing.parametrize import parametrize_with_claims

__all__ = ["ConformanceError", "Implementation", "Report", "check_vae", "parametrize_with_claims"]

_HOMES = {
    "ConformanceError": "vae_conformance.api",
    "Implementation": "vae_conformance.implementation",
    "Report": "vae_conformance.api",
    "check_vae": "vae_conformance.api",
    "parametrize_with_claims": "vae_conformance.testing.parametrize",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
