"""The folder of a reproduction: written completely or not at all, and never over files of another origin."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from vae_conformance.errors import Unbound
from vae_conformance.report.files import umask

NUMBERS = "numbers.json"
COMMAND = "vae-conformance reproduce"


def refuse_foreign(folder: Path) -> None:
    """Check that the results can be written to `folder`.

    Raises:
        Unbound: it holds something that this command did not create, or its parent folder does not exist or is not writable.
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
    """Write all files to a temporary folder, then move it to `folder`, replacing the results of an earlier run.

    `numbers.json` is one of the files, and names this command and all of them.

    Raises:
        Unbound: something else was written there since the last check.
        OSError: the disk is full, or the parent folder has disappeared or is read-only.
    """
    folder = folder.resolve()
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for name, content in files.items():
            (fresh / name).write_bytes(content)
        fresh.chmod(0o777 & ~umask())  # mkdtemp creates folders that only their owner may enter
        refuse_foreign(folder)
        _exchange(folder, fresh)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(folder: Path, fresh: Path) -> None:
    """Move the new folder to its destination, and restore the old one if that fails."""
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
    """Return the name of a file in the folder that this command did not create, or an empty string."""
    names = sorted(path.name for path in folder.iterdir())
    own = _own(folder / NUMBERS)
    return next((name for name in names if name not in own), "")


def _own(numbers: Path) -> set[str]:
    """Return the names of the files that an earlier run wrote, according to its `numbers.json`."""
    try:
        document = json.loads(numbers.read_text(encoding="utf-8"))
        made = document["made_by"]["command"] == COMMAND
        return {*map(str, document["files"])} if made else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
