"""The Subject in this process: stateless calls, exact gradients, states that come and go, data space and back."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from binding_samples import (
    COTANGENT,
    LOGVAR,
    MU,
    RAW,
    BatchNormed,
    Bound,
    ByMatrices,
    Inline,
    Native,
    X,
    Z,
    bound,
    noisy,
)
from torch import Tensor, nn

from vae_spec.subject import Mode, Noise, SubjectFault, Term


@pytest.fixture(scope="module")
def normed() -> Bound:
    return bound(BatchNormed)


Operation = Callable[[Bound], Any]
OPERATIONS: dict[str, Operation] = {
    "fresh": lambda subject: dict(subject.fresh(3)),
    "posterior": lambda subject: vars(subject.posterior(X)),
    "posterior in training": lambda subject: vars(subject.posterior(X, mode=Mode.TRAIN, seed=4)),
    "forward": lambda subject: vars(subject.forward(X, Noise(seed=4))),
    "forward in eval": lambda subject: vars(subject.forward(X, Noise(seed=4), mode=Mode.EVAL)),
    "draw": lambda subject: subject.draw(MU, LOGVAR, Noise(seed=4)),
    "draw_vjp": lambda subject: vars(subject.draw_vjp(MU, LOGVAR, Noise(seed=4), COTANGENT)),
    "decode": lambda subject: subject.decode(Z),
    "decode in training": lambda subject: subject.decode(Z, mode=Mode.TRAIN),
    "decode_vjp": lambda subject: subject.decode_vjp(Z, RAW[0]),
    "terms": lambda subject: vars(subject.terms(RAW, X, MU, LOGVAR)),
    "terms_vjp": lambda subject: vars(subject.terms_vjp(RAW, X, MU, LOGVAR, of=Term.TOTAL)),
    "param_grads": lambda subject: subject.param_grads(X, Noise(seed=4), ("mu", "logvar", "raw", "total")),
    "reach": lambda subject: vars(subject.reach(X, MU, LOGVAR, steps=5, learning_rate=0.01, seed=4)),
}


def flat(result: Any) -> list[Any]:
    """The tensors and numbers in a result, in order."""
    if isinstance(result, dict):
        return [leaf for value in result.values() for leaf in flat(value)]
    if isinstance(result, tuple | list):
        return [leaf for value in result for leaf in flat(value)]
    return [result]


def equal(one: Any, other: Any) -> bool:
    pairs = list(zip(flat(one), flat(other), strict=True))
    return all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


def world(subject: Bound) -> list[Any]:
    """Everything that a call might leave changed: parameters, buffers, modes, random states, gradient mode."""
    modes = [module.training for module in subject.model.modules()]
    numpy_state = np.random.get_state()  # noqa: NPY002  the legacy state is what models draw from
    states = [torch.get_rng_state(), numpy_state[1].tolist(), random.getstate(), torch.is_grad_enabled()]
    return [subject.state(), modes, *states, sorted(vars(subject.model))]


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
@pytest.mark.parametrize("name", ["native", "normed"])
def test_equal_calls_give_equal_results_and_leave_nothing(name: str, operation: Operation, request: pytest.FixtureRequest) -> None:
    subject = request.getfixturevalue(name)
    before = world(subject)
    first = operation(subject)
    torch.rand(3)  # whatever happens in between
    torch.set_rng_state(before[2])
    second = operation(subject)
    assert equal(first, second)
    assert equal(before, world(subject))
    assert not any(leaf.requires_grad for leaf in flat(first) if isinstance(leaf, Tensor))


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_that_the_model_was_in_comes_back(training: bool) -> None:
    subject = bound(BatchNormed)
    subject.model.train(training)
    for operation in OPERATIONS.values():
        operation(subject)
        assert all(module.training is training for module in subject.model.modules())


def test_batch_norm_moves_in_training_alone_and_not_for_good() -> None:
    subject = bound(BatchNormed)
    seen = []
    subject.model.norm.register_forward_hook(lambda module, args, result: seen.append(int(module.num_batches_tracked)))
    start = int(subject.model.norm.num_batches_tracked)
    for mode in (Mode.TRAIN, Mode.TRAIN, Mode.EVAL):
        subject.forward(X, Noise(), mode=mode)
    assert seen == [start + 1, start + 1, start]
    assert int(subject.model.norm.num_batches_tracked) == start


def test_a_buffer_that_is_replaced_in_training_comes_back() -> None:
    class Averaging(Native):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("average", torch.zeros(3))

        def encode(self, x: Tensor) -> Any:
            mu, logvar = super().encode(x)
            if self.training:
                self.average = 0.9 * self.average + 0.1 * mu.detach().mean(0)
            return mu - self.average, logvar

    subject = bound(Averaging)
    first, second = (subject.posterior(X, mode=Mode.TRAIN).mu for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(subject.posterior(X).mu, subject.posterior(X).mu)


def test_a_call_that_fails_leaves_nothing_either() -> None:
    subject = bound(BatchNormed)

    def failing(_z: Tensor) -> Tensor:
        torch.rand(5)
        raise RuntimeError("no")

    subject.model.decode = failing
    before = world(subject)
    with pytest.raises(SubjectFault, match="RuntimeError: no"):
        subject.forward(X, Noise(seed=1))
    assert equal(before, world(subject))


# noise


def test_the_code_that_forward_decodes(native: Bound) -> None:
    passed = native.forward(X, Noise(seed=6))
    assert passed.z is not None
    assert torch.equal(native.decode(passed.z, mode=Mode.TRAIN)[0], passed.raw[0])
    assert torch.equal(native.draw(passed.mu, passed.logvar, Noise(seed=6)), passed.z)
    assert passed.random_calls == ("randn_like",)


def test_without_noise_the_mean_is_decoded(native: Bound) -> None:
    passed = native.forward(X, Noise.none())
    assert passed.z is not None
    assert torch.equal(passed.z, passed.mu)
    assert torch.equal(native.draw(MU, LOGVAR, Noise.none()), MU)


def test_given_noise(native: Bound) -> None:
    given = torch.linspace(-2, 2, 12).view(4, 3)
    expected = MU + torch.exp(0.5 * LOGVAR) * given
    torch.testing.assert_close(native.draw(MU, LOGVAR, Noise(given=given)), expected)
    passed = native.forward(X, Noise(given=given))
    assert passed.z is not None
    torch.testing.assert_close(passed.z, passed.mu + torch.exp(0.5 * passed.logvar) * given)


def test_seeds_differ(native: Bound) -> None:
    assert not torch.equal(native.draw(MU, LOGVAR, Noise(seed=1)), native.draw(MU, LOGVAR, Noise(seed=2)))


def test_code_seen_through_submodules_and_static_steps() -> None:
    class Static(Native):
        @staticmethod
        def reparameterize(mu: Tensor, logvar: Tensor) -> Tensor:  # type: ignore[override]
            return noisy(mu, logvar)

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return self.layers(z=None) if x is None else self.decode(z=self.reparameterize(mu, logvar)), mu, logvar

    passed = bound(Static).forward(X, Noise.none())
    assert passed.z is not None
    assert torch.equal(passed.z, passed.mu)


def test_an_inline_code_is_seen_where_a_layer_takes_it() -> None:
    passed = bound(Inline).forward(X, Noise.none())
    assert passed.z is not None
    assert torch.equal(passed.z, passed.mu)
    assert bound(ByMatrices).forward(X, Noise.none()).z is None


# states


def test_fresh_is_repeatable_and_differs_by_seed(native: Bound) -> None:
    first, again, other = native.fresh(1), native.fresh(1), native.fresh(2)
    assert equal(dict(first), dict(again))
    assert not equal(dict(first), dict(other))


@pytest.mark.parametrize("kind", [Native, BatchNormed])
def test_load_takes_on_a_state(kind: type[nn.Module]) -> None:
    subject = bound(kind)
    subject.load(subject.fresh(1))
    first = subject.posterior(X).mu
    subject.load(subject.fresh(2))
    assert not torch.equal(first, subject.posterior(X).mu)
    subject.load(subject.fresh(1))
    assert torch.equal(first, subject.posterior(X).mu)


def test_a_state_is_a_copy(native: Bound) -> None:
    state = native.state()
    native.load(native.fresh(5))
    assert not equal(state, native.state())
    native.load(state)
    assert equal(state, native.state())


def test_a_state_that_does_not_fit_is_a_fault(native: Bound) -> None:
    with pytest.raises(SubjectFault, match="load_state_dict"):
        native.load({"other": torch.zeros(1)})


def test_what_is_no_module_has_no_state() -> None:
    class Plain:
        def __init__(self) -> None:
            self.inside = Native()

        def encode(self, x: Tensor) -> Any:
            return self.inside.encode(x)

        def decode(self, z: Tensor) -> Any:
            return self.inside.decode(z)

        def forward(self, x: Tensor) -> Any:
            return self.inside(x)

    subject = bound(Plain, input_shape=(1, 8, 8))
    assert dict(subject.fresh(1)) == {}
    subject.load({})
    assert subject.posterior(X).mu.shape == (4, 3)
    assert subject.forward(X, Noise()).raw[0].shape == X.shape
    assert subject.facts.parameters == 0
