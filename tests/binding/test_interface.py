"""Finding the parts: what forward returns where, pairs and outputs in their forms, the spellings of the sampling step."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from binding_samples import SPELLINGS
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal

from vae_conformance.binding.interface import (
    DECODE_NAMES,
    ENCODE_NAMES,
    as_pair,
    as_raw,
    candidates,
    sampler_candidates,
    trainable,
)
from vae_conformance.binding.layout import at, read_layout
from vae_conformance.binding.probing import decoder_end, output_range, probe_batch, shape_candidates


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.rand(4, *shape, generator=torch.Generator().manual_seed(seed))


X, RECON = numbers(0, 1, 8, 8), numbers(1, 1, 8, 8)
MU, LOGVAR, Z = numbers(2, 3), numbers(3, 3) - 1, numbers(4, 3)
SCALAR = torch.tensor(3.0)


def expect(result: Any, encoded: tuple[Tensor, Tensor] | None, *, logvar: Tensor = LOGVAR, raw: Tensor = RECON, x: Tensor = X) -> None:
    layout = read_layout(result, x, encoded)
    assert layout is not None
    assert at(result, layout.raw) is raw
    assert layout.mu is not None
    assert layout.logvar is not None
    assert at(result, layout.mu) is MU
    assert at(result, layout.logvar) is logvar


TUPLES: dict[str, Any] = {
    "(recon, mu, logvar)": (RECON, MU, LOGVAR),
    "(mu, logvar, recon)": (MU, LOGVAR, RECON),
    "(recon, mu, logvar, z)": (RECON, MU, LOGVAR, Z),
    "(recon, z, mu, logvar)": (RECON, Z, MU, LOGVAR),
    "(z, recon, mu, logvar)": (Z, RECON, MU, LOGVAR),
    "(mu, logvar, z, recon)": (MU, LOGVAR, Z, RECON),
    "[recon, x, mu, logvar]": [RECON, X, MU, LOGVAR],
    "[x, recon, mu, logvar]": [X, RECON, MU, LOGVAR],
    "[recon, x, mu, logvar, z]": [RECON, X, MU, LOGVAR, Z],
    "(recon, (mu, logvar))": (RECON, (MU, LOGVAR)),
    "((mu, logvar), (recon,))": ((MU, LOGVAR), (RECON,)),
    "(z, (mu, logvar), recon)": (Z, (MU, LOGVAR), RECON),
    "(recon, mu, logvar, loss)": (RECON, MU, LOGVAR, SCALAR),
    "(loss, recon, mu, logvar)": (SCALAR, RECON, MU, LOGVAR),
    "(recon, logvar, mu)": (RECON, LOGVAR, MU),
}


@pytest.mark.parametrize("result", TUPLES.values(), ids=TUPLES.keys())
def test_what_encode_gave_is_recognised_wherever_it_stands(result: Any) -> None:
    expect(result, (MU, LOGVAR))


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in TUPLES
        if name
        not in (
            "(mu, logvar, recon)",
            "(recon, z, mu, logvar)",
            "(mu, logvar, z, recon)",
            "((mu, logvar), (recon,))",
            "(z, (mu, logvar), recon)",
            "(recon, logvar, mu)",
        )
    ],
)
def test_without_encode_the_customary_positions_decide(name: str) -> None:
    expect(TUPLES[name], None)


@pytest.mark.parametrize("name", ["(mu, logvar, recon)", "(mu, logvar, z, recon)", "((mu, logvar), (recon,))"])
def test_without_encode_a_pair_ahead_of_the_output_is_found(name: str) -> None:
    expect(TUPLES[name], None)


@pytest.mark.parametrize(
    "keys",
    [
        ("recon", "mu", "logvar"),
        ("x_hat", "mean", "log_var"),
        ("reconstruction", "z_mean", "z_log_var"),
        ("recon_x", "mu", "log_sigma"),
        ("output", "loc", "lv"),
        ("x_recon", "mu", "std"),
        ("logits", "mu", "logvar"),
    ],
)
@pytest.mark.parametrize("encoded", [None, (MU, LOGVAR)], ids=["without encode", "with encode"])
def test_a_dict_is_read_by_its_keys(keys: tuple[str, str, str], encoded: tuple[Tensor, Tensor] | None) -> None:
    raw, mu, logvar = keys
    expect({"z": Z, logvar: LOGVAR, raw: RECON, mu: MU, "loss": SCALAR}, encoded)


def test_a_dict_with_a_loss_and_an_input_keeps_them_apart() -> None:
    expect({"x": X, "recon_loss": SCALAR, "x_recon": RECON, "mu": MU, "logvar": LOGVAR}, (MU, LOGVAR))


@pytest.mark.parametrize("result", [RECON, (RECON,), {"recon": RECON}], ids=["tensor", "tuple", "dict"])
def test_the_reconstruction_alone(result: Any) -> None:
    layout = read_layout(result, X, (MU, LOGVAR))
    assert layout is not None
    assert at(result, layout.raw) is RECON
    assert (layout.mu, layout.logvar) == (None, None)


@pytest.mark.parametrize("result", [SCALAR, (SCALAR, SCALAR), None, "text", {"loss": SCALAR}], ids=repr)
def test_no_output_that_could_be_told(result: Any) -> None:
    layout = read_layout(result, X, None)
    assert layout is None or as_raw(at(result, layout.raw)) is None or at(result, layout.raw).dim() == 0


def test_a_mean_and_a_variance_as_output() -> None:
    spread = numbers(9, 1, 8, 8)
    result = ((RECON, spread), MU, LOGVAR)
    layout = read_layout(result, X, (MU, LOGVAR))
    assert layout is not None
    assert as_raw(at(result, layout.raw)) == (RECON, spread)
    assert (layout.mu, layout.logvar) == ((1,), (2,))


def test_distribution_objects() -> None:
    q, p = Normal(MU, torch.exp(0.5 * LOGVAR)), Normal(RECON, torch.ones_like(RECON))
    layout = read_layout((p, q), X, (MU, LOGVAR))
    assert layout is not None
    raw = as_raw(at((p, q), layout.raw))
    assert raw is not None
    assert raw[0] is RECON


def test_flat_outputs_for_images() -> None:
    flat = RECON.flatten(1)
    expect((flat, MU, LOGVAR), None, raw=flat)
    expect((flat, MU, LOGVAR), (MU, LOGVAR), raw=flat)


def test_codes_of_the_inputs_own_size() -> None:
    points, recon = numbers(5, 3), numbers(6, 3)
    expect((recon, MU, LOGVAR), None, raw=recon, x=points)
    expect((recon, MU, LOGVAR), (MU, LOGVAR), raw=recon, x=points)


def test_a_layout_describes_itself() -> None:
    layout = read_layout((RECON, (MU, LOGVAR)), X, (MU, LOGVAR))
    assert layout is not None
    assert layout.describe() == "output at 0, mu at 1.0, logvar at 1.1"
    whole = read_layout(RECON, X, None)
    assert whole is not None
    assert whole.describe() == "output at the whole"


@pytest.mark.parametrize(
    "result",
    [(MU, LOGVAR), [MU, LOGVAR], {"mu": MU, "logvar": LOGVAR}, {"logvar": LOGVAR, "mean": MU, "z": Z}],
    ids=["tuple", "list", "dict", "dict in another order"],
)
def test_pairs(result: Any) -> None:
    pair = as_pair(result)
    assert pair is not None
    assert pair[0] is MU
    assert pair[1] is LOGVAR


@pytest.mark.parametrize("wrap", [lambda q: q, lambda q: Independent(q, 1)], ids=["normal", "independent"])
def test_a_distribution_is_a_pair(wrap: Any) -> None:
    pair = as_pair(wrap(Normal(MU, torch.exp(0.5 * LOGVAR))))
    assert pair is not None
    torch.testing.assert_close(pair[0], MU)
    torch.testing.assert_close(pair[1], LOGVAR)


@pytest.mark.parametrize(
    "result",
    [MU, (MU,), (MU, LOGVAR, Z), (MU, RECON), (MU, None), (SCALAR, SCALAR), {"code": Z}, None],
    ids=["tensor", "one", "three", "unlike shapes", "none inside", "scalars", "dict without them", "none"],
)
def test_no_pairs(result: Any) -> None:
    assert as_pair(result) is None


def test_outputs_in_their_forms() -> None:
    assert as_raw(RECON) == (RECON,)
    assert as_raw((RECON, X)) == (RECON, X)
    assert as_raw([RECON, X]) == (RECON, X)
    normal = as_raw(Normal(RECON, torch.full_like(RECON, 2.0)))
    assert normal is not None
    assert normal[0] is RECON
    torch.testing.assert_close(normal[1], torch.full_like(RECON, 1.3862944))
    assert as_raw((RECON, MU)) is None
    assert as_raw(None) is None


def test_a_bernoulli_as_output() -> None:
    raw = as_raw(Bernoulli(probs=RECON))
    assert raw is not None
    torch.testing.assert_close(raw[0], RECON)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", ["method", "static method", "instance attribute", "submodule", "function"])
def test_every_spelling_of_the_sampling_step(spelling: str, kind: str) -> None:
    def step(mu: Tensor, logvar: Tensor) -> Tensor:
        return mu

    step.__module__ = "student"
    namespace = SimpleNamespace(__name__="student")
    methods = {"method": lambda self, mu, logvar: mu, "static method": staticmethod(step)}
    model = type("Model", (nn.Module,), {spelling: methods[kind]} if kind in methods else {})()
    if kind == "instance attribute":
        object.__setattr__(model, spelling, step)
    elif kind == "submodule":
        model.add_module(spelling, nn.Identity())
    elif kind == "function":
        setattr(namespace, spelling, step)
    assert [part.name for part in sampler_candidates(model, namespace)] == [spelling]


def test_the_reparameterisation_goes_before_other_samplers() -> None:
    model = type("Model", (nn.Module,), dict.fromkeys(("sample", "draw", "reparameterise"), lambda self, mu, logvar: mu))()
    assert sampler_candidates(model, None)[0].name == "reparameterise"


def test_imported_functions_are_not_the_targets_own() -> None:
    namespace = SimpleNamespace(__name__="student", sample_normal=numbers)
    assert sampler_candidates(nn.Module(), namespace) == []


def test_parts_are_tried_in_the_order_of_their_names() -> None:
    model = type("Model", (nn.Module,), {"encode": lambda self, x: x, "generate": lambda self, z: z})()
    model.encoder, model.decoder = nn.Identity(), nn.Identity()
    assert [part.name for part in candidates(model, ENCODE_NAMES)] == ["encode", "encoder"]
    assert [part.name for part in candidates(model, DECODE_NAMES)] == ["decoder", "generate"]


def test_trainable_parameters() -> None:
    model = nn.Linear(3, 2)
    model.bias.requires_grad_(False)
    assert list(trainable(model)) == ["weight"]
    assert trainable(object()) == {}


# probing


@pytest.mark.parametrize(
    ("value", "first", "also"),
    [
        ((1, 28, 28), (1, 28, 28), ()),
        ([3, 16, 16], (3, 16, 16), ()),
        (torch.Size([28, 28]), (1, 28, 28), ()),
        ((2,), (2,), ()),
        (784, (784,), ((1, 28, 28),)),
        (3072, (3072,), ((3, 32, 32),)),
        (28, (28,), ((1, 28, 28), (3, 28, 28))),
    ],
)
@pytest.mark.parametrize("name", ["input_shape", "input_dim", "image_size"])
@pytest.mark.parametrize("where", ["attribute", "argument"])
def test_shapes_from_what_the_model_says(
    value: Any, first: tuple[int, ...], also: tuple[tuple[int, ...], ...], name: str, where: str
) -> None:
    model = nn.Module()
    if where == "attribute":
        setattr(model, name, value)
    found = shape_candidates(model, {name: value} if where == "argument" else {})
    assert found[0] == first
    assert set(also) <= set(found[:5])


@pytest.mark.parametrize(
    ("layer", "first"),
    [
        (nn.Linear(784, 5), [(784,), (1, 28, 28)]),
        (nn.Linear(192, 5), [(192,), (3, 8, 8)]),
        (nn.Linear(2, 5), [(2,)]),
        (nn.Conv2d(3, 4, 3), [(3, 28, 28), (3, 32, 32), (3, 64, 64)]),
        (nn.Conv2d(1, 4, 3), [(1, 28, 28), (1, 32, 32)]),
    ],
    ids=repr,
)
def test_shapes_from_the_first_layer(layer: nn.Module, first: list[tuple[int, ...]]) -> None:
    assert shape_candidates(nn.Sequential(layer), {})[: len(first)] == first


@pytest.mark.parametrize("nonsense", [True, 0, -3, "28", (0, 28), (1.5, 2), None])
def test_attributes_that_are_no_shapes_are_passed_over(nonsense: Any) -> None:
    model = nn.Module()
    model.input_shape = nonsense
    assert shape_candidates(model, {}) == shape_candidates(nn.Module(), {})


def test_shapes_are_named_once_and_usual_images_are_among_them() -> None:
    found = shape_candidates(object(), {"input_dim": 784})
    assert len(found) == len(set(found))
    assert {(1, 28, 28), (3, 28, 28), (784,), (2,)} <= set(found)


def test_the_probe_batch_is_fixed_and_in_the_unit_interval() -> None:
    batch = probe_batch((2, 5, 5))
    assert batch.shape == (4, 2, 5, 5)
    assert float(batch.min()) >= 0
    assert float(batch.max()) <= 1
    assert torch.equal(batch, probe_batch((2, 5, 5)))


@pytest.mark.parametrize(
    ("end", "name"),
    [
        (nn.Sigmoid(), "unit"),
        (nn.Tanh(), "symmetric"),
        (nn.Identity(), "free"),
        (nn.Softmax(1), "unit"),
        (nn.Hardsigmoid(), "unit"),
        (nn.ReLU(), "free"),
    ],
    ids=repr,
)
def test_the_end_of_the_decoder(end: nn.Module, name: str) -> None:
    torch.manual_seed(0)
    decoder = nn.Sequential(nn.Linear(3, 32), end, nn.Unflatten(1, (2, 4, 4)))
    last, seen = decoder_end(lambda z: as_raw(decoder(z)), torch.randn(8, 3))
    assert output_range(last, seen) == name
