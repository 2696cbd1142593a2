"""Snapshots as files of their own, which an editor, a browser or a diff shows as what they are."""

from __future__ import annotations

from functools import cache

from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode


@cache
def file(ending: str) -> type[SingleFileSnapshotExtension]:
    """The extension of syrupy that keeps each snapshot as UTF-8 text in a file with this ending."""
    return type("File", (SingleFileSnapshotExtension,), {"_write_mode": WriteMode.TEXT, "file_extension": ending})
