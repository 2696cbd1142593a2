"""The content-addressed store of trained runs: each is trained once, and shared by all claims, workers and later runs.

An entry is a NumPy archive preceded by its SHA-256. A damaged or foreign entry is detected and trained anew. Entries are written under a
temporary name and renamed, so that readers never see a partial one.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from filelock import FileLock
from platformdirs import user_cache_path

from vae_conformance.config.values import STORED_MEGABYTES
from vae_spec.evidence import TrainedRun

MAGIC = b"vae-conformance run 5\n"
"""The format of an entry; entries of other formats are trained anew."""
Record = TypeVar("Record")


def default_folder() -> Path:
    """Return the user's cache folder for trained runs."""
    return Path(user_cache_path("vae-conformance")) / "runs"


def content_key(parts: Mapping[str, object]) -> str:
    """Return the name of an entry: the SHA-256 of everything that determines the run."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Contents:
    """The number of files in a store, trained runs and the features that judge their samples, and their size in bytes."""

    files: int
    size: int

    def __str__(self) -> str:
        return f"{self.files} {'file' if self.files == 1 else 'files'}, {self.size / 1e6:.1f} MB"


class Store:
    """A folder of trained runs, named by their content keys.

    Raises:
        OSError: the folder cannot be created or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def lock(self, key: str) -> FileLock:
        """Return the lock to hold while creating this entry."""
        return FileLock(str(self.folder / f"{key}.lock"))

    def get(self, key: str) -> TrainedRun | None:
        """Return the entry, or None if it does not exist or is damaged."""
        return self.read(self.folder / f"{key}.run", TrainedRun)

    def read(self, path: Path, kind: type[Record]) -> Record | None:
        """Return the record in a file of the store, or None if it does not exist; a damaged file is deleted."""
        try:
            found = decode(path.read_bytes(), kind)
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, msgspec.DecodeError):
            path.unlink(missing_ok=True)
            return None
        with contextlib.suppress(OSError):  # a folder that is only read
            os.utime(path)
        return found

    def has(self, key: str) -> bool:
        """Return whether the entry exists; it may be damaged."""
        return (self.folder / f"{key}.run").exists()

    def put(self, key: str, run: TrainedRun) -> None:
        """Write an entry."""
        self.write(self.folder / f"{key}.run", encode(_in_half_precision(run)))
        self.prune()

    def write(self, path: Path, content: bytes) -> None:
        """Write a file of the store atomically."""
        with tempfile.NamedTemporaryFile(dir=self.folder, prefix=".writing-", delete=False) as file:
            file.write(content)
        Path(file.name).replace(path)

    def contents(self) -> Contents:
        """Return the number and size of the files."""
        return _together(self._by_use())

    def prune(self, megabytes: int = STORED_MEGABYTES) -> Contents:
        """Delete the files used longest ago until the others fit in so many megabytes (10^6 bytes), and return what was deleted.

        Other processes may prune at the same time.
        """
        kept, deleted = 0, []
        for path, size, used in self._by_use():
            kept += size
            if kept > megabytes * 10**6:
                deleted.append((path, size, used))
                path.unlink(missing_ok=True)
                path.with_suffix(".lock").unlink(missing_ok=True)
        return _together(deleted)

    def _by_use(self) -> list[tuple[Path, int, float]]:
        """Return each file with its size in bytes and the time of its last use, the latest first."""
        found = []
        for path in (*self.folder.glob("*.run"), *self.folder.glob("*.features")):
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((path, status.st_size, status.st_mtime))
        return sorted(found, key=lambda one: one[2], reverse=True)


def _together(files: list[tuple[Path, int, float]]) -> Contents:
    return Contents(len(files), sum(size for _path, size, _used in files))


def encode(record: object) -> bytes:
    """Return the bytes of a record: an archive of its arrays, with the rest of it as MessagePack."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}

    def extract(value: Any) -> object:
        if not isinstance(value, np.ndarray):
            return float(value)  # a NumPy scalar
        name = f"array {len(arrays)}"
        arrays[name] = value
        return name

    tree = msgspec.msgpack.encode(record, enc_hook=extract)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays, tree=np.frombuffer(tree, dtype=np.uint8))
    payload = buffer.getvalue()
    return MAGIC + _checksum(payload) + payload


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(payload).hexdigest().encode() + b"\n"


def _in_half_precision(run: TrainedRun) -> TrainedRun:
    """Return the run with its pictures in half precision, which exceeds what a report shows."""
    if run.observations is None:
        return run
    pictures = run.observations.pictures
    with np.errstate(over="ignore"):  # a latent beyond half precision's range becomes infinite in a picture
        halved = {
            entry.name: value.astype(np.float16)
            for entry in fields(pictures)
            if (value := getattr(pictures, entry.name)).dtype == np.float64
        }
    return replace(run, observations=replace(run.observations, pictures=replace(pictures, **halved)))


def decode(content: bytes, kind: type[Record]) -> Record:
    """Return the record that `encode` wrote; its arrays of half precision are widened.

    Raises:
        ValueError: it is not an entry, or has changed since.
        msgspec.DecodeError: its record has another format.
    """
    payload = content[len(MAGIC) + 65 :]
    if content != MAGIC + _checksum(payload) + payload:
        raise ValueError("not an entry of the store, or a damaged one")
    with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}

    def array(_kind: type, name: Any) -> np.ndarray[Any, Any]:
        found: np.ndarray[Any, Any] = arrays[name]
        return found.astype(np.float64) if found.dtype == np.float16 else found

    return msgspec.msgpack.decode(arrays["tree"].tobytes(), type=kind, dec_hook=array)
