"""The trainer: curves, pairs of runs that share everything but one thing, and the lab's one stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from binding_samples import BatchNormed, Bound, Native, Script, bound, cross_entropy, divergence, loss_function, without
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from training_samples import RECIPE, training_items

from vae_conformance.experiments.trainer import CHECK_EVERY, train
from vae_spec.elbo import closed_form_kl
from vae_spec.subject import Part, SubjectFault


@pytest.fixture(scope="module")
def items() -> Tensor:
    return training_items()


# training


@pytest.mark.parametrize(
    "make",
    [
        lambda: bound(Native),
        lambda: bound(Script, loss_function),
        lambda: bound(without("loss")),
        lambda: bound(BatchNormed),
    ],
    ids=["native", "script", "no loss", "BatchNorm"],
)
def test_training_lowers_the_loss(make: Any, items: Tensor) -> None:
    subject = make()
    data = items.reshape(-1, *subject.facts.input_shape)
    training = train(subject, replace(RECIPE, steps=150), data)
    curves = (training.total, training.reconstruction, training.kl, training.analytic_kl)
    assert all(curve.shape == (150,) and curve.dtype == np.float64 for curve in curves)
    assert training.total[-10:].mean() < 0.75 * training.total[0]
    np.testing.assert_allclose(training.total, training.reconstruction + training.kl, rtol=1e-4)
    assert training.diverged_at is None
    assert training.samples is None


def test_the_first_step_is_taken_before_the_first_update(native: Bound, items: Tensor) -> None:
    short, slow = train(native, RECIPE, items), train(native, replace(RECIPE, learning_rate=1e-9), items)
    assert short.total[0] == slow.total[0]
    assert short.total[-1] < slow.total[-1]


def test_the_state_is_the_trained_one_and_the_subject_is_as_before(items: Tensor) -> None:
    subject = bound(BatchNormed)
    before = subject.state()
    training = train(subject, RECIPE, items)
    assert all(torch.equal(value, before[name]) for name, value in subject.state().items())
    assert not torch.equal(training.state["hidden.weight"], before["hidden.weight"])
    assert int(training.state["norm.num_batches_tracked"]) == RECIPE.steps
    subject.load(training.state)
    assert not torch.equal(subject.state()["norm.running_mean"], before["norm.running_mean"])


def test_training_touches_no_random_state(native: Bound, items: Tensor) -> None:
    before = torch.get_rng_state()
    train(native, RECIPE, items)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", [Native, BatchNormed])
def test_one_seed_one_run(kind: type[nn.Module], items: Tensor) -> None:
    subject = bound(kind)
    first = train(subject, RECIPE, items)
    torch.rand(7)
    again = train(subject, RECIPE, items)
    other = train(subject, replace(RECIPE, seed=4), items)
    assert np.array_equal(first.total, again.total)
    assert all(torch.equal(value, again.state[name]) for name, value in first.state.items())
    assert not np.array_equal(first.total, other.total)


def test_noise_from_a_generator_of_its_own_is_under_the_seed_too(items: Tensor) -> None:
    class Private(Native):
        def __init__(self) -> None:
            super().__init__()
            self.generator = torch.Generator().manual_seed(torch.initial_seed())

        def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
            return mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=self.generator)

    subject = bound(Private)
    first, again = train(subject, RECIPE, items), train(subject, RECIPE, items)
    assert np.array_equal(first.total, again.total)


def test_progress_is_reported(native: Bound, items: Tensor) -> None:
    seen = []
    train(native, replace(RECIPE, steps=2 * CHECK_EVERY + 7), items, lambda step, steps: seen.append((step, steps)))
    assert seen == [(50, 107), (100, 107), (107, 107)]


class Waits(TorchDispatchMode):
    """Counts the operations that wait for a device: those whose result the host needs before it can go on."""

    WAITING = (torch.ops.aten._local_scalar_dense, torch.ops.aten.nonzero, torch.ops.aten.equal)

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        self.count += func.overloadpacket in self.WAITING
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("beta", [1.0, 4.0])
def test_nothing_waits_for_the_device_between_two_looks(beta: float, native: Bound, items: Tensor) -> None:
    waited = []
    for steps in (2, CHECK_EVERY, 2 * CHECK_EVERY):
        with Waits() as waits:
            train(native, replace(RECIPE, steps=steps, beta=beta), items)
        waited.append(waits.count)
    assert waited[0] == waited[1]  # whatever the number of steps between two looks
    assert waited[2] > waited[1]  # the second look waits, so the count would see a wait in a step


def test_the_analytic_kl_is_the_closed_form_of_each_step(items: Tensor) -> None:
    class Recording(Native):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[float] = []

        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            self.seen.append(float(closed_form_kl(mu.detach(), logvar.detach()).mean()))
            return super().loss(x_hat, x, mu, logvar, beta)

    subject = bound(Recording)
    subject.model.seen.clear()
    training = train(subject, RECIPE, items)
    assert training.analytic_kl.tolist() == subject.model.seen


def test_terms_reported_as_plain_numbers_make_curves(items: Tensor) -> None:
    class Reporting(Native):
        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            total, reconstruction, kl = super().loss(x_hat, x, mu, logvar, beta)
            return total, reconstruction.item(), kl.item()

    reported, attached = train(bound(Reporting), RECIPE, items), train(bound(Native), RECIPE, items)
    assert np.array_equal(reported.total, attached.total)
    assert np.array_equal(reported.kl, attached.kl)
    assert np.array_equal(reported.reconstruction, attached.reconstruction)


# the code that a loss takes


class CodeLoss(Native):
    """Its KL is estimated from the code that was decoded, which the loss takes; forward does not return it."""

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Any:
        reconstruction = cross_entropy(x_hat, x).sum() / len(x)
        kl = 0.5 * (z.square() - logvar - (z - mu).square() / logvar.exp()).sum(1).mean()
        return reconstruction + kl, reconstruction, kl


def test_a_loss_that_takes_the_code_is_given_the_decoded_one(items: Tensor) -> None:
    class Recording(CodeLoss):
        def __init__(self) -> None:
            super().__init__()
            self.pairs: list[tuple[Tensor, Tensor]] = []

        def decode(self, z: Tensor) -> Tensor:
            self.decoded = z
            return super().decode(z)

        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Any:
            self.pairs.append((self.decoded, z))
            return super().loss(x_hat, x, mu, logvar, z)

    subject = bound(Recording)
    assert ", z)" in subject.facts.parts[Part.LOSS].account
    subject.model.pairs.clear()
    train(subject, replace(RECIPE, steps=3), items)
    assert len(subject.model.pairs) == 3
    assert all(torch.equal(decoded, given) for decoded, given in subject.model.pairs)


@pytest.mark.parametrize(("kind", "watched"), [(Native, False), (CodeLoss, True)])
def test_the_code_is_watched_only_where_the_loss_takes_it(kind: type[Native], watched: bool, items: Tensor) -> None:
    class Noticing(kind):  # type: ignore[valid-type, misc]
        def __init__(self) -> None:
            super().__init__()
            self.spied: set[bool] = set()

        def forward(self, x: Tensor) -> Any:
            self.spied.add("decode" in vars(self))
            return super().forward(x)

    subject = bound(Noticing)
    subject.model.spied.clear()
    train(subject, replace(RECIPE, steps=3), items)
    assert subject.model.spied == {watched}


# pairs


class Watching(Native):
    """Writes down the batches that it is trained on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Any:
        self.seen.append(x)
        return super().forward(x)


@pytest.mark.parametrize("change", [{"noise": False}, {"beta": 0.0}, {"beta": 4.0}], ids=["autoencoder", "beta 0", "beta 4"])
def test_paired_runs_share_initialisation_and_data_order(change: dict[str, Any], items: Tensor) -> None:
    subject = bound(Watching)
    subject.model.seen.clear()
    first = train(subject, RECIPE, items)
    batches_of_first = list(subject.model.seen)
    subject.model.seen.clear()
    other = train(subject, replace(RECIPE, **change), items)
    assert len(subject.model.seen) == len(batches_of_first) == RECIPE.steps
    assert all(torch.equal(one, two) for one, two in zip(batches_of_first, subject.model.seen, strict=True))
    assert first.kl[0] == other.kl[0]  # of one initialisation and one batch
    assert not np.array_equal(first.total[1:], other.total[1:])


def test_beta_weighs_the_kl_whether_the_loss_takes_it_or_not(items: Tensor) -> None:
    for subject in (bound(Native), bound(Script, loss_function, input_shape=(1, 8, 8))):
        training = train(subject, replace(RECIPE, beta=3.0, steps=5), items)
        np.testing.assert_allclose(training.total, training.reconstruction + 3 * training.kl, rtol=1e-4)


def test_without_noise_the_mean_is_decoded(items: Tensor) -> None:
    subject = bound(Native)
    training = train(subject, replace(RECIPE, noise=False, batch=0, steps=1, beta=0.0), items)
    from vae_spec.context import derive_seed

    subject.load(subject.fresh(derive_seed(RECIPE.seed, "initialisation")))
    mu = subject.posterior(items).mu
    expected = subject.terms(subject.decode(mu), items, mu, mu).reconstruction
    assert training.reconstruction[0] == pytest.approx(float(expected), rel=1e-5)


# what goes wrong


class Diverging(Native):
    """Its loss is no number from one step on; the error is squared, so that it takes any output."""

    steps, last = 0, 10**9

    def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        reconstruction, kl = self.error(x_hat, x).sum() / len(x), divergence(mu, logvar).mean()
        self.steps += 1
        return (reconstruction + beta * kl) * (1.0 if self.steps <= self.last else float("nan")), reconstruction, kl

    def error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return 0.5 * (x_hat - x).square()


class DivergingCrossEntropy(Diverging):
    """PyTorch's cross-entropy refuses what a model with such parameters gives at the next step."""

    def error(self, x_hat: Tensor, x: Tensor) -> Tensor:
        return cross_entropy(x_hat, x)


@pytest.mark.parametrize("kind", [Diverging, DivergingCrossEntropy])
@pytest.mark.parametrize("at", [0, 7, CHECK_EVERY, CHECK_EVERY + 20])
def test_divergence_is_noted_where_it_begins(kind: type[Diverging], at: int, items: Tensor) -> None:
    subject = bound(kind)
    subject.model.steps, subject.model.last = 0, at
    training = train(subject, replace(RECIPE, steps=3 * CHECK_EVERY), items)
    assert training.diverged_at == at
    assert len(training.total) == len(training.kl) == at
    assert np.isfinite(training.total).all()


def test_code_that_raises_in_training_is_a_fault(items: Tensor) -> None:
    class LastBatch(Native):
        def forward(self, x: Tensor) -> Any:
            if len(x) == 32:
                raise IndexError("no batches of 32")
            return super().forward(x)

    subject = bound(LastBatch)
    before = subject.state()
    with pytest.raises(SubjectFault, match="IndexError: no batches of 32") as caught:
        train(subject, RECIPE, items)
    assert caught.value.operation == "training"
    assert all(torch.equal(value, before[name]) for name, value in subject.state().items())


def test_a_loss_without_a_path_to_the_parameters_is_a_fault(items: Tensor) -> None:
    class Cut(Native):
        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            return super().loss(x_hat.detach(), x, mu.detach(), logvar.detach(), beta)

    with pytest.raises(SubjectFault, match="does not require grad"):
        train(bound(Cut), RECIPE, items)


def test_nothing_to_train_is_a_fault(items: Tensor) -> None:
    class Frozen(Native):
        def __init__(self) -> None:
            super().__init__()
            self.requires_grad_(False)

    with pytest.raises(SubjectFault, match="no trainable parameters"):
        train(bound(Frozen), RECIPE, items)
