"""Report files: checked for write access before the run, and written atomically."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vae_conformance.errors import Unbound


def refuse_unwritable(path: Path) -> None:
    """Check that a report can be written to `path`.

    Raises:
        Unbound: its folder does not exist or is not writable, or the path is not a regular file.
    """
    if path.exists() and not path.is_file():
        raise Unbound(f"the report cannot be written to {path}: that is a folder or a device", "name a plain file")
    if not path.parent.is_dir():
        raise Unbound(f"the report cannot be written to {path}: there is no folder {path.parent}", "make the folder first, or name another")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise Unbound(f"the report cannot be written to {path}: {error.strerror}", "name a folder that you may write to") from error


def write_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, so that a reader sees either the old file or the complete new one.

    Raises:
        OSError: the folder has disappeared or is read-only, or the disk is full.
    """
    path = path.resolve()  # replace the target of a symbolic link, not the link
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~umask()
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        temporary.chmod(mode)  # mkstemp creates files that only their owner may read
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def umask() -> int:
    """Return the permissions that this process withholds from new files."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
