"""The folder that `reproduce` leaves: whole or not at all, and nobody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vae_conformance.errors import Unbound
from vae_conformance.reproduction.folder import COMMAND, put, refuse_foreign


def files(text: str = "x", **more: bytes) -> dict[str, bytes]:
    names = ["README.md", "numbers.json", *more]
    return {"README.md": text.encode(), "numbers.json": json.dumps({"made_by": {"command": COMMAND}, "files": names}).encode(), **more}


def test_the_folder_comes_into_being_whole_and_is_replaced_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out, files("first", old=b"1"))
    put(out, files("second"))
    assert sorted(path.name for path in out.iterdir()) == ["README.md", "numbers.json"]
    assert (out / "README.md").read_text() == "second"
    assert list(tmp_path.iterdir()) == [out]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    put(tmp_path / "out", files())
    (tmp_path / "empty").mkdir()
    put(tmp_path / "empty", files())
    assert (tmp_path / "empty" / "README.md").is_file()


def foreign_note(folder: Path) -> None:
    put(folder, files())
    (folder / "notes.txt").write_text("mine")


def not_json(folder: Path) -> None:
    folder.mkdir()
    (folder / "numbers.json").write_text("{")


def other_maker(folder: Path) -> None:
    folder.mkdir()
    (folder / "numbers.json").write_text(json.dumps({"made_by": {"command": "something else"}, "files": ["numbers.json"]}))


@pytest.mark.parametrize("make", [foreign_note, not_json, other_maker, lambda folder: folder.write_text("a file")])
def test_what_this_command_did_not_make_is_left_alone(make: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    make(out)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(Unbound):
        put(out, files("new"))
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_without_a_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unbound, match="no folder"):
        refuse_foreign(tmp_path / "nowhere" / "out")


def test_a_failure_while_writing_leaves_the_old_results(tmp_path: Path) -> None:
    out = tmp_path / "out"
    put(out, files("first"))
    with pytest.raises(OSError, match="No such file"):
        put(out, files("second", **{"no/such/folder.png": b""}))
    assert (out / "README.md").read_text() == "first"
    assert list(tmp_path.iterdir()) == [out]
