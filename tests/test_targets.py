"""Targets: every way to name an implementation, every way in which loading one can fail, and what is left behind."""

import pickle
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

import pytest
import torch
from torch import nn

from vae_conformance import addresses
from vae_conformance.errors import Unbound
from vae_conformance.targets import load_target

TARGETS = Path(__file__).parent / "targets"

VAE = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
        self.given = {{key: value for key, value in locals().items() if key not in ("self", "__class__")}}

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def forward(self, x):
        return x, x, x
"""


def write(folder: Path, source: str, name: str = "student.py") -> str:
    path = folder / name
    path.write_text(source)
    return str(path)


def unbound(text: str, **options: object) -> Unbound:
    with pytest.raises(Unbound) as caught:
        load_target(text, **options)
    return caught.value


def given(folder: Path, parameters: str, **options: object) -> dict[str, object]:
    return load_target(write(folder, VAE.format(parameters=parameters)), **options).make().given


# The forms.


def test_a_file_gives_its_class_and_what_decides_its_behaviour():
    path = TARGETS / "first" / "student.py"
    target = load_target(str(path))
    assert target.text == str(path)
    assert target.name == "student.py:VAE"
    assert target.instance is None
    assert target.arguments == {}
    assert target.rebuild is None
    assert [source.name for source in target.sources] == ["student.py", "_parts.py"]
    assert target.make() is not target.make()
    assert target.namespace.Settings().latent_dim == 2


def test_siblings_of_two_folders_never_mix_even_in_late_imports():
    before = list(sys.path)
    first, second = (load_target(str(TARGETS / folder / "student.py")).make() for folder in ("first", "second"))
    assert (first.who, second.who) == ("first", "second")
    assert first.who_later() == ("late first", "first")
    assert second.who_later() == ("late second", "second")
    assert sys.path == before
    assert not {"student", "_parts", "_late"} & set(sys.modules)


def test_the_same_file_loaded_twice_gives_two_modules():
    first, second = (load_target(str(TARGETS / "first" / "student.py")).namespace for _ in range(2))
    assert first is not second
    assert first.VAE is not second.VAE


def test_instances_can_be_pickled():
    model = load_target(str(TARGETS / "first" / "student.py")).make()
    assert pickle.loads(pickle.dumps(model)).who == "first"


def test_no_compiled_files_are_left_beside_the_sources(tmp_path):
    write(tmp_path, "WHO = 1", "_parts.py")
    load_target(write(tmp_path, "from _parts import WHO\n" + VAE.format(parameters="")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_parts.py", "student.py"]


def test_a_file_of_a_package_finds_its_package():
    target = load_target(str(TARGETS / "package" / "inner" / "vae.py"))
    assert target.make().depth == 4
    assert {source.name for source in target.sources} == {"vae.py", "layers.py", "__init__.py"}
    assert "package" not in sys.modules


@pytest.mark.parametrize("name", ["my-vae.py", "13.4 vae (1).py", "class.py", "VAE.PY"])
def test_a_file_may_have_a_name_that_is_no_module_name(tmp_path, name):
    write(tmp_path, "WHO = 'sibling'", "_parts.py")
    path = write(tmp_path, "from _parts import WHO\n" + VAE.format(parameters=""), name)
    assert load_target(path).name == f"{name}:VAE"


def test_installed_modules_and_the_standard_library_come_before_folders_and_files_of_their_names(tmp_path):
    write(tmp_path, "raise RuntimeError('not the standard library')", "random.py")
    (tmp_path / "scipy").mkdir()
    write(tmp_path / "scipy", "", "notes.py")
    target = load_target(write(tmp_path, "import random, scipy\n" + VAE.format(parameters="")))
    assert target.namespace.random is sys.modules["random"]
    assert target.namespace.scipy is sys.modules["scipy"]


def test_a_folder_of_siblings_without_an_init_is_imported(tmp_path):
    (tmp_path / "models").mkdir()
    write(tmp_path / "models", "WHO = 'models'", "blocks.py")
    source = "import models.blocks\nfrom models import blocks\nimport models.blocks as again\n" + VAE.format(parameters="")
    there = load_target(write(tmp_path, source)).namespace
    assert there.models.blocks is there.blocks is there.again
    assert there.blocks.WHO == "models"


def test_siblings_may_import_the_file_back(tmp_path):
    write(tmp_path, "import student\nnn = student.nn", "late.py")
    there = load_target(write(tmp_path, VAE.format(parameters="") + "\nimport late")).namespace
    assert there.late.student is there


def test_an_entry_point_is_called_by_its_name():
    target = load_target("reference")
    assert target.name == "reference"
    assert isinstance(target.make(), nn.Module)
    assert len(target.sources) > 1
    assert all(source.suffix == ".py" for source in target.sources)


def test_an_entry_point_that_cannot_be_loaded_says_which(monkeypatch):
    points = [EntryPoint("mine", "no_such_package.vae:VAE", addresses.GROUP)]
    monkeypatch.setattr(addresses, "entry_points", lambda group: points)
    assert "the entry point mine (no_such_package.vae:VAE): there is no module no_such_package" in unbound("mine").message


def test_an_object_of_an_installed_module():
    target = load_target("torch.nn:Identity")
    assert isinstance(target.make(), nn.Identity)
    assert target.name == "torch.nn:Identity"
    assert Path(torch.__file__).resolve() in {source.resolve() for source in target.sources}


def test_an_object_of_a_module_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", "", "__init__.py")
    write(tmp_path / "mine", "from mine.parts import WHO\n" + VAE.format(parameters=""), "vae.py")
    write(tmp_path / "mine", "WHO = 3", "parts.py")
    target = load_target("mine.vae:VAE")
    assert target.namespace.WHO == 3
    assert sorted(source.name for source in target.sources) == ["__init__.py", "parts.py", "vae.py"]
    assert "mine" not in sys.modules


# Which object.


def test_the_class_built_from_the_others_is_the_vae():
    assert load_target(str(TARGETS / "parts.py")).name == "parts.py:Net"


def test_two_candidates_are_both_named():
    fault = unbound(str(TARGETS / "two_vaes.py"))
    assert fault.message == "two_vaes.py has 2 classes that could be the VAE: DenseVAE, ConvVAE"
    assert fault.hint == "Name one: two_vaes.py:DenseVAE or two_vaes.py:ConvVAE"
    assert load_target(f"{TARGETS / 'two_vaes.py'}:ConvVAE").name == "two_vaes.py:ConvVAE"


@pytest.mark.parametrize(
    ("source", "chosen"),
    [
        (
            (
                "class Base(nn.Module):\n def encode(self, x): raise NotImplementedError\n def decode(self, z): ...\n"
                "class Small(Base):\n def encode(self, x): ...\n def sample_z(self, m): ...\n def forward(self, x): ..."
            ),
            "Small",
        ),
        (
            (
                "class Auto(nn.Module):\n def encode(self, x): ...\n def decode(self, z): ...\n"
                "class Other(nn.Module):\n def encode(s, x): ...\n def decode(s, z): ...\n def add_noise(s): ..."
            ),
            "Other",
        ),
        ("class Net(nn.Module):\n def forward(self, x): return x + torch.randn_like(x)", "Net"),
        (
            "class Net(nn.Module):\n @torch.no_grad()\n def out(s): return torch.randn(1)\n def forward(s, x): ...",
            "Net",
        ),
        (
            (
                "class Noise(nn.Module):\n def forward(self, x): return x + torch.randn(1)\n"
                "class VarAE(nn.Module):\n def __init__(self): self.n = Noise()\n"
                " def forward(self, x): return self.n(x)\n def sample(self): ..."
            ),
            "VarAE",
        ),
        (
            (
                "class Generator(nn.Module):\n def forward(self, z): return z + torch.randn(1)\n"
                "class MyVAE(nn.Module):\n def forward(self, x): return x + torch.randn(1)"
            ),
            "MyVAE",
        ),
        (
            (
                "class VAE(nn.Module):\n def reparam(self, m): ...\n def forward(self, x): ...\n"
                "class Fit:\n def __init__(self): self.m = VAE()\n def encode(self, x): ...\n def decode(self, z): ..."
            ),
            "VAE",
        ),
        (
            (
                "class VAELoss(nn.Module):\n def forward(self, a, b): return a.normal_()\n"
                "class Elbo(nn.Module):\n def forward(self, x_hat, x, mu, logvar): return torch.randn(1)\n"
                "class VAE(nn.Module):\n def parametrize(self, m): ...\n def forward(self, x): ...\nAlias = VAE"
            ),
            "VAE",
        ),
        (
            "class VAE(nn.Module):\n @property\n def noise(s): 0\n @staticmethod\n def f(): 0\n def forward(s, x): 0",
            "VAE",
        ),
    ],
)
def test_the_choice_among_classes(tmp_path, source, chosen):
    assert load_target(write(tmp_path, f"import torch\nfrom torch import nn\n{source}")).name == f"student.py:{chosen}"


def test_an_object_that_is_no_module_is_taken_all_the_same():
    path = TARGETS / "plain_object.py"
    assert load_target(str(path)).name == "plain_object.py:Model"
    ready = load_target(f"{path}:model")
    assert (ready.make, ready.rebuild) == (None, None)
    assert ready.instance is ready.namespace.model


def test_no_candidate_lists_the_classes_and_the_way_to_name_one(tmp_path):
    fault = unbound(write(tmp_path, "class Settings: pass\nclass Wrong(Exception): pass"))
    assert fault.message == "no class in student.py looks like a VAE; classes defined there: Settings, Wrong"
    assert fault.hint.endswith("student.py:Settings")
    fault = unbound(write(tmp_path, "import torch"))
    assert "classes defined there: none" in fault.message
    assert fault.hint.endswith("student.py:make")


def test_a_class_that_is_only_imported_is_not_chosen_but_suggested(tmp_path):
    write(tmp_path, VAE.format(parameters=""), "model.py")
    path = write(tmp_path, "from model import VAE")
    fault = unbound(path)
    assert "it imports VAE" in fault.message
    assert fault.hint.endswith("student.py:VAE")
    assert isinstance(load_target(f"{path}:VAE").make(), nn.Module)


def test_a_factory_is_called_with_what_it_needs():
    made = load_target(f"{TARGETS / 'made.py'}:make")
    assert made.make().encoder.in_features == 4
    assert made.make() is not made.make()
    sized = load_target(f"{TARGETS / 'made.py'}:sized", input_shape=(2, 3))
    assert sized.arguments == {"x_dim": 6}
    assert sized.make().encoder.out_features == 8


def test_a_factory_that_forgets_to_return_is_told_so():
    with pytest.raises(Unbound, match=r"made\.py:forgot returned None") as caught:
        load_target(f"{TARGETS / 'made.py'}:forgot").make()
    assert "Return" in caught.value.hint


def test_a_ready_instance_is_taken_as_it_is():
    target = load_target(f"{TARGETS / 'made.py'}:ready")
    assert target.instance is target.namespace.ready
    assert (target.make, target.rebuild, target.arguments) == (None, None, {})


def test_what_is_no_model_is_refused():
    fault = unbound(f"{TARGETS / 'plain_object.py'}:number")
    assert fault.message == "plain_object.py:number is a int, not a class, a function that builds a model, or a model"


def test_an_unknown_name_gets_the_names_that_are_there_and_a_suggestion():
    fault = unbound(f"{TARGETS / 'two_vaes.py'}:denseVEA")
    assert fault.message == "two_vaes.py has no denseVEA (did you mean DenseVAE?); it has: ConvVAE, DenseVAE"
    assert "made.py has no reedy (did you mean ready?)" in unbound(f"{TARGETS / 'made.py'}:reedy").message
    assert unbound("torch.nn:Linaer").message.startswith("torch.nn has no Linaer (did you mean Linear?)")
    assert "math has no tau.deeper" in unbound("math:tau.deeper").message


# Names that lead nowhere.


def test_a_wrong_path_gets_close_matches(tmp_path):
    write(tmp_path, "", "student.py")
    fault = unbound(str(tmp_path / "studnet.py"))
    assert "(did you mean student.py?)" in fault.message
    assert "Files there: student.py." in fault.hint
    assert "there is no folder" in unbound(str(tmp_path / "nowhere" / "student.py")).message
    assert "did you mean student.py" in unbound(f"{tmp_path}/student").message


def test_a_folder_and_a_wrong_suffix(tmp_path):
    fault = unbound(str(tmp_path))
    assert fault.message.endswith("is a folder")
    assert "no Python files" in fault.hint
    assert unbound(f"{tmp_path}:VAE").message.endswith("is a folder")
    text = write(tmp_path, "", "student.txt")
    assert unbound(text).message.endswith("student.txt is neither a Python file nor a notebook")
    assert unbound(f"{text}:VAE").message.endswith("student.txt is neither a Python file nor a notebook")


def test_a_folder_in_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    assert unbound("work").message == "work is a folder"
    assert unbound("work:VAE").message == "work has no VAE; it has: nothing"


def test_an_unknown_name_lists_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "", "student.py")
    fault = unbound("referense")
    assert fault.message.startswith("no implementation is called 'referense' (did you mean reference?)")
    names = sorted(point.name for point in entry_points(group=addresses.GROUP))
    assert {"autoencoder", "reference", "tiny"} <= set(names)
    assert fault.message.endswith(f"installed ones: {', '.join(names)}")
    assert "write student.py" in unbound("student").hint
    for nothing in ("", ":", ":VAE", "torch:"):
        assert "no implementation is called" in unbound(nothing).message
    assert "names nothing after the colon" in unbound("student.py:").message


def test_an_unknown_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert unbound("trch.nn:Linear").message == "there is no module trch (did you mean torch?)"
    assert unbound("torch.functionla:Linear").message == "there is no module torch.functionla (did you mean functional?)"
    assert unbound("__main__.nothing:X").message.startswith("there is no module __main__")


# Files that misbehave.


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        (
            "import sys\nsys.exit(3)",
            "importing student.py called sys.exit(3)\n  student.py, line 2: sys.exit(3)",
            "__main__",
        ),
        (
            "x = 1\nclass VAE(:\n    pass",
            "importing student.py failed: invalid syntax\n  student.py, line 2: class VAE(:",
            "syntax",
        ),
        (
            "import no_such.thing",
            "importing student.py failed: No module named 'no_such'\n  student.py, line 1: import no_such.thing",
            "pip install no_such",
        ),
        (
            "import sys\nsys.modules['cv2'] = None\nimport cv2.nothing",
            "importing student.py failed: ",
            "pip install opencv-python",
        ),
        (
            "from torch import no_such_name",
            "importing student.py failed: cannot import name 'no_such_name' from 'torch'",
            "Mend",
        ),
        (
            "from . import nothing_here",
            "importing student.py failed: cannot import name 'nothing_here' from 'its folder'",
            "Mend",
        ),
        (
            "def f():\n    return 1 / 0\nf()",
            ("importing student.py raised ZeroDivisionError: division by zero\n  student.py, line 2: return 1 / 0"),
            "traceback",
        ),
        ("import torch\ntorch.zeros(2) @ torch.zeros(3)", "importing student.py raised RuntimeError", "traceback"),
        ("open('/no/such/data.npz')", "importing student.py raised FileNotFoundError", "traceback"),
        ("input('size? ')", "importing student.py raised EOFError", "traceback"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', required=True)\np.parse_args()",
            "called sys.exit(2)",
            "__main__",
        ),
        ("class Odd(BaseException): pass\nraise Odd('out')", "importing student.py raised Odd: out", "traceback"),
        ("def f(): f()\nf()", "importing student.py raised RecursionError", "traceback"),
        ("x = '\0'", "importing student.py ", ""),
        (
            "import broken_sibling",
            "importing student.py failed: '(' was never closed\n  broken_sibling.py, line 2: f(",
            "syntax",
        ),
        (
            "import failing_sibling",
            "importing student.py raised ValueError: sibling\n  failing_sibling.py, line 1: raise",
            "traceback",
        ),
    ],
)
def test_whatever_an_import_does_is_one_clear_message(tmp_path, source, message, hint, monkeypatch):
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    write(tmp_path, "x = 1\nf(", "broken_sibling.py")
    write(tmp_path, "raise ValueError('sibling')", "failing_sibling.py")
    before = list(sys.path), sys.argv, sys.stdin, sys.stdout, sys.stderr
    fault = unbound(write(tmp_path, source))
    sys.modules.pop("cv2", None)
    assert message in fault.message
    assert hint in fault.hint
    assert "_vae_target_" not in fault.message + fault.hint
    assert (list(sys.path), sys.argv, sys.stdin, sys.stdout, sys.stderr) == before
    assert not [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "import time; time.sleep(600)",
        "while True:\n    try:\n        1 / 0\n    except Exception:\n        pass",
    ],
)
def test_an_import_that_does_not_end_is_ended(tmp_path, loop):
    fault = unbound(write(tmp_path, loop), import_limit=0.2)
    assert fault.message.startswith("importing student.py took longer than 0.2 s\n  student.py, line ")
    assert 'if __name__ == "__main__"' in fault.hint


def test_a_file_may_be_rude_to_the_interpreter(capfd):
    before = list(sys.path), list(sys.argv), sys.stdout, sys.stderr
    target = load_target(str(TARGETS / "rude.py"))
    assert target.make().shared == "elsewhere"
    assert (list(sys.path), list(sys.argv), sys.stdout, sys.stderr) == before
    assert torch.is_grad_enabled()
    assert [source.name for source in target.sources] == ["rude.py", "shared_name.py"]
    del target
    sys.stderr.write("still open\n")
    seen = capfd.readouterr()
    assert seen.out == ""
    assert seen.err == "epoch 1, loss \u03b1\nto the errors\nthrough a wrapper\nstill open\n"


def test_modules_from_folders_that_a_file_added_do_not_reach_the_next_file(tmp_path):
    (tmp_path / "common").mkdir()
    write(tmp_path / "common", "WHO = 'here'", "shared_name.py")
    source = f"import sys\nsys.path.append({str(tmp_path / 'common')!r})\nimport shared_name\n"
    path = write(tmp_path, source + VAE.format(parameters=""))
    load_target(str(TARGETS / "rude.py"))
    assert load_target(path).namespace.shared_name.WHO == "here"


# Constructing.


@pytest.mark.parametrize(
    ("parameters", "options", "expected"),
    [
        ("", {}, {}),
        (", *args, **kwargs", {}, {"args": (), "kwargs": {}}),
        (", latent_dim=2, hidden=[3]", {}, {"latent_dim": 2, "hidden": [3]}),
        (", input_dim, h_dim, z_dim", {}, {"input_dim": 784, "h_dim": 256, "z_dim": 16}),
        (", x_dim, h_dim1, h_dim2, nLatent", {}, {"x_dim": 784, "h_dim1": 256, "h_dim2": 256, "nLatent": 16}),
        (
            ", input_shape, hidden_dims, latent_dims",
            {},
            {"input_shape": (1, 28, 28), "hidden_dims": [256], "latent_dims": 16},
        ),
        (", input_shape: int, hidden_dims: int", {}, {"input_shape": 784, "hidden_dims": 256}),
        (", input_dim: tuple[int, ...]", {"input_shape": (3, 8, 8)}, {"input_dim": (3, 8, 8)}),
        (", input_dim: 'list[int]', latent: list", {}, {"input_dim": [1, 28, 28], "latent": [16]}),
        (
            ", image_size: tuple[int, int], in_channels",
            {"input_shape": (3, 8, 9)},
            {"image_size": (8, 9), "in_channels": 3},
        ),
        (", image_size, nc: int", {"input_shape": (3, 8, 8)}, {"image_size": 8, "nc": 3}),
        (", image_size", {}, {"image_size": 784}),
        (", image_size=28", {"input_shape": (1, 8, 8)}, {"image_size": 8}),
        (", image_size=784", {"input_shape": (1, 8, 8)}, {"image_size": 64}),
        (", img_height, img_width", {"input_shape": (3, 8, 9)}, {"img_height": 8, "img_width": 9}),
        (", resolution", {"input_shape": (64,)}, {"resolution": 8}),
        (", shape: tuple[int, int, int]", {"input_shape": (8, 8)}, {"shape": (1, 8, 8)}),
        (", shape=(784,)", {"input_shape": (1, 8, 8)}, {"shape": (64,)}),
        (", shape=[28, 28]", {"input_shape": (1, 8, 8)}, {"shape": [8, 8]}),
        (", shape: int | tuple = 784", {"input_shape": (1, 8, 8)}, {"shape": (1, 8, 8)}),
        (", input_size: int = 784, latent_size=4", {"input_shape": (2,)}, {"input_size": 2, "latent_size": 4}),
        (", channels=3", {"input_shape": (64,)}, {"channels": 3}),
        (", device, beta, filters", {}, {"device": torch.device("cpu"), "beta": 1.0, "filters": 32}),
        (", x_dim, /, z_dim, *, hidden", {}, {"x_dim": 784, "z_dim": 16, "hidden": 256}),
    ],
)
def test_arguments_follow_the_meaning_of_their_names(tmp_path, parameters, options, expected):
    assert given(tmp_path, parameters, **options) == expected


def test_supplied_arguments_are_told(tmp_path):
    target = load_target(write(tmp_path, VAE.format(parameters=", input_dim, latent_dim=3")))
    assert target.arguments == {"input_dim": 784}


@pytest.mark.parametrize("parameter", ["encoder", "num_classes", "config", "p"])
def test_an_unknown_required_parameter_is_named_with_the_way_out(tmp_path, parameter):
    fault = unbound(write(tmp_path, VAE.format(parameters=f", latent_dim, {parameter}")))
    assert fault.message == f"student.py:VAE: the class VAE needs the argument '{parameter}', and nothing says what to give it"
    assert f"Give {parameter} a default value" in fault.hint
    assert fault.hint.endswith("student.py:make")
    assert "the function" in unbound(write(tmp_path, f"def build({parameter}): ...") + ":build").message


def test_rebuilding_takes_sizes_by_their_meaning_or_their_own_names(tmp_path):
    target = load_target(write(tmp_path, VAE.format(parameters=", x_dim=784, h=[400], n_latent=20, rate=0.1")))
    assert target.accepts == {"input_shape", "hidden_dim", "latent_dim"}
    assert target.rebuild({"input_shape": (2,), "hidden_dim": 16, "latent_dim": 2}).given == {
        "x_dim": 2,
        "h": [16],
        "n_latent": 2,
        "rate": 0.1,
    }
    assert target.rebuild({"n_latent": 3, "rate": 0.5}).given == {"x_dim": 784, "h": [400], "n_latent": 3, "rate": 0.5}
    assert target.make().given["n_latent"] == 20
    with pytest.raises(Unbound, match="has no parameter for depth"):
        target.rebuild({"depth": 2})


def test_rebuilding_with_the_documents_own_names(tmp_path):
    target = load_target(write(tmp_path, VAE.format(parameters=", input_shape, latent_dim=8")), input_shape=(1, 8, 8))
    assert target.rebuild({"input_shape": (2,), "latent_dim": 1}).given == {"input_shape": (2,), "latent_dim": 1}
    assert target.rebuild({}).given == {"input_shape": (1, 8, 8), "latent_dim": 8}


def test_a_constructor_that_raises_shows_its_line(tmp_path):
    source = VAE.format(parameters=", latent_dim").replace(
        "super().__init__()", "super().__init__(); self.head = nn.Linear(-latent_dim, 2)"
    )
    target = load_target(write(tmp_path, source))
    with pytest.raises(Unbound, match=r"constructing student.py:VAE with \(latent_dim=16\) raised RuntimeError") as caught:
        target.make()
    assert "student.py, line 7: super().__init__(); self.head" in caught.value.message


def test_a_constructor_that_does_not_end_is_ended(tmp_path):
    target = load_target(write(tmp_path, VAE.format(parameters="").replace("super().__init__()", "while True: pass")), import_limit=0.5)
    with pytest.raises(Unbound, match=r"constructing student.py:VAE with \(\) took longer than 0.5 s"):
        target.make()


def test_something_callable_without_a_signature_is_called_without_arguments():
    assert isinstance(load_target("builtins:dict").make(), dict)


# The fingerprint.


def test_the_fingerprint_follows_the_sources_the_object_and_the_arguments(tmp_path):
    write(tmp_path, "WHO = 1", "_parts.py")
    path = write(tmp_path, "import _parts\n" + VAE.format(parameters=", input_dim") + "\nOther = VAE\n")
    first = load_target(path)
    assert first.fingerprint() == load_target(f"{path}:VAE").fingerprint()
    assert len(first.fingerprint()) == 64
    others = [load_target(f"{path}:Other").fingerprint(), load_target(path, input_shape=(8, 8)).fingerprint()]
    write(tmp_path, "WHO = 2", "_parts.py")
    changed = load_target(path)
    assert changed.namespace._parts.WHO == 2
    others.append(changed.fingerprint())
    write(tmp_path, "import _parts\n" + VAE.format(parameters=", input_dim") + "\nOther = VAE  # changed\n")
    others.append(load_target(path).fingerprint())
    assert len({first.fingerprint(), *others}) == 5


def test_the_fingerprint_does_not_depend_on_the_folder(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, VAE.format(parameters=""))
    prints = {load_target(str(tmp_path / folder / "student.py")).fingerprint() for folder in ("one", "two")}
    assert len(prints) == 1
