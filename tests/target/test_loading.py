"""Files that cannot be imported whole: their definitions alone, what is said of the rest, and what they then lack."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from named import named_options, named_target
from target_files import VAE, unbound, write

from vae_conformance.binding.bind import bind
from vae_conformance.target.execute import load_file
from vae_conformance.target.source_code import source_tree
from vae_conformance.target.target import load_target

MODEL = VAE.format(parameters="").lstrip()
"""What a test appends after an empty line begins at line 15."""


@pytest.mark.parametrize(
    ("more", "why", "left"),
    [
        ("data = open('/no/such/data.npz').read()\nprint(data)", "FileNotFoundError", "lines 15 to 16 were left out"),
        ("import sys\nsys.exit(3)", "called sys.exit(3)", "line 16 was left out"),
        ("size = int(input('size? '))", "raised EOFError", "line 15 was left out"),
        ("import no_such_plots\n\nno_such_plots.show()", "No module named 'no_such_plots'", "line 17 was left out"),
        ("VAE().cuda_or_not()\nBETA = 2.0\nfor _ in range(3): pass", "AttributeError", "lines 15 and 17 were left out"),
        ("import no_such_plots", "No module named 'no_such_plots'", "nothing but imports was left out"),
        ("if __name__ == '__main__':\n    train()\nraise ValueError('no data')", "no data", "line 17 was left out"),
    ],
)
def test_what_fails_below_the_classes_is_left_out_and_said(tmp_path: Path, more: str, why: str, left: str) -> None:
    target = named_target(write(tmp_path, f"{MODEL}\n{more}\n"))
    assert target.name == "student.py:VAE"
    assert isinstance(target.make(), torch.nn.Module)
    (note,) = target.notes
    assert note.startswith("importing student.py ")
    assert why in note
    assert left in note
    assert "only the definitions of student.py were loaded" in note


def test_training_at_module_level_is_not_waited_for(tmp_path: Path) -> None:
    target = named_target(write(tmp_path, MODEL + "\nfor step in iter(int, 1):\n    VAE()\n"), import_limit=0.3)
    assert "took longer than 0.3 s" in target.notes[0]
    assert target.fingerprint() != named_target(write(tmp_path, MODEL)).fingerprint()
    assert "lines 15 to 16 were left out" in target.notes[0]


def test_a_file_that_can_be_imported_is_imported_whole(tmp_path: Path) -> None:
    loaded = load_file(Path(write(tmp_path, MODEL + "\nmade = [VAE() for _ in range(2)]\n")), 30.0)
    assert (loaded.notes, loaded.cause) == ((), None)
    assert len(loaded.module.made) == 2
    assert type(loaded.module.__builtins__) is dict


def test_the_note_stands_among_what_was_inferred(tmp_path: Path) -> None:
    source = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.heads, self.out = nn.Linear(4, 4), nn.Linear(2, 4)
    def encode(self, x):
        return self.heads(x).chunk(2, 1)
    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    def decode(self, z):
        return torch.sigmoid(self.out(z))
    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

raise OSError("no data here")
"""
    options = named_options(write(tmp_path, source), input_shape=(4,))
    notes = bind(load_target(options.target), options).facts.notes
    assert notes[0].startswith("importing student.py raised OSError: no data here (line 19), so only")


def test_a_command_line_that_needs_nothing_is_read(tmp_path: Path) -> None:
    parser = (
        "import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument('--z', type=int, default=7)\n"
        "args = parser.parse_args()\nargs.cuda = False\n"
    )
    source = parser + VAE.format(parameters=", z_dim=args.z") + "\nraise OSError('no data')\n"
    assert named_target(write(tmp_path, source)).make().given == {"z_dim": 7}


@pytest.mark.parametrize("argument", ["'--z', type=int, required=True", "'z', type=int"])
def test_a_command_line_that_needs_something_is_left_out(tmp_path: Path, argument: str) -> None:
    parser = f"import argparse\nparser = argparse.ArgumentParser()\nparser.add_argument({argument})\nargs = parser.parse_args()\n"
    target = named_target(write(tmp_path, parser + VAE.format(parameters="")))
    assert "called sys.exit(2)" in target.notes[0]
    assert "lines 3 to 4 were left out" in target.notes[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("self.n = pixels", "name 'pixels' is not defined: it is given in line 2 alone, which was left out"),
        ("super(OldVAE, self).__init__()", "nothing defines OldVAE (did you mean VAE?)"),
        ("self.bar = no_such_bar()", "name 'no_such_bar' is not defined: it could not be imported (ModuleNotFoundError: No module named"),
    ],
)
def test_a_name_that_is_not_there_says_where_it_was_left(tmp_path: Path, line: str, said: str) -> None:
    source = VAE.format(parameters="").replace("self.given", f"{line}; self.given")
    path = write(tmp_path, f"import no_such_bar\npixels = open('/no/such/file').read()\n{source}")
    with pytest.raises(Exception) as caught:  # noqa: PT011 - the message is what is tested
        named_target(path).make()
    assert said in str(caught.value)
    assert "_vae_target_" not in str(caught.value)


def test_where_the_definitions_are_not_enough_the_first_cause_comes_first(tmp_path: Path) -> None:
    fault = unbound(write(tmp_path, "Base = open('/no/such/file').read()\nclass VAE(Base): pass\n"))
    assert fault.message.startswith("importing student.py raised FileNotFoundError")
    assert "its definitions alone are not enough" in fault.message
    assert "'Base' is not defined: it is given in line 1 alone, which was left out" in fault.message
    assert "definitions" not in unbound(write(tmp_path, "import no_such_bar\nclass VAE(no_such_bar.Base): pass")).message
    fault = unbound(write(tmp_path, MODEL + "\nmodel = VAE().missing\n") + ":model")
    assert fault.message.startswith("importing student.py raised AttributeError")
    assert "student.py has no model" in fault.message


def test_the_source_of_a_module_is_had_whole(tmp_path: Path) -> None:
    loaded = load_file(Path(write(tmp_path, MODEL + "\nraise OSError('no data')\n")), 30.0)
    assert source_tree(loaded.module).body[-1].lineno == 15
    assert source_tree(object()).body == []


PACKAGES = "import no_such_bars\nimport no_such_package as missing\nfrom no_such_package import Options\n"
OTHERS = """
class Experiment(missing.Module):
    def step(self, batch): ...

@missing.main()
def start(options: Options): ...
"""


def test_what_cannot_run_costs_no_more_than_itself(tmp_path: Path) -> None:
    values = "import sys\nimport numpy as np\nwhich = sys.argv[1]\nHALF = torch.from_numpy(np.asarray(0.5)).float().sqrt()\n"
    target = named_target(write(tmp_path, PACKAGES + MODEL + values + OTHERS))
    assert target.name == "student.py:VAE"
    assert isinstance(target.make(), torch.nn.Module)
    assert float(target.namespace.HALF) == pytest.approx(0.5**0.5)
    left = [note for note in target.notes if note.startswith("left out, because it cannot run: ")]
    assert [note.split(": ")[1] for note in left] == ["line 19 (which)", "line 22 (Experiment)", "line 26 (start)"]
    assert "IndexError" in left[0]
    assert "No module named 'no_such_package'" in left[1]


@pytest.mark.parametrize(
    "parameters",
    [
        ", options: Options = None",
        ", options: 'Options' = None",
        ", options: Options | None = None",
        ", options: missing.config.Options[int] = None",
        ", kind=missing.Kind.SMALL, /",
    ],
)
def test_a_placeholder_stands_for_a_missing_package_in_a_signature(tmp_path: Path, parameters: str) -> None:
    target = named_target(write(tmp_path, PACKAGES + VAE.format(parameters=parameters)))
    assert isinstance(target.make(), torch.nn.Module)
    if "'" not in parameters:
        assert any(note.startswith("a placeholder stands for ") and "no_such_package" in note for note in target.notes)


@pytest.mark.parametrize("use", ["Options()", "missing.layers.Linear(2)", "[1 for _ in missing]", "1 if missing.flag else 0"])
def test_a_missing_package_that_is_needed_is_named(tmp_path: Path, use: str) -> None:
    fault = unbound(write(tmp_path, PACKAGES + VAE.format(parameters=f", made={use}")))
    assert "No module named 'no_such_package'" in fault.message
    assert "pip install no_such_package" in fault.hint
    assert "no_such_bars" not in fault.message


def test_a_class_of_a_missing_package_is_not_replaced_by_its_halves(tmp_path: Path) -> None:
    halves = "from torch import nn\nclass Encoder(nn.Module): ...\nclass Decoder(nn.Module): ...\n"
    whole = "class Net(missing.Module):\n    def __init__(self): self.e, self.d = Encoder(), Decoder()\n"
    for name in ("", ":Net"):
        fault = unbound(write(tmp_path, PACKAGES + halves + whole) + name)
        assert fault.message.startswith("defining Net raised NameError")
        assert "pip install no_such_package" in fault.hint


LIGHTNING = """
import absent_lightning as pl
import torch
from torch import nn


class Data(pl.LightningDataModule):
    def __init__(self):
        super().__init__()


class LitVAE(pl.LightningModule):
    def __init__(self, latent_dim=3, beta=2.0, **kwargs):
        super().__init__()
        self.save_hyperparameters(ignore="beta")
        self.heads, self.out = nn.Linear(64, 2 * self.hparams.latent_dim), nn.Linear(self.hparams["latent_dim"], 64)

    def forward(self, x):
        mu, logvar = self.heads(x).chunk(2, -1)
        self.log("mean", mu.mean(), prog_bar=True)
        return self.out(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu).to(self.device)), mu, logvar
"""


def test_a_module_of_lightning_is_loaded_without_lightning(tmp_path):
    target = named_target(write(tmp_path, LIGHTNING))
    model = target.make()
    assert dict(model.hparams) == {"latent_dim": 3}
    assert [tuple(one.shape) for one in model(torch.rand(2, 64))] == [(2, 64), (2, 3), (2, 3)]
    assert "a placeholder stands for pl, which could not be imported" in target.assumed


def test_another_base_class_that_is_missing_is_asked_for(tmp_path):
    fault = unbound(write(tmp_path, LIGHTNING.replace("pl.LightningModule", "pl.Strategy")))
    assert "absent_lightning" in fault.message


def test_a_script_that_imports_its_model_is_judged_by_the_definitions_of_both(tmp_path: Path) -> None:
    (tmp_path / "network.py").write_text("from no_such_plots import draw\n" + MODEL)
    target = named_target(write(tmp_path, "from no_such_bars import bar\nfrom network import VAE\nmodel = bar(VAE())\n"))
    assert isinstance(target.make(), torch.nn.Module)
    assert target.assumed[0].startswith("only definitions were loaded: importing student.py failed: No module named 'no_such_bars'")


def test_a_sibling_that_lacks_a_package_is_told_where_the_script_needs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "plots.py").write_text("import no_such_plots\nno_such_plots.draw()\n")
    fault = unbound(write(tmp_path, "import plots\nprint(plots)\n"))
    assert "No module named 'no_such_plots'" in fault.message
