"""Losses in the forms that people write: argument orders, what is returned and in which order, and where beta goes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from binding_samples import cross_entropy, divergence
from torch import Tensor
from torch.distributions import ContinuousBernoulli

from vae_conformance.binding.loss_arguments import Returned
from vae_conformance.binding.loss_search import loss_candidates
from vae_conformance.binding.losses import Loss, supplied_loss
from vae_conformance.binding.returns import Returns, read_returns
from vae_spec.elbo import unit_variance
from vae_spec.subject import Likelihood, Terms

GENERATOR = torch.Generator().manual_seed(0)
X, OTHER = (torch.rand(4, 1, 8, 8, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
RAW = (torch.rand(4, 1, 8, 8, generator=GENERATOR, dtype=torch.float64),)
MU, LOGVAR = (torch.randn(4, 3, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
ZERO = torch.zeros_like(MU)
RECONSTRUCTION, KL = float(cross_entropy(RAW[0], X).mean()), float(divergence(MU, LOGVAR).mean())

LossFunction = Callable[..., Any]


def both(raw: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    return cross_entropy(raw, x).mean(), divergence(mu, logvar).mean()


def found(function: LossFunction) -> Loss:
    """The loss that a module's function is taken for, read as the binding reads it: at two posteriors."""
    function.__module__ = "student"
    namespace = SimpleNamespace(__name__="student", loss_function=function)
    (candidate,) = loss_candidates(object(), namespace)
    account, call, roles = candidate.account, candidate.call, candidate.signature.roles
    values = {"raw": RAW[0], "x": X, "logvar": ZERO, "z": MU}
    results = [call(*[{**values, "mu": ZERO + shift}[role] for role in roles if role != "beta"]) for shift in (0.5, 1.0)]
    read = read_returns(*results)
    assert read is not None
    return Loss(account, call, roles, *read)


def evaluate(loss: Loss, beta: float | None = None, *, z: Tensor | None = None) -> Terms:
    return loss.evaluate(RAW, X, MU, LOGVAR, ZERO, z, beta)


def check(terms: Terms, *, beta: float = 1.0) -> None:
    expected = (RECONSTRUCTION + beta * KL, RECONSTRUCTION, KL)
    measured = (float(terms.total), float(terms.reconstruction), float(terms.kl))
    assert measured == pytest.approx(expected, rel=1e-6)  # numbers come back in single precision
    assert all(term.dim() == 0 for term in (terms.total, terms.reconstruction, terms.kl))


def total(raw: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    reconstruction, kl = both(raw, x, mu, logvar)
    return reconstruction + kl


ORDERS: dict[str, LossFunction] = {
    "(recon_x, x, mu, logvar)": lambda recon_x, x, mu, logvar: total(recon_x, x, mu, logvar),
    "(x, recon_x, mu, logvar)": lambda x, recon_x, mu, logvar: total(recon_x, x, mu, logvar),
    "(recon_x, x, logvar, mu)": lambda recon_x, x, logvar, mu: total(recon_x, x, mu, logvar),
    "(mu, logvar, x, x_hat)": lambda mu, logvar, x, x_hat: total(x_hat, x, mu, logvar),
    "(x_hat, x, mean, log_var)": lambda x_hat, x, mean, log_var: total(x_hat, x, mean, log_var),
    "(inputs, outputs, z_mean, z_log_var)": lambda inputs, outputs, z_mean, z_log_var: total(outputs, inputs, z_mean, z_log_var),
    "(target, reconstruction, mu, log_sigma)": lambda target, reconstruction, mu, log_sigma: total(reconstruction, target, mu, log_sigma),
    "(images, pred, means, logvars)": lambda images, pred, means, logvars: total(pred, images, means, logvars),
    "(a, b, c, d), whose names say nothing": lambda a, b, c, d: total(a, b, c, d),
    "(output, x, mu, logvar, reduction='sum')": lambda output, x, mu, logvar, reduction="sum": total(output, x, mu, logvar),
    "(*args)": lambda *args: total(*args),
    "(*args, **kwargs)": lambda *args, **kwargs: total(*args, **kwargs),
}


@pytest.mark.parametrize("function", ORDERS.values(), ids=ORDERS.keys())
def test_argument_orders(function: LossFunction) -> None:
    loss = found(function)
    assert loss.returns is Returns.SCALAR
    check(evaluate(loss))


def test_a_code_among_the_arguments() -> None:
    seen = []

    def loss_function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        seen.append(z)
        return total(recon_x, x, mu, logvar)

    code = torch.ones_like(MU)
    loss = found(loss_function)
    check(evaluate(loss, z=code))
    assert torch.equal(seen[2], code)  # behind the two calls that read what it returns
    assert seen[2] is not code  # what a loss changes in place is its own


def form(make: Callable[[Tensor, Tensor], Any]) -> LossFunction:
    return lambda recon_x, x, mu, logvar: make(*both(recon_x, x, mu, logvar))


FORMS: dict[str, tuple[LossFunction, Returns]] = {
    "scalar": (form(lambda r, k: r + k), Returns.SCALAR),
    "(total, recon, kl)": (form(lambda r, k: (r + k, r, k)), Returns.TERMS),
    "(total, kl, recon)": (form(lambda r, k: (r + k, k, r)), Returns.TERMS),
    "(recon, kl, total)": (form(lambda r, k: (r, k, r + k)), Returns.TERMS),
    "(kl, recon, total)": (form(lambda r, k: (k, r, r + k)), Returns.TERMS),
    "[total, recon, kl]": (form(lambda r, k: [r + k, r, k]), Returns.TERMS),
    "(total, recon, kl, more)": (form(lambda r, k: (r + k, r, k, r)), Returns.TERMS),
    "(total, numbers)": (form(lambda r, k: (r + k, float(r), float(k))), Returns.TERMS),
    "(recon, kl)": (form(lambda r, k: (r, k)), Returns.PAIR),
    "(kl, recon)": (form(lambda r, k: (k, r)), Returns.PAIR),
    "dict": (form(lambda r, k: {"loss": r + k, "reconstruction_loss": r, "kl_loss": k}), Returns.TERMS),
    "dict of other names": (form(lambda r, k: {"KLD": k, "bce": r, "total_loss": r + k}), Returns.TERMS),
    "dict without total": (form(lambda r, k: {"recon": r, "kl": k}), Returns.PAIR),
}


@pytest.mark.parametrize(("function", "returns"), FORMS.values(), ids=FORMS.keys())
def test_what_is_returned_and_in_which_order(function: LossFunction, returns: Returns) -> None:
    loss = found(function)
    assert loss.returns is returns
    check(evaluate(loss))


@pytest.mark.parametrize(
    "make",
    [
        lambda recon, kl: {"loss": recon + kl, "Reconstruction_Loss": recon, "KLD": -kl},
        lambda recon, kl: (recon + kl, recon, -kl),
        lambda recon, kl: (recon, -kl, recon + kl),
    ],
    ids=["dict with -kl", "(total, recon, -kl)", "(recon, -kl, total)"],
)
def test_negated_forms_keep_their_places(make: Callable[[Tensor, Tensor], Any]) -> None:
    """A KL of the wrong sign is for the claims to find, so it must not be taken for another term."""
    terms = evaluate(found(form(make)))
    assert float(terms.total) == pytest.approx(RECONSTRUCTION + KL)
    assert float(terms.reconstruction) == pytest.approx(RECONSTRUCTION)
    assert float(terms.kl) == pytest.approx(-KL)


def test_one_value_an_item_is_averaged() -> None:
    check(evaluate(found(lambda recon_x, x, mu, logvar: cross_entropy(recon_x, x) + divergence(mu, logvar))))
    check(
        evaluate(
            found(
                lambda recon_x, x, mu, logvar: (
                    cross_entropy(recon_x, x) + divergence(mu, logvar),
                    cross_entropy(recon_x, x),
                    divergence(mu, logvar),
                )
            )
        )
    )


BETAS: dict[str, LossFunction] = {
    "beta": lambda recon_x, x, mu, logvar, beta=1.0: form_with(recon_x, x, mu, logvar, beta),
    "kl_weight": lambda recon_x, x, mu, logvar, kl_weight=1.0: form_with(recon_x, x, mu, logvar, kl_weight),
    "kld_weight": lambda recon_x, x, mu, logvar, kld_weight=1.0: form_with(recon_x, x, mu, logvar, kld_weight),
    "kl_coeff": lambda recon_x, x, mu, logvar, kl_coeff=1.0: form_with(recon_x, x, mu, logvar, kl_coeff),
    "klweight": lambda recon_x, x, mu, logvar, klweight=1.0: form_with(recon_x, x, mu, logvar, klweight),
    "BETA": lambda recon_x, x, mu, logvar, BETA=1.0: form_with(recon_x, x, mu, logvar, BETA),
    "keyword only": lambda recon_x, x, mu, logvar, *, beta=1.0: form_with(recon_x, x, mu, logvar, beta),
    "of four that say nothing": lambda a, b, c, d, beta=1.0: form_with(a, b, c, d, beta),
}


def form_with(raw: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor]:
    reconstruction, kl = both(raw, x, mu, logvar)
    return reconstruction + beta * kl, reconstruction, kl


@pytest.mark.parametrize("function", BETAS.values(), ids=BETAS.keys())
def test_beta_under_its_names(function: LossFunction) -> None:
    loss = found(function)
    assert loss.takes_beta
    check(evaluate(loss))
    check(evaluate(loss, 0.25), beta=0.25)
    check(evaluate(loss, 0.0), beta=0.0)


def test_a_scalar_loss_that_takes_beta() -> None:
    """Its KL term comes with the factor that it was given."""
    terms = evaluate(found(lambda recon_x, x, mu, logvar, beta=1.0: form_with(recon_x, x, mu, logvar, beta)[0]), 3.0)
    assert float(terms.total) == pytest.approx(RECONSTRUCTION + 3 * KL)
    assert float(terms.reconstruction) == pytest.approx(RECONSTRUCTION)


@pytest.mark.parametrize(
    "name",
    ["scalar", "(total, recon, kl)", "(recon, kl, total)", "(recon, kl)", "(kl, recon)", "dict", "dict without total"],
)
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 4.0])
def test_a_loss_without_beta_is_weighed_from_outside(name: str, beta: float) -> None:
    loss = found(FORMS[name][0])
    assert not loss.takes_beta
    check(evaluate(loss, beta), beta=beta)


@pytest.mark.parametrize(
    "function",
    [
        lambda: None,
        lambda x: x,
        lambda mu, logvar: mu,
        lambda recon_x, x, mu, logvar, optimizer, epoch: x,
        lambda model, loader, epochs: model,
    ],
    ids=["none", "one", "two", "two more required", "a training function"],
)
def test_functions_that_are_no_loss_of_four(function: LossFunction) -> None:
    function.__module__ = "student"
    assert list(loss_candidates(object(), SimpleNamespace(__name__="student", train_loss=function))) == []


def test_methods_go_before_functions_and_imported_functions_are_left_out() -> None:
    def vae_loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return total(recon_x, x, mu, logvar)

    def imported_loss(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return total(recon_x, x, mu, logvar)

    vae_loss.__module__ = "student"
    imported_loss.__module__ = "elsewhere"
    namespace = SimpleNamespace(__name__="student", vae_loss=vae_loss, imported_loss=imported_loss, plain=vae_loss)
    model = type("Model", (), {"loss_function": lambda self, recon_x, x, mu, logvar: x})()
    assert [candidate.account for candidate in loss_candidates(model, namespace)] == [
        "method loss_function",
        "function vae_loss",
    ]


def test_other_words_for_a_loss_go_last_and_a_word_that_the_user_gives_is_one() -> None:
    def made(name: str) -> Callable[..., Tensor]:
        def function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
            return total(recon_x, x, mu, logvar)

        function.__module__ = "student"
        function.__name__ = name
        return function

    names = ("negative_bound", "score", "boundary", "free_energy", "vae_loss")
    namespace = SimpleNamespace(__name__="student", **{name: made(name) for name in names})
    accounts = [candidate.account for candidate in loss_candidates(object(), namespace)]
    assert accounts == ["function vae_loss", "function negative_bound", "function free_energy"]
    named = [candidate.account for candidate in loss_candidates(object(), namespace, ("score",))]
    assert named == ["function vae_loss", "function score", "function negative_bound", "function free_energy"]


def test_arguments_that_are_named_as_forward_names_its_entries_are_those() -> None:
    def train_loss(pixels: Tensor, x: Tensor, center: Tensor, spread: Tensor, draw: Tensor) -> Tensor:
        return total(pixels, x, center, spread)

    train_loss.__module__ = "student"
    namespace = SimpleNamespace(__name__="student", train_loss=train_loss)
    assert list(loss_candidates(object(), namespace)) == []
    own = Returned({"pixels": "raw", "center": "mu", "spread": "logvar", "draw": "z"})
    (candidate,) = loss_candidates(object(), namespace, own=own)
    roles = {"raw": "pixels", "x": "x", "mu": "center", "logvar": "spread", "z": "draw"}
    assert (candidate.signature.roles, candidate.signature.guessed) == (roles, False)


def test_one_argument_whose_name_says_nothing_is_what_the_others_leave() -> None:
    def compute_cost(features: Tensor, z_mean: Tensor, z_log_var: Tensor, decoded: Tensor, kl_weight: float = 1.0) -> Tensor:
        return total(decoded, features, z_mean, z_log_var) * kl_weight

    compute_cost.__module__ = "student"
    (candidate, *_) = loss_candidates(object(), SimpleNamespace(__name__="student", compute_cost=compute_cost))
    roles = {"x": "features", "mu": "z_mean", "logvar": "z_log_var", "raw": "decoded", "beta": "kl_weight"}
    assert (candidate.signature.roles, list(candidate.signature.roles), candidate.signature.guessed) == (roles, list(roles), True)


@pytest.mark.parametrize("result", [None, "text", (), (SimpleNamespace(),), {"other": "text"}, {"a": 1.0, "b": None}], ids=repr)
def test_returns_that_nobody_can_read(result: Any) -> None:
    assert read_returns(result, result) is None


def test_a_dict_whose_names_say_nothing_is_read_by_its_values() -> None:
    assert read_returns({"eins": 1.0}, {"eins": 2.0}) == (Returns.SCALAR, ("eins",) * 3)
    first, code, output = ({"a": a, "b": b} for a, b in ((3.0, 2.0), (4.0, 2.0), (5.0, 4.0)))
    assert read_returns(first, code, output) == (Returns.PART, ("a", "b", None))
    three = ({"ab": 1.0, "g": 5.0, "k": 4.0}, {"ab": 1.0, "g": 7.0, "k": 6.0})
    assert read_returns(*three) == (Returns.TERMS, ("g", "ab", "k"))


# the loss that the suite supplies


@pytest.mark.parametrize("likelihood", list(Likelihood))
def test_the_supplied_loss_is_the_elbo(likelihood: Likelihood) -> None:
    loss = supplied_loss(likelihood)
    assert loss.supplied
    assert str(likelihood) in loss.account
    output = torch.logit(RAW[0]) if likelihood.takes_logits else RAW[0]
    raw = (output, unit_variance(likelihood, output)) if likelihood.pair else (output,)
    squared = likelihood.pair or likelihood is Likelihood.SQUARED_ERROR
    expected = (X - RAW[0]).square().sum() / 8 if squared else cross_entropy(RAW[0], X).mean()
    if likelihood is Likelihood.LAPLACE:
        expected = (X - RAW[0]).abs().sum() / 4
    if likelihood.continuous_bernoulli:
        expected = -ContinuousBernoulli(RAW[0].double()).log_prob(X.double()).sum() / 4
    for beta in (None, 0.0, 2.0):
        terms = loss.evaluate(raw, X, MU, LOGVAR, ZERO, None, beta)
        assert float(terms.reconstruction) == pytest.approx(float(expected), rel=1e-5)
        assert float(terms.kl) == pytest.approx(KL)
        assert float(terms.total) == pytest.approx(float(expected) + (1.0 if beta is None else beta) * KL, rel=1e-5)
