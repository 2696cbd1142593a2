"""The store of trained runs: each is made once, under a name that its content decides, and shared by all claims, workers and later runs.

An entry is a NumPy archive behind the SHA-256 of its bytes. A damaged or foreign entry is detected and made anew; entries are written to a
temporary name and renamed, so that no reader sees half of one.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from platformdirs import user_cache_path

from vae_spec.evidence import HeldOut, Recipe, Stationarity, TrainedRun

MAGIC = b"vae-conformance run 1\n"
MOST_ENTRIES = 2000
_CURVES = ("total", "reconstruction", "kl", "analytic_kl")


def default_folder() -> Path:
    """The user's cache folder for trained runs."""
    return Path(user_cache_path("vae-conformance")) / "runs"


def content_key(parts: Mapping[str, object]) -> str:
    """The name of an entry: SHA-256 over everything that decides a run."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


class Store:
    """Trained runs by content.

    Raises:
        OSError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def lock(self, key: str) -> FileLock:
        """The lock that whoever makes this entry holds."""
        return FileLock(str(self.folder / f"{key}.lock"))

    def get(self, key: str) -> TrainedRun | None:
        """The entry, or None where there is none or it is damaged."""
        path = self.folder / f"{key}.run"
        try:
            return decode(path.read_bytes())
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile):
            path.unlink(missing_ok=True)
            return None

    def put(self, key: str, run: TrainedRun) -> None:
        """Write an entry."""
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".writing-", delete=False) as file:
            file.write(encode(run))
        Path(file.name).replace(self.folder / f"{key}.run")
        self._prune()

    def _prune(self) -> None:
        """Keep the newest entries only."""
        entries = sorted(self.folder.glob("*.run"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in entries[MOST_ENTRIES:]:
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


def encode(run: TrainedRun) -> bytes:
    """The bytes of an entry."""
    arrays: dict[str, np.ndarray[Any, Any]] = {name: getattr(run, name) for name in _CURVES}
    plain: dict[str, Any] = {"recipe": asdict(run.recipe), "notes": dict(run.notes)}
    for name in ("diverged_at", "repeat_difference", "repeat_steps"):
        plain[name] = getattr(run, name)
    if run.samples is not None:
        arrays["samples"] = run.samples
    if run.stationarity is not None:
        plain["stationarity"] = asdict(run.stationarity)
    if run.held_out is not None:
        values = asdict(run.held_out)
        for name in ("kl_per_dim", "mu_variance"):
            arrays[f"held_out.{name}"] = values.pop(name)
        plain["held_out"] = values
    arrays["plain"] = np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    payload = buffer.getvalue()
    return MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def decode(content: bytes) -> TrainedRun:
    """The run that `encode` wrote.

    Raises:
        ValueError: it is not one, or it was changed since.
    """
    head = len(MAGIC) + 65
    if not content.startswith(MAGIC) or hashlib.sha256(content[head:]).hexdigest().encode() != content[len(MAGIC) : head - 1]:
        raise ValueError("not an entry of the store, or a damaged one")
    with np.load(io.BytesIO(content[head:]), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    plain = json.loads(bytes(arrays.pop("plain")).decode())
    held_out = None
    if "held_out" in plain:
        held_out = HeldOut(**plain["held_out"], kl_per_dim=arrays["held_out.kl_per_dim"], mu_variance=arrays["held_out.mu_variance"])
    return TrainedRun(
        recipe=Recipe(**plain["recipe"]),
        **{name: arrays[name] for name in _CURVES},
        diverged_at=plain["diverged_at"],
        repeat_difference=plain["repeat_difference"],
        repeat_steps=plain["repeat_steps"],
        held_out=held_out,
        stationarity=Stationarity(**plain["stationarity"]) if "stationarity" in plain else None,
        samples=arrays.get("samples"),
        notes=plain["notes"],
    )
