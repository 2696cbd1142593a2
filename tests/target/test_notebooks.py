"""Notebooks: what is kept of one, what is left out, and how its faults are told."""

import builtins
import json
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

import pytest
import torch
from loss_files import KL, LOOP, PLAIN, RECON
from named import named_options, named_target
from student_files import GOOD, LOSS
from torch import nn

from vae_conformance.binding.bind import bind
from vae_conformance.errors import Unbound
from vae_conformance.target.notebook import notebook_source
from vae_conformance.target.partial_module import run_definitions
from vae_spec.subject import Part

MODEL = """
from torch import nn
class VAE(nn.Module):
    def encode(self, x): ...
    def decode(self, z): ...
"""
TARGETS = Path(__file__).parent.parent / "targets"


def write(folder: Path, *cells: str, name: str = "made.ipynb") -> Path:
    path = folder / name
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4}))
    return path


def run(path: Path) -> dict[str, object]:
    module = ModuleType("made")
    run_definitions(notebook_source(path), module, vars(builtins))
    return vars(module)


def names(namespace: dict[str, object]) -> set[str]:
    return set(namespace) - set(vars(ModuleType("made"))) - {"__builtins__"}


def test_a_notebook_with_magics_and_training_gives_its_model_without_running_them():
    target = named_target(str(TARGETS / "training.ipynb"))
    assert target.name == "training.ipynb:VAE"
    model = target.make()
    assert isinstance(model, nn.Module)
    x_hat, mu, logvar = model(torch.zeros(3, 4))
    assert x_hat.shape == (3, 4)
    assert mu.shape == logvar.shape == (3, 2)
    there = vars(target.namespace)
    assert there["scale"] in (1.0, 2.0)
    assert isinstance(there["device"], torch.device)
    assert isinstance(there["reconstruction"], nn.BCELoss)
    assert there["greeting"] == "\n!this is text\n"
    assert there["loss_function"](torch.full((1, 4), 0.5), torch.zeros(1, 4), mu[:1], logvar[:1]).shape == ()
    assert there["VAE"].loss is staticmethod
    assert not {"train", "train_set", "pixels", "batches", "model", "optimizer", "epoch", "optim", "os"} & set(there)
    assert target.sources == ((TARGETS / "training.ipynb").resolve(),)


def test_a_traceback_names_cell_and_line_with_its_text():
    model = named_target(str(TARGETS / "training.ipynb")).make()
    with pytest.raises(ArithmeticError) as caught:
        model.fails()
    last = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert Path(last.filename).name == "training.ipynb, cell 4"
    assert last.lineno == 16
    assert last.line == 'raise ArithmeticError("in the notebook")'


def test_the_older_format_is_read():
    assert isinstance(named_target(str(TARGETS / "old.ipynb")).make(), nn.Module)


@pytest.mark.parametrize(
    "kept",
    [
        "x = 3",
        "x = -2 * (1 + 1)",
        "x, y = 1, [2, 3]",
        "x: int = 4",
        "x = 1\nx += 2",
        "x = {'lr': 1e-3}['lr']",
        "x = len('abc')",
        "import math\nx = math.log(2)",
        "import torch\nx = torch.device('cpu')",
        "x = lambda data: data.load()",
        "x = f'{1 + 1}'",
        "x = [i * 2 for i in range(3)]",
        "from torch import nn\nx = nn.MSELoss(reduction='sum')",
        "try:\n    import no_such_module\n    x = 1\nexcept ImportError:\n    x = 0",
        "if 1 > 2:\n    x = 1\nelse:\n    x = 2",
        "from dataclasses import dataclass\n@dataclass\nclass C:\n    a: int = 1\nx = C(a=3)",
    ],
)
def test_cheap_statements_are_kept(tmp_path, kept):
    assert "x" in run(write(tmp_path, kept))


@pytest.mark.parametrize(
    "left_out",
    [
        "x = load()",
        "x = Net()",
        "for x in [1]:\n    pass",
        "with open('f') as x:\n    pass",
        "x = (yield_ := load())",
        "print(1)",
        "import numpy as np\nx = np.load('f')",
        "while True:\n    x = 1",
        "x = train()[0]",
        "a = load()\nx = a + 1",
        "a = load()\nx = a.b",
        "a = load()\na = a + 1\nx = a",
        "a = load()\ndef x(b=a):\n    pass",
        "if load():\n    x = 1",
        "settings.x = 3",
        "del x",
        "%%bash\nx=1",
        "x = !ls",
        "assert False",
        "try:\n    x = load()\nexcept OSError:\n    raise",
    ],
)
def test_everything_else_is_left_out(tmp_path, left_out):
    assert "x" not in names(run(write(tmp_path, left_out)))


def test_a_name_that_a_later_cell_defines_plainly_is_there_again(tmp_path):
    assert run(write(tmp_path, "a = load()", "a = 3", "x = a + 1"))["x"] == 4


def test_imports_that_only_the_training_needs_are_not_made(tmp_path):
    namespace = run(
        write(
            tmp_path,
            "import no_such_module\nimport math\nfrom os.path import *",
            "x = math.pi",
            "no_such_module.init()",
        )
    )
    assert namespace["x"] > 3
    assert "join" in namespace


def test_future_imports_hold_for_later_cells(tmp_path):
    namespace = run(write(tmp_path, "from __future__ import annotations", "def f(x: NotDefined): pass"))
    assert namespace["f"].__annotations__ == {"x": "NotDefined"}


def test_magics_inside_blocks_leave_the_blocks_whole(tmp_path):
    namespace = run(write(tmp_path, "if 1 < 2:\n    !pip install a \\\n      b\n    x = 1\n%cd ..\nnamed?\ny = (7\n     % 4)"))
    assert (namespace["x"], namespace["y"]) == (1, 3)


def test_a_statement_that_is_not_python_is_left_out_and_named(tmp_path):
    path = write(tmp_path, "x = 1\nprint 'old'\n%cd ..\ny = (2\n     + x)", MODEL + "\nreturn 3\n\nz = x + y")
    target = named_target(str(path))
    there = vars(target.namespace)
    assert (there["x"], there["y"], there["z"]) == (1, 3, 4)
    assert target.make() is not None
    assert len(target.notes) == 2
    assert target.notes[0].startswith("left out, because it cannot run: cell 1, line 2: made.ipynb, cell 1 does not parse: Missing paren")
    assert "cell 2 does not parse: 'return' outside function" in target.notes[1]


def test_a_future_import_may_stand_anywhere_in_a_cell(tmp_path):
    path = write(
        tmp_path, "import torch\nfrom __future__ import annotations\nfrom torch import nn", MODEL + "    def later(self, x: Unknown): ..."
    )
    target = named_target(str(path))
    assert isinstance(target.make(), nn.Module)
    assert target.notes == ()


def test_a_class_that_does_not_parse_is_named_where_it_is_what_is_asked_for(tmp_path):
    for name in ("", ":VAE"):
        with pytest.raises(Unbound) as caught:
            named_target(f"{TARGETS / 'broken.ipynb'}{name}")
        assert "broken.ipynb, cell 2 does not parse" in caught.value.message
        assert "broken.ipynb, cell 2, line 3: class VAE(torch.nn.Module:" in caught.value.message
        assert caught.value.hint == "Fix the syntax of that cell."
    halves = "class Encoder(nn.Module): ...\nclass Decoder(nn.Module): ...\nclass VAE(nn.Module:\n    pass\n"
    with pytest.raises(Unbound, match="cell 1 does not parse"):
        named_target(str(write(tmp_path, "from torch import nn\n" + halves)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json {", "its content is not JSON"),
        ("[1, 2]", "it has no list of cells"),
        ('{"cells": []}', "has no code cells"),
        ('{"worksheets": 3}', "it has no list of cells"),
        ('{"cells": [{"cell_type": "code", "source": " "}]}', "has no code cells"),
    ],
)
def test_what_is_no_notebook_is_told_in_one_message(tmp_path, content, said):
    path = tmp_path / "bad.ipynb"
    path.write_text(content)
    with pytest.raises(Unbound, match=said) as caught:
        named_target(str(path))
    assert caught.value.hint


def test_a_notebook_without_code_says_so():
    with pytest.raises(Unbound, match=r"no_code\.ipynb has no code cells"):
        named_target(str(TARGETS / "no_code.ipynb"))


def test_a_value_that_was_left_out_is_explained_where_the_constructor_misses_it(tmp_path):
    path = write(
        tmp_path,
        "from torch import nn\npixels = measure()",
        "class VAE(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.layer = nn.Linear(pixels, 2)\n"
        "    def encode(self, x): ...\n    def decode(self, z): ...",
    )
    with pytest.raises(Unbound, match="name 'pixels' is not defined: it is given in cell 1, line 2 alone, which was left out") as caught:
        named_target(str(path)).make()
    assert "\n  made.ipynb, cell 2, line 4: self.layer" in caught.value.message
    assert "plain value" in caught.value.hint


def test_siblings_of_a_notebook_are_found(tmp_path):
    (tmp_path / "parts.py").write_text("WHO = 'sibling'")
    path = write(
        tmp_path,
        "from parts import WHO\nclass VAE:\n    who = WHO\n    def encode(self, x): ...\n    def decode(self, z): ...",
    )
    assert named_target(str(path)).make().who == "sibling"
    assert "parts" not in sys.modules


def test_a_notebook_is_bound_as_the_same_file_is(tmp_path):
    loop = LOOP.format(lines=PLAIN).replace("def train(model, batches, beta=1.0):", "model, batches = VAE(4, 2), load()\nif True:")
    cells = [GOOD.replace(LOSS, ""), "%matplotlib inline\n" + RECON + KL, loop]
    (tmp_path / "student.py").write_text("\n".join([*cells[:1], RECON, KL, loop]))
    accounts = []
    for path in (write(tmp_path, *cells), tmp_path / "student.py"):
        facts = bind(named_target(f"{path}:VAE"), named_options(str(path))).facts
        said = {part: re.sub(r"^(cell 3, )?lines \d+ to \d+", "its loop", report.account) for part, report in facts.parts.items()}
        accounts.append({part: (report.standing, said[part]) for part, report in facts.parts.items()})
    assert accounts[0] == accounts[1]
    assert accounts[0][Part.LOSS][1] == "its loop give one scalar"
