"""Constructing a target as its own file does: the call, the values of its names, and what is used if they cannot be determined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from named import named_target
from target_files import VAE, write
from torch import nn

from vae_conformance.target.target import Target

THREE = ", width, depth, code"


def loaded(folder: Path, more: str, parameters: str = THREE, **options: object) -> Target:
    return named_target(write(folder, VAE.format(parameters=parameters) + "\n" + more), **options)


@pytest.mark.parametrize(
    "call",
    [
        "model = VAE(16, 2, 12)",
        "model = VAE(16, code=12, depth=2)",
        "W = 16\nD, C = 2, 3 * 4\nmodel = VAE(W, D, C)",
        "W = 99\nW = 16\nmodel = VAE(W, 2, 12)\nW = 7",
        "SIZES = {'w': 16, 'rest': [2, 12]}\nmodel = VAE(SIZES['w'], SIZES['rest'][0], SIZES['rest'][-1])",
        "if __name__ == '__main__':\n    w = 4 ** 2\n    model = VAE(w, 2, 12).to('cpu')",
        "def train(w=16, *, depth=2):\n    code = 12\n    return VAE(w, depth, code)",
        "import math\ndef train():\n    for _ in range(3):\n        m = VAE(math.prod((4, 4)), len('ab'), int(12.0))",
        (
            "import argparse\ndef main():\n    p = argparse.ArgumentParser()\n    p.add_argument('--code-len', default=12, type=int)\n"
            "    args = p.parse_args()\n    return VAE(16, 2, args.code_len)"
        ),
        "class Config:\n    w = 16\ndef main():\n    return VAE(Config.w, 2, 12)",
        "def test_it():\n    VAE(1, 1, 1)\nclass Trainer:\n    def __init__(self):\n        self.model = VAE(16, 2, 12)",
        "def main(x):\n    VAE(x.shape[1], 2, 3)\ndef run():\n    return VAE(16, 2, 12)",
        "import sys\nW = int(sys.argv[1]) if len(sys.argv) > 1 else 16\nmodel = VAE(W, 2, 12)",
        "import sys\nALL = {'s': dict(width=16, depth=2, code=12)}[(sys.argv[1:] or ['s'])[0]]\nmodel = VAE(**ALL)",
        "import os\ndef main():\n    return VAE(int(os.environ.get('W', '16')), 2, int(os.getenv('C', 12)))",
        "import sys\ndef main():\n    c = 12\n    if len(sys.argv) > 1:\n        c = 7\n    else:\n        w = 16\n    VAE(w, 2, c)",
        (
            "import sys\ndef main(argv):\n    options = dict(one.split('=') for one in argv)\n"
            "    return VAE(int(options.get('w', 16)), 2, 12)\nmain(sys.argv[1:])"
        ),
        "BASE = {'width': 16, 'depth': 3}\nALL = {**BASE, 'depth': 2} | {'code': 12}\nmodel = VAE(*ALL.values())",
        "SIZES = {'s': (16, 2, 12)}\nmodel = VAE(*SIZES['s'])",
        "SIZES = {'s': (16, 2, 12)}\ndef build(kind):\n    w, d, c = SIZES[kind]\n    return VAE(w, d, c)\nbuild('s')",
        "w, d, c = [int(one) for one in '16,2,12'.split(',')]\nmodel = VAE(w, d, c)",
        "MODELS = {'vae': VAE}\nname = 'vae'\nmodel = MODELS[name](16, 2, 12)",
    ],
)
def test_it_is_constructed_as_its_file_does(tmp_path: Path, call: str) -> None:
    target = loaded(tmp_path, call)
    assert target.make().given == {"width": 16, "depth": 2, "code": 12}
    assert any(note.startswith("it is constructed as line ") for note in target.notes)


def test_a_call_goes_before_what_names_mean_and_before_defaults(tmp_path: Path) -> None:
    more = "model = VAE(3, 16, 16, z_dim=5)"
    target = loaded(tmp_path, more, ", nc, ngf, ndf, z_dim=20, beta=1.0")
    assert target.make().given == {"nc": 3, "ngf": 16, "ndf": 16, "z_dim": 5, "beta": 1.0}
    assert target.arguments == {"nc": 3, "ngf": 16, "ndf": 16, "z_dim": 5}
    assert target.rebuild({"latent_dim": 2}).given["z_dim"] == 2
    assert target.rebuild({"latent_dim": 2}).given["ngf"] == 16


def test_a_shape_that_is_asked_for_goes_before_the_call(tmp_path: Path) -> None:
    target = loaded(tmp_path, "model = VAE(784, 12)", ", input_dim, z_dim", input_shape=(1, 4, 4))
    assert target.arguments == {"input_dim": 16, "z_dim": 12}
    assert target.rebuild({"input_shape": (6,)}).given == {"input_dim": 6, "z_dim": 12}


def test_a_device_of_the_call_is_left_to_the_run(tmp_path: Path) -> None:
    target = loaded(tmp_path, "def main(device):\n    return VAE(3, device)", ", depth, device")
    assert target.make().given == {"depth": 3, "device": torch.device("cpu")}


@pytest.mark.parametrize("call", ["VAE(load(), 3)", "def f(n): return VAE(n, 3)", "VAE(*sizes)", "VAE(1, 2, 3, 4)", "VAE(1, 2, deep=3)"])
def test_where_no_call_can_be_told_the_names_say_it(tmp_path: Path, call: str) -> None:
    target = loaded(tmp_path, f"if __name__ == '__main__':\n    {call}", ", input_dim, z_dim")
    assert target.arguments == {"input_dim": 784, "z_dim": 16}
    assert target.notes == ()


def test_a_call_that_fails_gives_way_to_the_names(tmp_path: Path) -> None:
    source = VAE.format(parameters=", z_dim, w").replace("super().__init__()", "super().__init__(); self.l = nn.Linear(z_dim, w)")
    usage = "\nif __name__ == '__main__':\n    VAE(-1, 4)\n"
    target = named_target(write(tmp_path, source.replace("w)", "hidden)").replace(", w", ", hidden") + usage))
    assert target.make().given == {"z_dim": 16, "hidden": 256}
    assert target.arguments == {"z_dim": 16, "hidden": 256}
    assert target.notes == ()
    assert target.make().given == {"z_dim": 16, "hidden": 256}


NETWORKS = """
import torch
from torch import nn
from torch import nn

class Encoder(nn.Module):
    def __init__(self, n, k, act):
        super().__init__()
        self.n, self.net = n, nn.Sequential(nn.Linear(n, 2 * k), act)
    def forward(self, x):
        return self.net(x.view(-1, self.n)).chunk(2, 1)

class Decoder(nn.Module):
    def __init__(self, n, k):
        super().__init__()
        self.net = nn.Linear(k, n)
    def forward(self, z):
        return self.net(z)

class VAE(nn.Module):
    def __init__(self, first, second, n=9):
        super().__init__()
        self.encoder, self.decoder, self.n = first, second, n
    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    def forward(self, x):
        mu, logvar = self.encoder(x)
        return self.decoder(self.reparameterize(mu, logvar)), mu, logvar
"""
USE = """
N, K = 12, 3
def main():
    enc = Encoder(N, K, nn.Tanh()).to("cpu")
    dec = Decoder(n=N, k=K)
    return VAE(enc, dec, n=N)
"""


def test_networks_are_made_as_the_file_makes_them_anew_for_each_model(tmp_path: Path) -> None:
    target = named_target(write(tmp_path, NETWORKS + USE))
    one, other = target.make(), target.make()
    assert one.encoder is not other.encoder
    assert isinstance(one.encoder.net[1], nn.Tanh)
    assert one(torch.zeros(2, 12))[0].shape == (2, 12)
    assert str(target.arguments["second"]) == "Decoder(n=12, k=3)"


@pytest.mark.parametrize("argument", ["depth=Net(4)[0]", "**Net(4)"])
def test_reading_a_call_constructs_nothing(tmp_path: Path, argument: str) -> None:
    network = "class Net(nn.Module):\n    def __init__(self, n): raise RuntimeError('constructed')\n"
    target = loaded(tmp_path, f"{network}def main():\n    return VAE({argument})\n", ", depth=2")
    assert target.make().given == {"depth": 2}


def test_a_notebook_is_constructed_as_the_same_file_is(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "code", "source": source}
        for source in (NETWORKS, *USE.split("def main", 1)[:1], "def main" + USE.split("def main")[1])
    ]
    path = tmp_path / "made.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}))
    notebook, file = named_target(str(path)), named_target(write(tmp_path, NETWORKS + USE))
    assert repr(dict(notebook.arguments)) == repr(dict(file.arguments))
    assert notebook.notes == ("it is constructed as cell 3, line 4 of its file does",)


def test_of_two_ways_the_one_that_takes_the_known_shape_is_taken(tmp_path: Path) -> None:
    source = NETWORKS.replace("n, k, act", "input_dim, k, act").replace("self.n, self.net = n, nn", "n = 12; self.n, self.net = n, nn")
    use = USE.replace("Encoder(N", "Encoder(3")
    target = named_target(write(tmp_path, source + use), input_shape=(1, 4, 3))
    torch.manual_seed(0)
    first = target.make().encoder.net[0].weight
    torch.manual_seed(0)
    torch.testing.assert_close(first, target.make().encoder.net[0].weight)
