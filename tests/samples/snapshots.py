"""Snapshots in separate files with proper suffixes, so that editors, browsers and diffs can show them."""

from __future__ import annotations

from functools import cache

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


@cache
def file(ending: str) -> type[SingleFileSnapshotExtension]:
    """Return the syrupy extension that stores each snapshot as UTF-8 text in a file with this suffix."""
    return type("File", (SingleFileSnapshotExtension,), {"_write_mode": WriteMode.TEXT, "file_extension": ending})
