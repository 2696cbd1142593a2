"""What the command's tests share: a folder to run in."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder_with_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder that holds a.py, an empty file."""
    (tmp_path / "a.py").touch()
    monkeypatch.chdir(tmp_path)
