"""Targets: every way to name an implementation, every way in which loading one can fail, and what is left behind."""

import pickle
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
import torch
from named import named_target
from target_files import TARGETS, VAE, unbound, write
from torch import nn

from vae_conformance.errors import Unbound
from vae_conformance.target import spec as addresses

# The forms.


def test_a_file_gives_its_class_and_what_decides_its_behaviour():
    path = TARGETS / "first" / "student.py"
    target = named_target(str(path))
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
    first, second = (named_target(str(TARGETS / folder / "student.py")).make() for folder in ("first", "second"))
    assert (first.who, second.who) == ("first", "second")
    assert first.who_later() == ("late first", "first")
    assert second.who_later() == ("late second", "second")
    assert sys.path == before
    assert not {"student", "_parts", "_late"} & set(sys.modules)


def test_the_same_file_loaded_twice_gives_two_modules():
    first, second = (named_target(str(TARGETS / "first" / "student.py")).namespace for _ in range(2))
    assert first is not second
    assert first.VAE is not second.VAE


def test_instances_can_be_pickled():
    model = named_target(str(TARGETS / "first" / "student.py")).make()
    assert pickle.loads(pickle.dumps(model)).who == "first"


def test_no_compiled_files_are_left_beside_the_sources(tmp_path):
    write(tmp_path, "WHO = 1", "_parts.py")
    named_target(write(tmp_path, "from _parts import WHO\n" + VAE.format(parameters="")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["_parts.py", "student.py"]


def test_a_file_of_a_package_finds_its_package():
    target = named_target(str(TARGETS / "package" / "inner" / "vae.py"))
    assert target.make().depth == 4
    assert {source.name for source in target.sources} == {"vae.py", "layers.py", "__init__.py"}
    assert "package" not in sys.modules


def test_a_file_finds_what_stands_in_the_folder_of_its_project_and_is_installed_nowhere(tmp_path):
    (tmp_path / "README.md").touch()
    for folder in ("base", "model", "scipy"):
        (tmp_path / folder).mkdir()
    write(tmp_path / "base", "WHO = 'the project'", "__init__.py")
    write(tmp_path / "scipy", "raise RuntimeError('not the installed one')", "__init__.py")
    target = named_target(write(tmp_path / "model", "import scipy\nfrom base import WHO\n" + VAE.format(parameters="")))
    assert target.namespace.WHO == "the project"
    assert target.namespace.scipy is sys.modules["scipy"]


@pytest.mark.parametrize("name", ["my-vae.py", "13.4 vae (1).py", "class.py", "VAE.PY"])
def test_a_file_may_have_a_name_that_is_no_module_name(tmp_path, name):
    write(tmp_path, "WHO = 'sibling'", "_parts.py")
    path = write(tmp_path, "from _parts import WHO\n" + VAE.format(parameters=""), name)
    assert named_target(path).name == f"{name}:VAE"


def test_installed_modules_and_the_standard_library_come_before_folders_and_files_of_their_names(tmp_path):
    write(tmp_path, "raise RuntimeError('not the standard library')", "random.py")
    (tmp_path / "scipy").mkdir()
    write(tmp_path / "scipy", "", "notes.py")
    target = named_target(write(tmp_path, "import random, scipy\n" + VAE.format(parameters="")))
    assert target.namespace.random is sys.modules["random"]
    assert target.namespace.scipy is sys.modules["scipy"]


def test_a_folder_of_siblings_without_an_init_is_imported(tmp_path):
    (tmp_path / "models").mkdir()
    write(tmp_path / "models", "WHO = 'models'", "blocks.py")
    source = "import models.blocks\nfrom models import blocks\nimport models.blocks as again\n" + VAE.format(parameters="")
    there = named_target(write(tmp_path, source)).namespace
    assert there.models.blocks is there.blocks is there.again
    assert there.blocks.WHO == "models"


def test_siblings_may_import_the_file_back(tmp_path):
    write(tmp_path, "import student\nnn = student.nn", "late.py")
    there = named_target(write(tmp_path, VAE.format(parameters="") + "\nimport late")).namespace
    assert there.late.student is there


def test_an_entry_point_is_called_by_its_name():
    target = named_target("reference")
    assert target.name == "reference"
    assert isinstance(target.make(), nn.Module)
    assert len(target.sources) > 1
    assert all(source.suffix == ".py" for source in target.sources)


def test_an_entry_point_that_cannot_be_loaded_says_which(monkeypatch):
    points = [EntryPoint("mine", "no_such_package.vae:VAE", addresses.GROUP)]
    monkeypatch.setattr(addresses, "entry_points", lambda group: points)
    assert "the entry point mine (no_such_package.vae:VAE): there is no module no_such_package" in unbound("mine").message


def test_an_object_of_an_installed_module():
    target = named_target("torch.nn:Identity")
    assert isinstance(target.make(), nn.Identity)
    assert target.name == "torch.nn:Identity"
    assert Path(torch.__file__).resolve() in {source.resolve() for source in target.sources}


def test_an_object_of_a_module_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", "", "__init__.py")
    write(tmp_path / "mine", "from mine.parts import WHO\n" + VAE.format(parameters=""), "vae.py")
    write(tmp_path / "mine", "WHO = 3", "parts.py")
    target = named_target("mine.vae:VAE")
    assert target.namespace.WHO == 3
    assert sorted(source.name for source in target.sources) == ["__init__.py", "parts.py", "vae.py"]
    assert "mine" not in sys.modules


# Which object.


def test_the_class_built_from_the_others_is_the_vae():
    assert named_target(str(TARGETS / "parts.py")).name == "parts.py:Net"


def test_two_candidates_are_both_named():
    fault = unbound(str(TARGETS / "two_vaes.py"))
    assert fault.message == "two_vaes.py has 2 classes that could be the VAE: DenseVAE, ConvVAE"
    assert fault.hint == "Name one: two_vaes.py:DenseVAE or two_vaes.py:ConvVAE"
    assert named_target(f"{TARGETS / 'two_vaes.py'}:ConvVAE").name == "two_vaes.py:ConvVAE"


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
            (
                "class Encoder(nn.Module):\n def forward(self, x): return x + torch.randn_like(x)\n"
                "class Decoder(nn.Module):\n def forward(self, z): return z\n"
                "class Net(nn.Module):\n def __init__(self, encoder, decoder): self.a, self.b = encoder, decoder\n"
                " def forward(self, x): return self.b(self.a(x)) + torch.randn(1)"
            ),
            "Net",
        ),
        (
            (
                "class VariationalEncoder(nn.Module):\n def forward(self, x): return x + torch.randn_like(x)\n"
                "class Auto(nn.Module):\n def __init__(self, nets=(0, 0)): self.encoder, self.decoder = nets\n"
                " def forward(self, x): return self.decoder(self.encoder(x))"
            ),
            "Auto",
        ),
        (
            (
                "class Encoder(nn.Module):\n def encode(self, x): ...\n"
                "class Decoder(nn.Module):\n def decode(self, z): ...\n"
                "class VAE(nn.Module):\n def __init__(self): self.enc, self.dec = Encoder(), Decoder()\n"
                " def loss(self, x): return self.dec.decode(self.enc.encode(x))\n def sample(self, n): ..."
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
    assert named_target(write(tmp_path, f"import torch\nfrom torch import nn\n{source}")).name == f"student.py:{chosen}"


def test_an_object_that_is_no_module_is_taken_all_the_same():
    path = TARGETS / "plain_object.py"
    assert named_target(str(path)).name == "plain_object.py:Model"
    ready = named_target(f"{path}:model")
    assert (ready.make, ready.rebuild) == (None, None)
    assert ready.instance is ready.namespace.model


def test_no_candidate_lists_the_classes_and_the_way_to_name_one(tmp_path):
    fault = unbound(write(tmp_path, "class Settings: pass\nclass Wrong(Exception): pass"))
    assert fault.message == "no class in student.py looks like a VAE; classes defined there: Settings, Wrong"
    assert fault.hint.endswith("student.py:Settings")
    fault = unbound(write(tmp_path, "import torch"))
    assert "classes defined there: none" in fault.message
    assert fault.hint.endswith("student.py:make")


def test_two_networks_of_which_one_draws_are_neither_one_nor_the_other(tmp_path):
    source = (
        "import torch\nfrom torch import nn\nclass VAE_Encoder(nn.Module):\n def forward(self, x): ...\n"
        "class VAE_Decoder(nn.Module):\n def forward(self, mean, log_variance): return torch.randn_like(mean)\n"
    )
    assert "VAE_Decoder has the methods forward; it lacks something that encodes" in unbound(write(tmp_path, source)).message


def test_no_candidate_says_what_a_network_has_and_what_it_lacks(tmp_path):
    source = "import torch\nfrom torch import nn\nclass VAE(nn.Module):\n def loss(self, x): ...\n def encode(self, x): ..."
    assert unbound(write(tmp_path, source)).message == (
        "no class in student.py looks like a VAE; classes defined there: VAE\n"
        "  VAE has the methods encode, loss; it lacks a forward that takes a batch, a step that draws, something that decodes"
    )


def test_a_class_that_is_only_imported_is_chosen_if_the_file_has_none_of_its_own(tmp_path):
    write(tmp_path, VAE.format(parameters=", size"), "model.py")
    target = named_target(write(tmp_path, "from model import VAE\ndef main(): return VAE(7)"))
    assert isinstance(target.make(), nn.Module)
    assert (target.arguments, target.notes) == ({"size": 7}, ("it is constructed as line 2 of its file does",))
    assert {path.name for path in target.sources} == {"student.py", "model.py"}
    own = write(tmp_path, "from model import VAE\n" + VAE.format(parameters="").replace("class VAE", "class OtherVAE"))
    assert named_target(own).name == "student.py:OtherVAE"


def test_several_imported_classes_are_asked_for(tmp_path):
    for name in ("first", "second"):
        write(tmp_path, VAE.format(parameters="").replace("class VAE", f"class {name.title()}VAE"), f"{name}.py")
    fault = unbound(write(tmp_path, "from first import FirstVAE\nfrom second import SecondVAE"))
    assert "2 classes that could be the VAE: FirstVAE, SecondVAE" in fault.message


def test_a_class_of_an_installed_package_is_not_chosen_but_suggested(tmp_path):
    fault = unbound(write(tmp_path, "from vae_reference import VAE"))
    assert "it imports VAE" in fault.message
    assert fault.hint.endswith("student.py:VAE")


def test_a_factory_is_called_with_what_it_needs():
    made = named_target(f"{TARGETS / 'made.py'}:make")
    assert made.make().encoder.in_features == 4
    assert made.make() is not made.make()
    sized = named_target(f"{TARGETS / 'made.py'}:sized", input_shape=(2, 3))
    assert sized.arguments == {"x_dim": 6}
    assert sized.make().encoder.out_features == 8


def test_a_factory_that_forgets_to_return_is_told_so():
    with pytest.raises(Unbound, match=r"made\.py:forgot returned None") as caught:
        named_target(f"{TARGETS / 'made.py'}:forgot").make()
    assert "Return" in caught.value.hint


def test_a_ready_instance_is_taken_as_it_is():
    target = named_target(f"{TARGETS / 'made.py'}:ready")
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
