"""Implementation records in files and notebooks: loaded by name or alone, and refused with their line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from named import named_target

from vae_conformance.errors import Unbound

ADAPTER = """
from student import VAE
from vae_conformance import Implementation

mine = Implementation(VAE, name="mine"{fields})
"""


def files(folder: Path, fields: str = "", more: str = "") -> Path:
    from student_files import GOOD

    (folder / "student.py").write_text(GOOD)
    (folder / "adapter.py").write_text(ADAPTER.format(fields=fields) + more)
    return folder / "adapter.py"


def test_a_file_with_one_record_needs_no_name(tmp_path: Path) -> None:
    path = files(tmp_path, ", input_shape=(1, 8, 8)")
    for text in (f"{path}", f"{path}:mine"):
        target = named_target(text)
        assert (target.name, target.record is not None) == ("mine", True)
        assert tmp_path / "student.py" in target.sources
    with pytest.raises(Unbound, match=r"has 2 Implementation records: mine, other") as caught:
        named_target(str(files(tmp_path, more='other = Implementation(VAE, name="other")\n')))
    assert "adapter.py:mine or adapter.py:other" in caught.value.hint


def test_a_notebook_may_hold_a_record(tmp_path: Path) -> None:
    from student_files import GOOD

    cells = [GOOD, "from vae_conformance import Implementation\nmine = Implementation(VAE, name='mine')\ntrained = VAE().train()"]
    source = {"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4}
    (tmp_path / "work.ipynb").write_text(json.dumps(source))
    assert named_target(str(tmp_path / "work.ipynb")).name == "mine"


def test_a_wrong_record_in_a_file_is_one_sentence_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(Unbound) as caught:
        named_target(str(files(tmp_path, ', likelihood="bernuli"')))
    assert caught.value.message.startswith("importing adapter.py: the Implementation record of mine: likelihood: 'bernuli' is none of")
    assert "line 5" in caught.value.message


def test_a_change_of_the_record_or_of_what_it_builds_is_another_implementation(tmp_path: Path) -> None:
    path = files(tmp_path)
    first = named_target(str(path)).fingerprint()
    assert named_target(str(path)).fingerprint() == first
    path.write_text(path.read_text() + "# a comment changes nothing\n")
    assert named_target(str(path)).fingerprint() == first
    path.write_text(path.read_text() + "changed = 1\n")
    second = named_target(str(path)).fingerprint()
    (tmp_path / "student.py").write_text((tmp_path / "student.py").read_text() + "changed = 1\n")
    assert len({first, second, named_target(str(path)).fingerprint()}) == 3
