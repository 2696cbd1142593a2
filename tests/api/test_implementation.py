"""The Implementation record: what it gives, what is left to binding, where it may stand, and what is wrong with one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from binding_samples import Bound, Inline, Layers, Native, Script, cross_entropy, divergence, noisy
from named import named_options
from torch import Tensor, nn

from vae_conformance import Implementation, check_vae
from vae_conformance.binding.bind import bind
from vae_conformance.errors import Unbound, WrongRecord
from vae_conformance.runner.run import Judge
from vae_conformance.target.adapter import Adapter, adapted, inner_of
from vae_conformance.target.target import given_target
from vae_spec.subject import Likelihood, Mode, Noise, Objective, Part, Standing

GIVEN = "; given by the Implementation record"


def bound(record: Implementation, **options: Any) -> Bound:
    return bind(given_target(record), named_options("record", **options))


class Odd(Layers):
    """Parts under names that nobody could guess, with an argument more than they need."""

    def inward(self, x: Tensor, scale: float) -> list[Tensor]:
        return [scale * head for head in self.heads(x)]

    def outward(self, z: Tensor, scale: float) -> Tensor:
        return self.layers(scale * z).view(-1, 1, 8, 8)

    def jolt(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return noisy(mu, logvar)


def odd_loss(_model: Odd, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    reconstruction, kl = cross_entropy(x_hat, x).mean(), divergence(mu, logvar).mean()
    return reconstruction + beta * kl, reconstruction, kl


ODD = Implementation(
    Odd,
    name="odd one",
    encode=lambda model, x: model.inward(x, 1.0),
    sample=lambda model, mu, logvar: model.jolt(mu, logvar),
    decode=lambda model, z: model.outward(z, 1.0),
    loss=odd_loss,
)


def test_every_part_that_is_given_is_bound_and_said_to_be_given() -> None:
    facts = bound(ODD).facts
    assert facts.name == "odd one"
    assert (facts.input_shape, facts.latent_dim, facts.likelihood) == ((1, 8, 8), 3, Likelihood.BERNOULLI)
    given = {part for part, report in facts.parts.items() if report.account.endswith(GIVEN)}
    assert given == {Part.POSTERIOR, Part.DRAW, Part.DECODE, Part.LOSS}
    assert not [part for part in given if "name" in facts.parts[part].known_by]
    assert {part: report for part, report in facts.parts.items() if report.standing is not Standing.PRESENT} == {}
    assert facts.parts[Part.FORWARD].account == "there is no forward: put together: encode, the sampling step, decode"


def test_the_parameters_are_the_model_s_under_its_own_names() -> None:
    torch.manual_seed(0)
    model = adapted(ODD, Odd())
    inner = inner_of(model)
    assert isinstance(model, Adapter)
    assert model.state_dict().keys() == inner.state_dict().keys()
    assert dict(model.named_parameters()).keys() == dict(inner.named_parameters()).keys()
    model.train(False)
    assert not inner.training
    assert not inner.hidden.training
    model.double()
    assert inner.hidden.weight.dtype is torch.float64
    assert next(iter(model.parameters())) is next(iter(inner.parameters()))


def test_a_record_of_build_alone_leaves_the_model_as_it_is() -> None:
    model = Native()
    assert adapted(Implementation(Native), model) is model
    facts = bound(Implementation(Native, effective_beta=4.0, objective="modified")).facts
    assert (facts.effective_beta, facts.objective) == (4.0, Objective.MODIFIED)
    assert "declared by the Implementation record: effective-beta 4, objective modified" in facts.notes


def test_what_is_left_out_is_found_in_the_model() -> None:
    def forward(model: Native, x: Tensor) -> dict[str, Tensor]:
        x_hat, mu, logvar = model(x)
        return {"x_hat": x_hat, "mu": mu, "logvar": logvar}

    subject = bound(Implementation(Native, forward=forward))
    parts = subject.facts.parts
    assert parts[Part.FORWARD].account.endswith(GIVEN)
    assert parts[Part.DRAW].account == "reparameterize(mu, logvar)"
    assert {report.standing for report in parts.values()} == {Standing.PRESENT}
    passed = subject.forward(torch.rand(4, 1, 8, 8), Noise.none(), mode=Mode.TRAIN)
    assert passed.z is not None
    assert torch.equal(passed.z, passed.mu)


def test_the_model_s_own_loss_is_taken_where_none_is_given() -> None:
    facts = bound(Implementation(Native, encode=lambda model, x: model.encode(x))).facts
    assert facts.parts[Part.LOSS].account.startswith("method loss(")
    assert facts.parts[Part.DECODE].account == "decode(z)"


def test_a_text_names_one_of_the_file_s_losses() -> None:
    facts = bound(Implementation(Script, loss="loss_function", objective="elbo")).facts
    assert facts.parts[Part.LOSS].account.startswith("function loss_function(")
    with pytest.raises(Unbound, match="has no loss named loss_of_another that can be called"):
        bound(Implementation(Script, loss="loss_of_another"))


class Keeping(Inline):
    """Returns the reconstruction alone, and keeps mu and logvar."""

    def forward(self, x: Tensor) -> Tensor:
        x_hat, self.mu, self.logvar = super().forward(x)
        return x_hat

    def loss(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return cross_entropy(x_hat, x).mean() + divergence(self.mu, self.logvar).mean()


def test_what_the_model_keeps_is_seen_behind_the_adapter() -> None:
    plain = bind(given_target(Keeping), named_options("keeping")).facts
    facts = bound(Implementation(Keeping, forward=lambda model, x: model(x))).facts
    # What a given forward calls is not watched, so that the latent that it decodes cannot be seen.
    assert {part: report.standing for part, report in facts.parts.items() if part is not Part.LATENT_IN_FORWARD} == {
        part: report.standing for part, report in plain.parts.items() if part is not Part.LATENT_IN_FORWARD
    }
    assert facts.parts[Part.POSTERIOR].standing is Standing.PRESENT


def test_what_is_given_stands_alone_where_it_fails() -> None:
    def broken(_model: Native, _z: Tensor) -> Tensor:
        raise RuntimeError("no such luck")

    facts = bound(Implementation(Native, decode=broken)).facts
    assert facts.parts[Part.DECODE].standing is Standing.FAILING
    assert "no such luck" in facts.parts[Part.DECODE].account

    def crooked(_model: Native, mu: Tensor, _logvar: Tensor) -> Tensor:
        raise RuntimeError("not this one")

    assert bound(Implementation(Native, sample=crooked)).facts.parts[Part.DRAW].standing is Standing.FAILING


def test_a_loss_is_given_the_code_and_beta_where_it_has_such_parameters() -> None:
    seen: list[tuple[bool, float]] = []

    def loss(_model: Native, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor, beta: float = 1.0) -> Tensor:
        seen.append((z.shape == mu.shape, beta))
        return cross_entropy(x_hat, x).mean() + beta * divergence(mu, logvar).mean()

    subject = bound(Implementation(Native, loss=loss))
    assert subject.facts.parts[Part.BETA].standing is Standing.PRESENT
    code = torch.zeros(4, 3)
    seen.clear()
    subject.terms((torch.full((4, 1, 8, 8), 0.5),), torch.rand(4, 1, 8, 8), code, code, z=code + 1, beta=3.0)
    assert set(seen) == {(True, 3.0)}


def test_a_loss_that_returns_no_loss_is_refused() -> None:
    for nothing in ("nothing", None):
        with pytest.raises(Unbound, match="what the loss of the Implementation record returns is no loss") as caught:
            bound(replace(ODD, loss=lambda _model, _x_hat, _x, _mu, _logvar, given=nothing: given))
        assert "(total, reconstruction, kl)" in caught.value.hint


def test_a_loss_without_beta_is_weighed_by_the_suite() -> None:
    def loss(_model: Native, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return cross_entropy(x_hat, x).mean() + divergence(mu, logvar).mean()

    assert bound(Implementation(Native, loss=loss)).facts.parts[Part.BETA].standing is Standing.REPLACED


@pytest.mark.parametrize("hold", [tuple, list, lambda pair: dict(zip(("enc", "dec"), pair, strict=True))])
def test_networks_may_stand_in_a_tuple_a_list_or_a_dict(hold: Callable[[Any], Any]) -> None:
    def build() -> Any:
        return hold((nn.Linear(64, 6), nn.Sequential(nn.Linear(3, 64), nn.Sigmoid())))

    def first(model: Any) -> nn.Module:
        return model["enc"] if isinstance(model, dict) else model[0]

    def second(model: Any) -> nn.Module:
        return model["dec"] if isinstance(model, dict) else model[1]

    subject = bound(Implementation(build, encode=lambda model, x: first(model)(x).chunk(2, 1), decode=lambda model, z: second(model)(z)))
    assert (subject.facts.input_shape, subject.facts.latent_dim, subject.facts.parameters) == ((64,), 3, 64 * 6 + 6 + 4 * 64)
    assert subject.facts.parts[Part.TRAINING].standing is Standing.PRESENT
    one, same, other = (subject.fresh(seed) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


class Spatial(nn.Module):
    """Codes of 2 x 2 x 2, and results in objects, as libraries of image models have them."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(1, 4, 4, stride=4), nn.ConvTranspose2d(2, 1, 4, stride=4)

    def encode(self, x: Tensor) -> SimpleNamespace:
        mean, logvar = self.down(x).chunk(2, dim=1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, logvar=logvar))

    def decode(self, z: Tensor) -> SimpleNamespace:
        return SimpleNamespace(sample=self.up(z))


SPATIAL = Implementation(
    Spatial,
    encode=lambda model, x: (model.encode(x).latent_dist.mean, model.encode(x).latent_dist.logvar),
    sample=lambda _model, mu, logvar: noisy(mu, logvar),
    decode=lambda model, z: model.decode(z).sample,
    likelihood="squared-error",
    input_shape=(1, 8, 8),
)


def test_spatial_codes_and_results_in_objects_are_unwrapped_by_the_record() -> None:
    facts = bound(SPATIAL).facts
    assert (facts.input_shape, facts.latent_dim) == ((1, 8, 8), 8)
    judge = Judge(named_options("spatial", profile="exact"), given_target(SPATIAL))
    assert {judge.ask(claim).outcome.value for claim in ("NET-01", "NET-02", "NET-03", "NET-04", "REP-01", "INT-03")} == {"holds"}


def test_what_holds_no_networks_is_refused() -> None:
    with pytest.raises(Unbound, match="build gives an object of object, which holds no networks"):
        bound(Implementation(object, encode=lambda model, x: (x, x)))


def test_a_given_head_and_objective_reach_the_facts_and_the_options_win() -> None:
    record = Implementation(Native, likelihood="laplace", input_shape=[1, 8, 8], input_range=(0, 1), decoder="autoregressive")
    facts = bound(record, likelihood="squared-error").facts
    assert (facts.likelihood, facts.input_shape, facts.autoregressive) == (Likelihood.SQUARED_ERROR, (1, 8, 8), True)


def test_the_record_goes_before_what_the_class_declares() -> None:
    declaring = type("Declaring", (Native,), {"conformance_options": {"effective-beta": 4.0, "objective": "modified"}})
    facts = bound(Implementation(declaring, effective_beta=2.0)).facts
    assert (facts.effective_beta, facts.objective) == (2.0, Objective.MODIFIED)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"build": "student.VAE"}, "build: 'student.VAE' is a str, neither a class nor a function"),
    ({"build": Native()}, "build: this is a model that is ready, a Native"),
    ({"name": 3}, "name: 3 is not a text"),
    ({"encode": 3}, "encode: 3 is no function"),
    ({"encode": lambda x: x}, r"encode: it takes \(x\), and cannot be called as encode\(model, x\)"),
    ({"sample": lambda _m, mu: mu}, r"sample: it takes \(_m, mu\), and cannot be called as sample\(model, mu, logvar\)"),
    ({"loss": lambda _m, x: x}, r"cannot be called as loss\(model, x_hat, x, mu, logvar, beta=1.0\)"),
    ({"loss": 3}, "loss: 3 is no function nor the name of a loss"),
    ({"likelihood": "bernuli"}, "likelihood: 'bernuli' is none of bernoulli"),
    ({"second_head": "sigma"}, "second-head: 'sigma' is none of log-variance"),
    ({"effective_beta": 0}, "effective-beta: 0 is not a number above 0"),
    ({"input_shape": (0,)}, "input-shape: '0' is not the shape"),
    ({"input_range": (1, 0)}, "input-range: '1,0' is not a range"),
]


@pytest.mark.parametrize(("fields", "words"), WRONG, ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")
def test_what_is_wrong_is_named_with_its_field_and_what_to_do(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        Implementation(**{"build": Native, **fields})
    assert isinstance(caught.value, WrongRecord)
    assert caught.value.message.startswith("the Implementation record of ")
    assert caught.value.hint
    assert caught.value.hint in str(caught.value)


def test_the_object_itself_is_judged() -> None:
    report = check_vae(ODD, profile="exact", only=["REP-01", "KL-03", "NET-03"])
    assert report.options.target.text == "odd one, by an Implementation record"
    assert {claim.id: claim.outcome.value for claim in report.claims} == {"KL-03": "holds", "REP-01": "holds", "NET-03": "holds"}
    wrong = replace(ODD, sample=lambda _model, mu, logvar: mu + logvar.exp() * torch.randn_like(mu))
    (claim,) = check_vae(wrong, profile="exact", only="REP-01").claims
    assert claim.outcome == "violated"
    assert [location.file for location in claim.locations] == ["tests/api/test_implementation.py"]


def test_a_forward_that_is_given_may_do_everything() -> None:
    facts = bound(Implementation(Inline, forward=lambda model, x: model(x))).facts
    assert facts.parts[Part.POSTERIOR].account.startswith("mu and logvar are read from forward")
    assert facts.parts[Part.FORWARD].account.endswith(GIVEN)


def test_importing_the_record_imports_nothing_heavy() -> None:
    code = "import sys; from vae_conformance import Implementation; print('torch' in sys.modules, Implementation.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "Implementation"]
