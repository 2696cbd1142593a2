"""Where the parts of an implementation stand in its author's code."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from named import named_options, named_target
from student_files import GOOD, changed

from vae_conformance.location import Location, location_in
from vae_conformance.runner.run import Judge
from vae_spec.subject import Part

LINES = GOOD.splitlines()


def located(path: Path, name: str = "VAE") -> Mapping[str, Location]:
    """The locations of the parts of one file's implementation, as its report gives them."""
    text = f"{path}:{name}"
    judge = Judge(named_options(text, profile="exact", input_shape=(1, 8, 8)), named_target(text))
    judge.ask("KL-01")
    found = judge.report_on("KL-01").implementation
    assert found is not None
    return {name: part.location for name, part in found.binding.parts.items() if part.location is not None}


def line_of(source: str, start: str) -> int:
    """The number of the one line that starts so, indentation aside."""
    (number,) = [number for number, line in enumerate(source.splitlines(), start=1) if line.strip().startswith(start)]
    return number


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def make(source: str, name: str = "student.py") -> Path:
        path = tmp_path / name
        path.write_text(source, encoding="utf-8")
        return path

    return make


def test_every_part_of_the_native_interface_has_its_line(write) -> None:
    found = located(write(GOOD))
    names = {
        Part.POSTERIOR: "encode",
        Part.DRAW: "reparameterize",
        Part.DECODE: "decode",
        Part.FORWARD: "forward",
        Part.LOSS: "loss",
        Part.LOSS_TERMS: "loss",
        Part.BETA: "loss",
        Part.PARAMETERS: "__init__",
        Part.TRAINING: "__init__",
        Part.NOISE_CONTROL: "reparameterize",
        Part.LATENT_IN_FORWARD: "forward",
    }
    assert found == {part: Location("student.py", line_of(GOOD, f"def {name}"), f"VAE.{name}") for part, name in names.items()}
    assert found.keys() == set(Part)


def test_the_line_is_that_of_def_behind_decorators(write) -> None:
    wrapped = """import functools


def logged(function):
    @functools.wraps(function)
    def wrapper(*arguments, **named):
        return function(*arguments, **named)

    return wrapper


"""
    source = wrapped + changed(
        ("    def decode", "    @logged\n    @logged\n    def decode"),
        ("    def reparameterize(self,", "    @staticmethod\n    def reparameterize("),
    )
    found = located(write(source))
    assert found[Part.DECODE] == Location("student.py", line_of(source, "def decode"), "VAE.decode")
    assert found[Part.DRAW] == Location("student.py", line_of(source, "def reparameterize"), "VAE.reparameterize")


def test_functions_of_the_module_stand_where_they_are_defined(write) -> None:
    loss = GOOD[GOOD.index("    def loss") :]
    body = "\n".join(line.removeprefix("    ") for line in loss.replace("self, ", "").splitlines()) + "\n"
    source = GOOD.replace(loss, "") + "\n\n" + body
    found = located(write(source))
    assert found[Part.LOSS] == Location("student.py", line_of(source, "def loss"), "loss")


def test_a_sampling_step_within_forward_stands_there(write) -> None:
    sampler = GOOD[GOOD.index("    def reparameterize") : GOOD.index("    def decode")]
    inline = "mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"
    source = GOOD.replace(sampler, "").replace("self.reparameterize(mu, logvar)", inline)
    found = located(write(source))
    assert found[Part.DRAW] == found[Part.FORWARD] == Location("student.py", line_of(source, "def forward"), "VAE.forward")


def test_what_is_supplied_has_no_place_and_a_decoder_of_another_name_has_its(write) -> None:
    loss = GOOD[GOOD.index("    def loss") :]
    source = GOOD.replace(loss, "").replace("def decode", "def undo").replace("self.decode", "self.undo")
    found = located(write(source))
    assert Part.LOSS not in found
    assert found[Part.DECODE] == Location("student.py", line_of(source, "def undo"), "VAE.undo")


def test_what_fails_when_it_is_called_still_has_its_place(write) -> None:
    source = changed(("        return self.layers(z).view(-1, 1, 8, 8)\n", "        return self.nowhere(z)\n"))
    assert located(write(source))[Part.DECODE] == Location("student.py", line_of(source, "def decode"), "VAE.decode")


SUBMODULES = """import torch
from torch import nn


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 6)

    def forward(self, x):
        return self.layer(x.flatten(1)).chunk(2, dim=1)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = nn.Sequential(
            nn.Linear(3, 64), nn.Sigmoid(), nn.Unflatten(1, (1, 8, 8))
        )

    def forward(self, x):
        mu, logvar = self.encoder(x)
        return self.decoder(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar
"""


def test_submodules_stand_in_their_own_class_or_where_they_are_made(write) -> None:
    found = located(write(SUBMODULES))
    assert found[Part.POSTERIOR] == Location("student.py", 10, "Encoder.forward")
    assert found[Part.DECODE] == Location("student.py", line_of(SUBMODULES, "self.decoder ="), "VAE.__init__: self.decoder")


def test_siblings_are_the_implementation_s_own_and_libraries_are_not(write) -> None:
    encoder = SUBMODULES[: SUBMODULES.index("class VAE")]
    write(encoder, "parts.py")
    rest = SUBMODULES[SUBMODULES.index("class VAE") :]
    found = located(write(f"import torch\nfrom torch import nn\nfrom parts import Encoder\n\n\n{rest}"))
    assert found[Part.POSTERIOR] == Location("parts.py", 10, "Encoder.forward")


def test_a_class_without_a_constructor_of_its_own_stands_for_it(write) -> None:
    source = GOOD + "\n\nclass Mine(VAE):\n    def decode(self, z):\n        return super().decode(z)\n"
    path = write(source)
    assert located(path, "Mine")[Part.PARAMETERS] == Location("student.py", line_of(source, "def __init__"), "VAE.__init__")
    encode = "    def encode(self, x):\n        return x.flatten(1)[:, :2], x.flatten(1)[:, 2:4]\n"
    plain = "from torch import nn\n\n\nclass VAE(nn.Module):\n" + encode
    assert located(write(plain))[Part.PARAMETERS] == Location("student.py", 4, "VAE")


def test_a_notebook_s_cells_are_named(write) -> None:
    imports, definition = GOOD.split("\n\n\n", 1)
    cells = [{"cell_type": "code", "source": text, "metadata": {}} for text in (imports, definition)]
    cells.insert(1, {"cell_type": "markdown", "source": "words", "metadata": {}})
    path = write(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}), "homework.ipynb")
    place = located(path)[Part.DECODE]
    assert place == Location("homework.ipynb", line_of(definition, "def decode"), "VAE.decode", cell=2)
    assert str(place) == f"homework.ipynb, cell 2, line {place.line} (VAE.decode)"


def test_paths_are_relative_below_the_current_folder_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    monkeypatch.chdir(tmp_path / "deep")
    assert location_in(str(tmp_path / "deep" / "more" / "a.py"), 3, "f").file == "more/a.py"
    assert location_in(str(tmp_path / "a.py"), 3, "f").file == (tmp_path / "a.py").resolve().as_posix()
