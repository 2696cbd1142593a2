"""The declarations of a class: where they are read, what overrides them, and which are invalid."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from binding_samples import Native, bound
from named import named_options, named_target

from vae_conformance.binding.bind import bind
from vae_conformance.config import values as choices
from vae_conformance.config.declared import DECLARATIONS, declared_options, with_declarations
from vae_conformance.config.options import RunOptions
from vae_conformance.config.pyproject import load_options
from vae_conformance.errors import Unbound
from vae_conformance.implementation import Implementation
from vae_conformance.target.spec import parse_target
from vae_spec.subject import Likelihood, Objective

EVERYTHING = {
    "effective-beta": 4,
    "likelihood": "squared-error",
    "objective": "modified",
    "decoder": "autoregressive",
    "loss": "loss",
    "second-head": "log-variance",
    "input-shape": (1, 8, 8),
    "input-range": [-1, 1],
}
STUDENT = """
import torch
from torch import nn

class VAE(nn.Module):
    conformance_options = {declared}

    def __init__(self, input_dim):
        super().__init__()
        self.heads, self.decoder = nn.Linear(input_dim, 6), nn.Linear(3, input_dim)

    def encode(self, x):
        return self.heads(x.flatten(1)).chunk(2, 1)

    def reparameterize(self, mu, logvar):
        return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)).view_as(x), mu, logvar
"""


def declaring(table: Any, base: type = Native) -> type[Any]:
    return type("Declaring", (base,), {"conformance_options": table})


def student(folder: Path, declared: object, settings: str = "") -> str:
    (folder / "pyproject.toml").write_text(f"[tool.vae-conformance]\n{settings}\n")
    path = folder / "student.py"
    path.write_text(STUDENT.format(declared=repr(declared)))
    return str(path)


def test_everything_that_can_be_declared_reaches_the_facts() -> None:
    assert tuple(EVERYTHING) == DECLARATIONS
    assert {key.replace("-", "_") for key in DECLARATIONS} <= {entry.name for entry in dataclasses.fields(Implementation)}
    facts = bound(declaring(EVERYTHING)).facts
    assert (facts.effective_beta, facts.likelihood, facts.likelihood_declared) == (4.0, Likelihood.SQUARED_ERROR, True)
    assert (facts.objective, facts.autoregressive) == (Objective.MODIFIED, True)
    assert (facts.input_shape, facts.input_range) == ((1, 8, 8), (-1.0, 1.0))
    (note,) = [note for note in facts.notes if note.startswith("declared by the implementation itself")]
    assert note.endswith(
        "effective-beta 4, likelihood squared-error, objective modified, decoder autoregressive, loss loss, second-head log-variance,"
        " input-shape 1,8,8, input-range -1,1"
    )


def test_without_a_declaration_it_is_a_plain_vae() -> None:
    facts = bound(Native).facts
    assert (facts.objective, facts.autoregressive, facts.effective_beta) == (Objective.ELBO, False, None)
    assert not [note for note in facts.notes if "declared" in note]


def test_the_names_of_objectives_are_those_of_the_specification() -> None:
    assert set(choices.OBJECTIVES) == set(Objective)
    assert set(choices.LIKELIHOODS) == set(Likelihood)


def test_what_the_options_say_wins() -> None:
    facts = bound(declaring({"objective": "modified", "effective-beta": 4.0}), objective="elbo").facts
    assert (facts.objective, facts.effective_beta) == (Objective.ELBO, 4.0)
    facts = bound(declaring({"decoder": "autoregressive"}), decoder="factorised").facts
    assert not facts.autoregressive
    assert not [note for note in facts.notes if "declared" in note]


def test_command_line_then_file_then_class(tmp_path: Path) -> None:
    text = student(
        tmp_path, {"effective-beta": 4.0, "objective": "modified", "decoder": "autoregressive"}, "effective-beta = 3.0\nobjective = 'elbo'"
    )
    options = load_options(parse_target(text), {"effective_beta": 2.0}, tmp_path)
    facts = bind(named_target(text), options).facts
    assert (facts.effective_beta, facts.objective, facts.autoregressive) == (2.0, Objective.ELBO, True)


def test_bases_add_up_and_the_nearest_counts() -> None:
    weighted, strong = declaring({"effective-beta": 4.0}, object), declaring({"decoder": "autoregressive", "effective-beta": 1.0}, object)
    both = type("Both", (weighted, strong), {})
    assert declared_options(both, "b") == {"decoder": "autoregressive", "effective_beta": 4.0}
    assert declared_options(both(), "b") == declared_options(both, "b")
    assert declared_options(type("Plain", (both,), {"conformance_options": {"effective-beta": 2}}), "p")["effective_beta"] == 2.0


def test_a_declared_shape_decides_what_the_constructor_is_given(tmp_path: Path) -> None:
    text = student(tmp_path, {"input-shape": [1, 6, 6]})
    target = named_target(text)
    assert target.arguments == {"input_dim": 36}
    assert bind(target, named_options(text)).facts.input_shape == (1, 6, 6)
    other = named_target(text, input_shape=(1, 5, 5))
    assert other.arguments == {"input_dim": 25}
    assert bind(other, named_options(text, input_shape=(1, 5, 5))).facts.input_shape == (1, 5, 5)


def test_a_ready_model_and_a_factory_declare_what_their_class_does() -> None:
    made = declaring({"objective": "elbo-monte-carlo"})
    for source in (made(), lambda: made()):
        assert bound(source).facts.objective is Objective.ELBO_MONTE_CARLO


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"effective_beta": 4.0}, "unknown key 'effective_beta'"),
        ({"profile": "exact"}, "unknown key 'profile'"),
        ({"expected-failures": {}}, "unknown key 'expected-failures'"),
        ({3: 4}, "unknown key 3"),
        ({"objective": "elob"}, "objective: 'elob' is none of elbo, elbo-monte-carlo, modified"),
        ({"objective": None}, "objective: None is not a text"),
        ({"decoder": "pixelcnn"}, "decoder: 'pixelcnn' is none of factorised, autoregressive"),
        ({"effective-beta": 0}, "effective-beta: 0 is not a number above 0"),
        ({"input-shape": (1, 0)}, "input-shape: '1,0' is not the shape"),
        ({"input-range": (1, 0)}, "input-range: '1,0' is not a range"),
        (["objective"], "is a list, not a mapping"),
        (property(lambda _self: {}), "is a property, not a mapping"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(table: Any, words: str) -> None:
    with pytest.raises(Unbound) as caught:
        bound(declaring(table))
    assert caught.value.message.startswith("student.py:Declaring: Declaring.conformance_options ")
    assert words in caught.value.message


def test_a_wrong_declaration_in_a_file_is_told_when_it_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(Unbound, match=r"student\.py:VAE: VAE\.conformance_options has an unknown key 'seed'") as caught:
        named_target(student(tmp_path, {"seed": 3}))
    assert "objective, decoder" in caught.value.hint


def test_the_rest_of_the_options_stays() -> None:
    options = named_options("t", profile="exact", seed=3, likelihood="laplace")
    completed, note = with_declarations(options, declaring({"likelihood": "gaussian", "effective-beta": 0.5}), "t")
    assert (completed.profile, completed.seed, completed.likelihood, completed.effective_beta) == ("exact", 3, "laplace", 0.5)
    assert note == "declared by the implementation itself: effective-beta 0.5"
    assert RunOptions.from_json(completed.to_json()) == completed
