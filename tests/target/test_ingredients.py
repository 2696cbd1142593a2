"""Arguments that name no size: networks of the file, records of settings, what the file itself gives; and two networks without a class."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from named import named_target
from target_files import unbound, write

from vae_conformance.target.submodule_arguments import Ingredient

NETWORKS = """
import argparse
from dataclasses import dataclass
import torch
from torch import nn

class Encoder(nn.Module):
    def __init__(self, input_dim, latent_dim):
        super().__init__()
        self.heads = nn.Linear(input_dim, 2 * latent_dim)
    def forward(self, x):
        return self.heads(x.flatten(1)).chunk(2, 1)

class Decoder(nn.Module):
    def __init__(self, latent_dim, output_dim):
        super().__init__()
        self.out = nn.Linear(latent_dim, output_dim)
    def forward(self, z):
        return torch.sigmoid(self.out(z))
"""
MODEL = """
class Model(nn.Module):
    def __init__(self{parameters}):
        super().__init__()
        {body}
    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)
    def encode(self, x):
        return x, x
    def decode(self, z):
        return z
    def forward(self, x):
        return x, x, x
"""


def model(folder: Path, parameters: str, body: str = "pass", more: str = "") -> object:
    return named_target(write(folder, NETWORKS + more + MODEL.format(parameters=parameters, body=body)) + ":Model").make()


def test_networks_are_made_anew_for_each_model(tmp_path: Path) -> None:
    source = NETWORKS + MODEL.format(parameters=", encoder, decoder", body="self.encoder, self.decoder = encoder, decoder")
    target = named_target(write(tmp_path, source) + ":Model")
    torch.manual_seed(0)
    one = target.make()
    torch.manual_seed(0)
    other = target.make()
    assert one.encoder is not other.encoder
    torch.testing.assert_close(one.encoder.heads.weight, other.encoder.heads.weight)
    assert one.encoder.heads.out_features == 2 * one.decoder.out.in_features
    assert str(target.arguments["encoder"]) == "Encoder(input_dim=784, latent_dim=16)"
    assert isinstance(target.arguments["encoder"], Ingredient)


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        (", config", "self.sizes = config['input_dim'], config['latent_dim']"),
        (", args", "self.sizes = args.input_dim, args.latent_dim"),
        (", cfg", "self.cfg = cfg; self.sizes = self.cfg.input_dim, self.cfg['latent_dim']"),
        (", hparams", "self.sizes = hparams.input_dim, hparams.get('depth', 16)"),
    ],
)
def test_settings_hold_what_the_class_reads_from_them(tmp_path: Path, parameters: str, body: str) -> None:
    assert model(tmp_path, parameters, body).sizes == (784, 16)


def test_a_record_is_made_from_its_annotation(tmp_path: Path) -> None:
    record = "@dataclass\nclass Sizes:\n    latent_dim: int\n    input_dim: int = 99\n"
    assert vars(model(tmp_path, ", sizes: Sizes", "self.sizes = sizes", record).sizes) == {"latent_dim": 16, "input_dim": 99}


def test_what_the_file_itself_gives_is_given(tmp_path: Path) -> None:
    source = NETWORKS + MODEL.format(parameters=", depth, kind", body="self.given = depth, kind")
    usage = "\nDEPTH = 3\nif __name__ == '__main__':\n    model = Model(DEPTH, kind='small')\n"
    assert named_target(write(tmp_path, source + usage) + ":Model").make().given == (3, "small")


@pytest.mark.parametrize(
    ("parameters", "body"),
    [(", depth", "pass"), (", config", "self.x = config['something']"), (", encoder, critic", "pass"), (", config", "pass")],
)
def test_what_nothing_says_is_asked_for(tmp_path: Path, parameters: str, body: str) -> None:
    source = NETWORKS + MODEL.format(parameters=parameters, body=body)
    assert "nothing says what to give it" in unbound(write(tmp_path, source) + ":Model").message


def test_two_networks_without_a_class_are_put_side_by_side(tmp_path: Path) -> None:
    target = named_target(write(tmp_path, NETWORKS))
    made = target.make()
    assert target.name == "student.py:Encoder+Decoder"
    assert made.decode(made.encode(torch.rand(2, 784))[0]).shape == (2, 784)


def test_two_encoders_are_no_pair(tmp_path: Path) -> None:
    source = NETWORKS + NETWORKS.replace("class Encoder", "class ConvEncoder").replace("class Decoder", "class Spare")
    assert "no class in student.py looks like a VAE" in unbound(write(tmp_path, source)).message
