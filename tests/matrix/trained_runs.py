"""The folder of the kill matrix's trained runs: outside the checkout, so that the next matrix reuses those of the same code."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch
from platformdirs import user_cache_path

import vae_conformance
import vae_spec

PACKAGES = tuple(Path(str(package.__file__)).parent for package in (vae_conformance, vae_spec))
KEPT = 3
"""The number of versions of the code whose runs are kept."""
LOOKING = frozenset({"claims", "runner", "report", "comparing", "reproduction", "cli", "testing"})
"""Folders that only read trained runs or judgements. Nothing that trains may import them, so changes to them do not affect the runs."""
NUMERICS = ("torch", "torchvision", "numpy", "scipy", "scikit-learn")


def fingerprint(packages: Sequence[Path] = PACKAGES) -> str:
    """Return the SHA-256 of what decides a trained run besides its entry (which is part of its name in the store): suite, libraries, CPU.

    The store's own names leave out more of the suite than is safe across changes to it; here everything except `LOOKING` counts.
    """
    versions = [f"{name} {version(name)}" for name in NUMERICS]
    machine = (platform.python_version(), platform.platform(), platform.processor(), torch.backends.cpu.get_cpu_capability())
    digest = hashlib.sha256(repr((versions, machine)).encode())
    for root in packages:
        for path in sorted(root.rglob("*")):
            within = path.relative_to(root)
            if path.suffix in (".py", ".json", ".npz") and not LOOKING & set(within.parts):
                content = path.read_bytes()
                digest.update(f"\n{root.name} {within.as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def folder() -> Path | None:
    """Return the folder of this code's trained runs, in VAE_CONFORMANCE_MATRIX_RUNS or the user's cache; None if it is not writable.

    Runs of the `KEPT` most recently used versions of the code are kept.
    """
    root = Path(os.environ.get("VAE_CONFORMANCE_MATRIX_RUNS") or user_cache_path("vae-conformance") / "matrix")
    own = root / fingerprint()
    try:
        own.mkdir(parents=True, exist_ok=True)
        os.utime(own)
        by_use = sorted(root.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return None
    for stale in by_use[KEPT:]:
        shutil.rmtree(stale, ignore_errors=True)
    return own if os.access(own, os.W_OK) else None
