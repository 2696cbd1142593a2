"""Constructor arguments that only the names give: their other forms, what is said of them, and what is asked where they fail."""

from __future__ import annotations

from pathlib import Path

import pytest
from named import named_options, named_target
from target_files import VAE, given, unbound, write

from vae_conformance.binding.bind import bind
from vae_conformance.errors import Unbound


def constructed(folder: Path, parameters: str, body: str, more: str = "") -> dict[str, object]:
    source = VAE.format(parameters=parameters).replace("super().__init__()", f"super().__init__(); {body}")
    return named_target(write(folder, source + more)).make().given


@pytest.mark.parametrize(
    ("parameters", "body", "expected"),
    [
        (", hidden_dim, latent_dim", "self.sizes = [784] + hidden_dim", {"hidden_dim": [256], "latent_dim": 16}),
        (", hidden_units", "[nn.Linear(2, n) for n in hidden_units]", {"hidden_units": [256]}),
        (", hidden, z_dim", "hidden[0] + z_dim", {"hidden": [256], "z_dim": 16}),
        (", img_size", "self.c = img_size[0], img_size[1], img_size[2]", {"img_size": (1, 28, 28)}),
        (", img_size, hidden", "img_size[-1] + len(hidden)", {"img_size": (1, 28, 28), "hidden": [256]}),
        (", hidden_dims", "nn.Linear(4, hidden_dims)", {"hidden_dims": 256}),
        (", input_shape", "nn.Linear(input_shape, 2)", {"input_shape": 784}),
        (", hidden_dims", "hidden_dims[-2]", {"hidden_dims": [256, 128]}),
        (", hidden_dims", "hidden_dims[-3]", {"hidden_dims": [256, 128, 64]}),
        (", image_size, in_channels", "1 // (image_size % 32 == 0)", {"image_size": 32, "in_channels": 1}),
        (", image_size, in_channels", "1 // (image_size >= 64)", {"image_size": 64, "in_channels": 3}),
    ],
)
def test_a_guess_of_the_wrong_form_is_tried_in_the_other(tmp_path: Path, parameters: str, body: str, expected: dict[str, object]) -> None:
    assert constructed(tmp_path, parameters, body) == expected


def test_of_several_forms_the_one_is_taken_whose_model_runs(tmp_path: Path) -> None:
    source = VAE.format(parameters=", image_size").replace("super().__init__()", "super().__init__(); self.wide = image_size[0]")
    source = source.replace("return x, x, x", "return x.flatten(1) @ torch.ones(self.wide * 28, 2), x, x")
    assert named_target(write(tmp_path, source)).make().given == {"image_size": (28, 28)}


def test_the_form_that_works_is_kept_for_other_sizes(tmp_path: Path) -> None:
    source = VAE.format(parameters=", img_size, hidden, z").replace("super().__init__()", "super().__init__(); img_size[0] + hidden[0]")
    target = named_target(write(tmp_path, source))
    target.make()
    assert target.rebuild({"input_shape": (1, 8, 8), "hidden_dim": 5, "latent_dim": 3}).given == {
        "img_size": (1, 8, 8),
        "hidden": [5],
        "z": 3,
    }


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (", input_height, input_width", {"input_height": 28, "input_width": 28}),
        (", n_layers, num_layers", {"n_layers": 2, "num_layers": 2}),
        (", p_dropout, drop_prob", {"p_dropout": 0.0, "drop_prob": 0.0}),
        (", channel_num, kernel_num", {"channel_num": 1, "kernel_num": 32}),
        (", hidden_layer_sizes, layer_sizes", {"hidden_layer_sizes": [256], "layer_sizes": [256]}),
        (", idim, hdim, nb_latents", {"idim": 784, "hdim": 256, "nb_latents": 16}),
        (", latentD, num_hidden_units", {"latentD": 16, "num_hidden_units": 256}),
    ],
)
def test_more_names(tmp_path: Path, parameters: str, expected: dict[str, object]) -> None:
    assert given(tmp_path, parameters) == expected


@pytest.mark.parametrize(
    "values",
    [
        "config = {'depth': 3, 'z_dim': 4}",
        "def main():\n    cfg = dict(depth=3, z_dim=2 * 2)",
        "from argparse import *\np = ArgumentParser()\np.add_argument('--depth', type=int, default='3')\np.set_defaults(z_dim=4)",
    ],
)
def test_settings_take_what_the_file_itself_gives(tmp_path: Path, values: str) -> None:
    got = constructed(tmp_path, ", config", "a = config['depth'], config['z_dim']", f"\n{values}\n")["config"]
    assert got == {"depth": 3, "z_dim": 4}
    assert constructed(tmp_path, ", depth", "pass", f"\n{values}\n") == {"depth": 3}


def test_what_was_guessed_is_said(tmp_path: Path) -> None:
    target = named_target(write(tmp_path, VAE.format(parameters=", x_dim, z_dim, rate=2")))
    assert list(target.assumed) == ["x_dim=784, z_dim=16: guessed from the names, for nothing in the file gives them"]
    call = "\nmodel = VAE(4, 2)\n"
    assert list(named_target(write(tmp_path, VAE.format(parameters=", x_dim, z_dim") + call)).assumed) == []
    shaped = named_target(write(tmp_path, VAE.format(parameters=", x_dim, z_dim")), input_shape=(4,))
    assert "z_dim=16: guessed" in shaped.assumed[0]
    assert "x_dim" not in shaped.assumed[0]
    part = "\nif __name__ == '__main__':\n    model = VAE(4, 2, rate=load())\n"
    target = named_target(write(tmp_path, VAE.format(parameters=", x_dim, z_dim, rate=1") + part))
    assert list(target.assumed) == ["constructed as line 17 does, without rate: not a value that can be read there"]


def test_what_is_assumed_follows_what_was_constructed(tmp_path: Path) -> None:
    source = VAE.format(parameters=", hidden").replace("super().__init__()", "super().__init__(); hidden[0]")
    target = named_target(write(tmp_path, source))
    target.make()
    assert target.assumed[0].startswith("hidden=[256]: guessed")


def test_a_guess_that_fails_is_not_the_files_fault(tmp_path: Path) -> None:
    source = VAE.format(parameters=", x_dim, z_dim").replace("super().__init__()", "super().__init__(); assert x_dim % 5 == 0")
    with pytest.raises(Unbound) as caught:
        named_target(write(tmp_path, source)).make()
    assert "with (x_dim=784, z_dim=16) raised AssertionError" in caught.value.message
    assert caught.value.hint.startswith("The values are the suite's guesses, and the class needs others: ")
    assert "`def make(): return VAE(x_dim=..., z_dim=...)`" in caught.value.hint


PAIR = """
from torch import nn
class Encoder(nn.Module):
    def __init__(self, input_dim, n_hidden, n_output):
        super().__init__()
        self.net = nn.Linear(input_dim, 2 * n_output)
    def forward(self, x):
        return self.net(x.flatten(1)).chunk(2, 1)
class Decoder(nn.Module):
    def __init__(self, z_dim, n_hidden, n_output):
        super().__init__()
        self.net = nn.Linear(z_dim, n_output)
    def forward(self, z):
        return self.net(z)
"""


def test_a_guessed_encoder_and_decoder_must_fit_each_other(tmp_path: Path) -> None:
    with pytest.raises(Unbound) as caught:
        named_target(write(tmp_path, PAIR)).make()
    assert "decoding what the encoder of student.py:Encoder+Decoder gives raised RuntimeError" in caught.value.message
    assert "`self.encoder = Encoder(...)`" in caught.value.hint
    use = "\ndef main(n):\n    return Encoder(12, 5, 3), Decoder(3, 5, 12)\n"
    assert named_target(write(tmp_path, PAIR + use)).make().encoder.net.out_features == 6


def test_a_class_is_asked_about_and_not_the_function_that_builds_it(tmp_path: Path) -> None:
    maker = "\ndef get_model(cfg):\n    return VAE(cfg.load())\n"
    fault = unbound(write(tmp_path, VAE.format(parameters=", things") + maker))
    assert "the class VAE needs the argument 'things'" in fault.message


def test_where_no_shape_fits_the_guesses_are_named(tmp_path: Path) -> None:
    source = VAE.format(parameters=", x_dim, z_dim").replace("return x, x, x", "raise ValueError(x.shape)")
    path = write(tmp_path, source)
    with pytest.raises(Unbound, match="no shape of input was found") as caught:
        bind(named_target(path), named_options(path))
    assert "\n  assumed: x_dim=784, z_dim=16: guessed from the names" in caught.value.message


COLOUR = """
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self, in_channels, latent_dim):
        super().__init__()
        self.front = nn.Sequential(nn.Conv2d(in_channels, 4, 4, 4), nn.ReLU(), nn.Flatten())
        self.mu, self.logvar = nn.Linear(256, latent_dim), nn.Linear(256, latent_dim)
        self.start, self.back = nn.Linear(latent_dim, 256), nn.ConvTranspose2d(4, {channels}, 4, 4)

    def encode(self, x):
        h = self.front(x)
        return self.mu(h), self.logvar(h)

    def decode(self, z):
        return self.back(self.start(z).view(-1, 4, 8, 8))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar
"""


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_a_guessed_number_of_channels_is_that_of_the_output(tmp_path: Path, channels: int) -> None:
    facts = bind(named_target(write(tmp_path, COLOUR.replace("{channels}", str(channels)))), named_options("student.py")).facts
    assert facts.input_shape == (channels, 32, 32)
    assert any(f"in_channels={channels}" in text for text in facts.assumed)


def test_a_default_is_not_guessed_anew(tmp_path: Path) -> None:
    source = COLOUR.replace("{channels}", "3").replace("self, in_channels, latent_dim", "self, in_channels=1, latent_dim=4")
    assert bind(named_target(write(tmp_path, source)), named_options("student.py")).facts.input_shape == (1, 32, 32)
