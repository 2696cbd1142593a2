"""Constructing a target: the arguments that its parameters are given, other sizes, and the fingerprint of its sources."""

import pytest
import torch
from named import named_target
from target_files import VAE, given, unbound, write

from vae_conformance.errors import Unbound

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
        (", size_in, D_out, code_len, n_hid", {}, {"size_in": 784, "D_out": 784, "code_len": 16, "n_hid": 256}),
        (", size_in, channels=3", {}, {"size_in": 28, "channels": 3}),
        (", data_dim, dim_in, latent_variable_size", {}, {"data_dim": 784, "dim_in": 784, "latent_variable_size": 16}),
        (", device, beta, filters", {}, {"device": torch.device("cpu"), "beta": 1.0, "filters": 32}),
        (", x_dim, /, z_dim, *, hidden", {}, {"x_dim": 784, "z_dim": 16, "hidden": 256}),
    ],
)
def test_arguments_follow_the_meaning_of_their_names(tmp_path, parameters, options, expected):
    assert given(tmp_path, parameters, **options) == expected


def test_supplied_arguments_are_told(tmp_path):
    target = named_target(write(tmp_path, VAE.format(parameters=", input_dim, latent_dim=3")))
    assert target.arguments == {"input_dim": 784}


@pytest.mark.parametrize("parameter", ["encoder", "num_classes", "config", "p"])
def test_an_unknown_required_parameter_is_named_with_the_way_out(tmp_path, parameter):
    fault = unbound(write(tmp_path, VAE.format(parameters=f", latent_dim, {parameter}")))
    assert fault.message == f"student.py:VAE: the class VAE needs the argument '{parameter}', and nothing says what to give it"
    assert f"Give {parameter} a default value" in fault.hint
    assert f"`def make(): return VAE(latent_dim=..., {parameter}=...)`" in fault.hint
    assert fault.hint.endswith("student.py:make")
    assert "the function" in unbound(write(tmp_path, f"def build({parameter}): ...") + ":build").message


def test_rebuilding_takes_sizes_by_their_meaning_or_their_own_names(tmp_path):
    target = named_target(write(tmp_path, VAE.format(parameters=", x_dim=784, h=[400], n_latent=20, rate=0.1")))
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
    target = named_target(write(tmp_path, VAE.format(parameters=", input_shape, latent_dim=8")), input_shape=(1, 8, 8))
    assert target.rebuild({"input_shape": (2,), "latent_dim": 1}).given == {"input_shape": (2,), "latent_dim": 1}
    assert target.rebuild({}).given == {"input_shape": (1, 8, 8), "latent_dim": 8}


def test_a_constructor_that_raises_shows_its_line(tmp_path):
    source = VAE.format(parameters=", latent_dim").replace(
        "super().__init__()", "super().__init__(); self.head = nn.Linear(-latent_dim, 2)"
    )
    target = named_target(write(tmp_path, source))
    with pytest.raises(Unbound, match=r"constructing student.py:VAE with \(latent_dim=16\) raised RuntimeError") as caught:
        target.make()
    assert "student.py, line 7: super().__init__(); self.head" in caught.value.message


def test_a_constructor_that_does_not_end_is_ended(tmp_path):
    target = named_target(write(tmp_path, VAE.format(parameters="").replace("super().__init__()", "while True: pass")), import_limit=0.5)
    with pytest.raises(Unbound, match=r"constructing student.py:VAE with \(\) took longer than 0.5 s"):
        target.make()


def test_something_callable_without_a_signature_is_called_without_arguments():
    assert isinstance(named_target("builtins:dict").make(), dict)


# The fingerprint.


def test_the_fingerprint_follows_the_sources_the_object_and_the_arguments(tmp_path):
    write(tmp_path, "WHO = 1", "_parts.py")
    path = write(tmp_path, "import _parts\n" + VAE.format(parameters=", input_dim") + "\nOther = VAE\n")
    first = named_target(path)
    assert first.fingerprint() == named_target(f"{path}:VAE").fingerprint()
    assert len(first.fingerprint()) == 64
    others = [named_target(f"{path}:Other").fingerprint(), named_target(path, input_shape=(8, 8)).fingerprint()]
    write(tmp_path, "WHO = 2", "_parts.py")
    changed = named_target(path)
    assert changed.namespace._parts.WHO == 2
    others.append(changed.fingerprint())
    write(tmp_path, "import _parts\n" + VAE.format(parameters=", input_dim") + "\nOther, more = VAE, 1\n")
    others.append(named_target(path).fingerprint())
    assert len({first.fingerprint(), *others}) == 5


def test_the_fingerprint_is_that_of_the_code_as_it_was_loaded_without_what_does_not_run(tmp_path):
    source = VAE.format(parameters="")
    path = write(tmp_path, source)
    first = named_target(path)
    write(tmp_path, '"""A docstring."""\n# a comment\n\n' + source.replace("class VAE", "\n\nclass VAE"))
    assert named_target(path).fingerprint() == first.fingerprint()
    write(tmp_path, source + "\nMORE = 1\n")
    assert first.fingerprint() != named_target(path).fingerprint()


def test_the_fingerprint_does_not_depend_on_the_folder(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, VAE.format(parameters=""))
    prints = {named_target(str(tmp_path / folder / "student.py")).fingerprint() for folder in ("one", "two")}
    assert len(prints) == 1


# A function of the file that builds it.

NETWORKS = """
import torch
from torch import nn

def layers(*sizes):
    return nn.Sequential(*(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])))

class VAE(nn.Module):
    def __init__(self, q, p):
        super().__init__()
        self.q, self.p = q, p

    def encode(self, x):
        return self.q(x).chunk(2, dim=1)

    def decode(self, z):
        return torch.sigmoid(self.p(z))
"""
MAKER = """
def make_vae(x_dim=64, z_dim=4):
    return VAE(layers(x_dim, 2 * z_dim), layers(z_dim, x_dim))
"""
MOVED = """
def make_vae(x_dim=64, z_dim=4):
    def halved(wide):
        return wide // 2
    model = VAE(layers(x_dim, 2 * z_dim), layers(halved(2 * z_dim), x_dim)).to("cpu")
    return model
"""


@pytest.mark.parametrize("maker", [MAKER, MOVED], ids=["at once", "by a name, moved to a device"])
@pytest.mark.parametrize("name", ["", ":VAE"])
def test_a_class_that_is_given_what_nobody_knows_is_built_by_the_function_that_builds_it(tmp_path, maker, name):
    target = named_target(write(tmp_path, NETWORKS + maker) + name)
    assert target.name == "student.py:make_vae"
    assert target.notes[0] == "VAE is built by make_vae, the function of its file that does so"
    assert target.make().q[0].in_features == 64
    assert target.rebuild({"latent_dim": 7}).p[0].in_features == 7


@pytest.mark.parametrize(
    "others",
    [
        "",
        MAKER + MAKER.replace("make_vae", "build_vae"),
        "\ndef make_vae(x_dim=64):\n    return nn.Linear(x_dim, 2)\n",
        "\ndef make_vae(x_dim=64):\n    if x_dim > 8:\n        return VAE(layers(x_dim, 8), layers(4, x_dim))\n    return None\n",
        "\ndef make_vae(x_dim=64):\n    VAE(layers(x_dim, 8), layers(4, x_dim))\n",
    ],
    ids=["none", "two", "of something else", "not always", "nothing returned"],
)
def test_where_no_one_function_builds_it_the_class_is_asked_for(tmp_path, others):
    fault = unbound(write(tmp_path, NETWORKS + others))
    assert "needs the argument 'q'" in fault.message
