"""The folder that a reproduction leaves: whole or not at all, and nothing of anybody else's is ever replaced."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from vae_conformance.errors import Unbound

NUMBERS = "numbers.json"
COMMAND = "vae-conformance reproduce"


def refuse_foreign(folder: Path) -> None:
    """Make sure that the results can be put at `folder`.

    Raises:
        Unbound: something lies there that this command did not make, or the folder around it takes no files.
    """
    folder = folder.resolve()
    if folder.exists() and not folder.is_dir():
        raise Unbound(f"the results cannot be put at {folder}: a file is there", "name a folder with --out")
    if folder.is_dir() and (foreign := _foreign(folder)):
        raise Unbound(f"{folder} holds {foreign}, which this command did not make", "name another folder with --out, or empty this one")
    if not folder.parent.is_dir():
        raise Unbound(
            f"the results cannot be put at {folder}: there is no folder {folder.parent}", "make it first, or name another with --out"
        )
    try:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}."):
            pass
    except OSError as error:
        raise Unbound(f"the results cannot be put at {folder}: {error.strerror}", "name another folder with --out") from error


def put(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write all files beside their place, then move them there together; what an earlier run left is replaced.

    Args:
        folder: where to.
        files: their contents, by name; `numbers.json` among them names this command and all files.

    Raises:
        Unbound: since it was last looked at, something else came to lie there.
        OSError: the disk is full, or the folder around it is gone or read-only.
    """
    folder = folder.resolve()
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        fresh.chmod(0o777 & ~_umask())  # mkdtemp makes folders that nobody else may enter
        refuse_foreign(folder)
        _exchange(folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(folder: Path, fresh: Path) -> None:
    """Move the fresh folder to its place; the old one comes back where that fails."""
    if not folder.exists():
        fresh.rename(folder)
        return
    aside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        old = folder.rename(aside / folder.name)
        try:
            fresh.rename(folder)
        except BaseException:
            old.rename(folder)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _foreign(folder: Path) -> str:
    """The name of something in the folder that this command did not make, or an empty string."""
    there = sorted(path.name for path in folder.iterdir())
    own = _own(folder / NUMBERS)
    return next((name for name in there if name not in own), "")


def _own(numbers: Path) -> set[str]:
    """The files that an earlier run says it wrote."""
    try:
        document = json.loads(numbers.read_text(encoding="utf-8"))
        made = document["made_by"]["command"] == COMMAND
        return {*map(str, document["files"])} if made else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
