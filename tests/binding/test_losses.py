"""Losses in the forms that people write: argument orders, what is returned and in which order, and where beta goes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from binding_samples import Bound, Layers, Native, Script, bound, cross_entropy, divergence, noisy, without
from torch import Tensor, nn
from torch.distributions import ContinuousBernoulli

from vae_conformance.errors import Unbound
from vae_spec.elbo import unit_variance
from vae_spec.subject import Likelihood, Part, Standing, Terms

GENERATOR = torch.Generator().manual_seed(0)
X = torch.rand(4, 64, generator=GENERATOR, dtype=torch.float64)
RAW = (torch.rand(4, 64, generator=GENERATOR, dtype=torch.float64),)
MU, LOGVAR = (torch.randn(4, 3, generator=GENERATOR, dtype=torch.float64) for _ in range(2))
RECONSTRUCTION, KL = float(cross_entropy(RAW[0], X).mean()), float(divergence(MU, LOGVAR).mean())

LossFunction = Callable[..., Any]


def both(raw: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
    return cross_entropy(raw, x).mean(), divergence(mu, logvar).mean()


def found(function: LossFunction) -> Bound:
    """A script's model with this function as the loss beside it."""
    function.__name__ = "loss_function"
    subject = bound(Script, function)
    assert subject.facts.parts[Part.LOSS].standing is Standing.PRESENT
    return subject


def evaluate(subject: Bound, beta: float | None = None, *, z: Tensor | None = None) -> Terms:
    return subject.terms(RAW, X, MU, LOGVAR, z=z, beta=beta)


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
    subject = found(function)
    assert subject.facts.parts[Part.LOSS].account.endswith("gives one scalar")
    check(evaluate(subject))


def test_a_code_among_the_arguments() -> None:
    seen = []

    def loss_function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
        seen.append(z)
        return total(recon_x, x, mu, logvar)

    code = torch.ones_like(MU)
    subject = found(loss_function)
    seen.clear()
    check(evaluate(subject, z=code))
    assert any(torch.equal(z, code) for z in seen)
    assert not any(z is code for z in seen)  # what a loss changes in place is its own


def form(make: Callable[[Tensor, Tensor], Any]) -> LossFunction:
    return lambda recon_x, x, mu, logvar: make(*both(recon_x, x, mu, logvar))


FORMS: dict[str, tuple[LossFunction, str]] = {
    "scalar": (form(lambda r, k: r + k), "one scalar"),
    "(total, recon, kl)": (form(lambda r, k: (r + k, r, k)), "total, reconstruction and KL"),
    "(total, kl, recon)": (form(lambda r, k: (r + k, k, r)), "total, reconstruction and KL"),
    "(recon, kl, total)": (form(lambda r, k: (r, k, r + k)), "total, reconstruction and KL"),
    "(kl, recon, total)": (form(lambda r, k: (k, r, r + k)), "total, reconstruction and KL"),
    "[total, recon, kl]": (form(lambda r, k: [r + k, r, k]), "total, reconstruction and KL"),
    "(total, recon, kl, more)": (form(lambda r, k: (r + k, r, k, r)), "total, reconstruction and KL"),
    "(total, numbers)": (form(lambda r, k: (r + k, float(r), float(k))), "total, reconstruction and KL"),
    "(recon, kl)": (form(lambda r, k: (r, k)), "reconstruction and KL"),
    "(kl, recon)": (form(lambda r, k: (k, r)), "reconstruction and KL"),
    "dict": (form(lambda r, k: {"loss": r + k, "reconstruction_loss": r, "kl_loss": k}), "total, reconstruction and KL"),
    "dict of other names": (form(lambda r, k: {"KLD": k, "bce": r, "total_loss": r + k}), "total, reconstruction and KL"),
    "dict whose total has any name": (form(lambda r, k: {"vae": r + k, "recon": r, "kl": k}), "total, reconstruction and KL"),
    "dict without total": (form(lambda r, k: {"recon": r, "kl": k}), "reconstruction and KL"),
}


@pytest.mark.parametrize(("function", "returns"), FORMS.values(), ids=FORMS.keys())
def test_what_is_returned_and_in_which_order(function: LossFunction, returns: str) -> None:
    subject = found(function)
    assert subject.facts.parts[Part.LOSS].account.endswith(f" gives {returns}")
    check(evaluate(subject))


@pytest.mark.parametrize(
    "make",
    [
        lambda recon, kl: {"loss": recon + kl, "Reconstruction_Loss": recon, "KLD": -kl},
        lambda recon, kl: (recon + kl, recon, -kl),
        lambda recon, kl: (recon, -kl, recon + kl),
    ],
    ids=["dict with -kl", "(total, recon, -kl)", "(recon, -kl, total)"],
)
def test_a_kl_whose_sign_is_turned_beside_the_total_is_read_from_the_total(make: Callable[[Tensor, Tensor], Any]) -> None:
    """What a training differentiates is right; a line of its log is not, which OBJ-01 says."""
    subject = found(form(make))
    terms = evaluate(subject)
    assert subject.facts.kl_turned
    assert float(terms.total) == pytest.approx(RECONSTRUCTION + KL)
    assert float(terms.reconstruction) == pytest.approx(RECONSTRUCTION)
    assert float(terms.kl) == pytest.approx(KL)


def test_a_kl_of_the_wrong_sign_in_the_total_keeps_its_place() -> None:
    terms = evaluate(found(form(lambda recon, kl: (recon - kl, recon, -kl))))
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
    subject = found(function)
    assert subject.facts.parts[Part.BETA].standing is Standing.PRESENT
    check(evaluate(subject))
    check(evaluate(subject, 0.25), beta=0.25)
    check(evaluate(subject, 0.0), beta=0.0)


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
    subject = found(FORMS[name][0])
    assert subject.facts.parts[Part.BETA].standing is Standing.REPLACED
    check(evaluate(subject, beta), beta=beta)


ONE_OF_TWO, ALL = "the total and one of its terms", "total, reconstruction and KL"
UNNAMED: dict[str, tuple[Callable[[Tensor, Tensor], Any], str]] = {
    "(total, kl)": (lambda r, k: (r + k, k), ONE_OF_TWO),
    "(kl, total)": (lambda r, k: (k, r + k), ONE_OF_TWO),
    "(total, recon)": (lambda r, k: (r + k, r), ONE_OF_TWO),
    "(recon, total)": (lambda r, k: (r, r + k), ONE_OF_TWO),
    "dict of two": (lambda r, k: {"a": r + k, "b": k}, ONE_OF_TWO),
    "dict of three": (lambda r, k: {"ab": k, "g": r + k, "k": r}, ALL),
    "dict of one": (lambda r, k: {"eins": r + k}, "one scalar"),
}


@pytest.mark.parametrize(("make", "returns"), UNNAMED.values(), ids=UNNAMED.keys())
def test_terms_that_no_name_tells_are_told_by_their_values(make: Callable[[Tensor, Tensor], Any], returns: str) -> None:
    subject = found(form(make))
    assert subject.facts.parts[Part.LOSS].account.endswith(f" gives {returns}")
    check(evaluate(subject))


@pytest.mark.parametrize("result", [None, "text", (), (SimpleNamespace(),), {"other": "text"}], ids=repr)
def test_a_loss_that_returns_nothing_that_could_be_one_ends_the_run(result: Any) -> None:
    with pytest.raises(Unbound, match="has the name of a loss and could not be called"):
        found(form(lambda _r, _k: result))


def test_a_loss_that_takes_none_of_its_arguments_ends_the_run() -> None:
    def train_loss(x: Tensor) -> Tensor:
        return x

    with pytest.raises(Unbound, match="it takes none of the arguments that losses take"):
        bound(Script, train_loss)


@pytest.mark.parametrize(
    "function",
    [
        lambda: None,
        lambda mu, logvar: mu,
        lambda recon_x, x, mu, logvar, optimizer, epoch: x,
        lambda model, loader, epochs: model,
    ],
    ids=["none", "two", "two more required", "a training function"],
)
def test_functions_that_are_no_loss_of_four(function: LossFunction) -> None:
    function.__name__ = "train_loss"
    assert bound(Script, function).facts.parts[Part.LOSS].standing is Standing.REPLACED


def beside(name: str, weight: float = 1.0) -> LossFunction:
    """A loss of this name, whose total is weighed."""

    def function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
        return weight * total(recon_x, x, mu, logvar)

    function.__name__ = name
    return function


def account(*functions: LossFunction, made: type[nn.Module] = Script, **options: Any) -> str:
    return bound(made, *functions, **options).facts.parts[Part.LOSS].account


def test_a_method_goes_before_a_function() -> None:
    class OfItsOwn(Script):
        def loss_function(self, recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
            return total(recon_x, x, mu, logvar)

    assert account(beside("vae_loss"), made=OfItsOwn).startswith("method loss_function(")


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (("negative_bound", "free_energy", "vae_loss"), "vae_loss"),
        (("negative_bound", "score"), "negative_bound"),
        (("free_energy", "boundary"), "free_energy"),
    ],
)
def test_other_words_for_a_loss_go_behind_the_word_itself(names: tuple[str, ...], taken: str) -> None:
    assert account(*map(beside, names)).startswith(f"function {taken}(")


@pytest.mark.parametrize("name", ["score", "boundary"])
def test_a_word_that_says_no_loss_is_one_where_the_user_gives_it(name: str) -> None:
    assert account(beside(name)).startswith("none found")
    assert account(beside(name), beside("vae_loss"), loss=name).startswith(f"function {name}(")


def test_arguments_that_are_named_as_forward_names_its_entries_are_those() -> None:
    class Odd(Layers):
        encode, decode = Script.encode, Script.decode

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            center, spread = self.encode(x)
            draw = noisy(center, spread)
            return {"pixels": self.decode(draw), "center": center, "spread": spread, "draw": draw}

    def train_loss(pixels: Tensor, x: Tensor, center: Tensor, spread: Tensor, draw: Tensor) -> Tensor:
        return total(pixels, x, center, spread) + 0 * draw.sum()

    subject = bound(Odd, train_loss)
    assert subject.facts.parts[Part.LOSS].account == "function train_loss(pixels, x, center, spread, draw) gives one scalar"
    check(evaluate(subject))


def test_one_argument_whose_name_says_nothing_is_what_the_others_leave() -> None:
    def compute_cost(features: Tensor, z_mean: Tensor, z_log_var: Tensor, decoded: Tensor, kl_weight: float = 1.0) -> Tensor:
        return form_with(decoded, features, z_mean, z_log_var, kl_weight)[0]

    subject = bound(Script, compute_cost)
    assert subject.facts.parts[Part.LOSS].account.startswith("function compute_cost(features, z_mean, z_log_var, decoded, kl_weight)")
    check(evaluate(subject))
    assert float(evaluate(subject, 2.0).total) == pytest.approx(RECONSTRUCTION + 2 * KL)


# the loss that the suite supplies


@pytest.mark.parametrize("likelihood", list(Likelihood))
def test_the_supplied_loss_is_the_elbo(likelihood: Likelihood) -> None:
    class Pair(without("loss")):  # type: ignore[misc]
        def decode(self, z: Tensor) -> Any:
            mean = Native.decode(self, z)  # type: ignore[arg-type]
            return mean, 0.1 * mean

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.encode(x)
            return self.decode(noisy(mu, logvar)), mu, logvar

    subject = bound(Pair if likelihood.pair else without("loss"), likelihood=str(likelihood))
    report = subject.facts.parts[Part.LOSS]
    assert report.standing is Standing.REPLACED
    assert str(likelihood) in report.account
    x, shown = X.view(4, 1, 8, 8), RAW[0].view(4, 1, 8, 8)
    output = torch.logit(shown) if likelihood.takes_logits else shown
    raw = (output, unit_variance(likelihood, output)) if likelihood.pair else (output,)
    squared = likelihood.pair or likelihood is Likelihood.SQUARED_ERROR
    expected = (x - shown).square().sum() / 8 if squared else cross_entropy(shown, x).mean()
    if likelihood is Likelihood.LAPLACE:
        expected = (x - shown).abs().sum() / 4
    if likelihood.of_counts:
        rate = output.exp() if likelihood is Likelihood.POISSON_LOG else output
        expected = (rate - x * rate.log()).sum() / 4
    if likelihood is Likelihood.CATEGORICAL:
        expected = -(x * output.log_softmax(-1)).sum() / 4
    if likelihood.continuous_bernoulli:
        expected = -ContinuousBernoulli(shown).log_prob(x).sum() / 4
    for beta in (None, 0.0, 2.0):
        terms = subject.terms(raw, x, MU, LOGVAR, beta=beta)
        assert float(terms.reconstruction) == pytest.approx(float(expected), rel=1e-5)
        assert float(terms.kl) == pytest.approx(KL, rel=1e-5)
        assert float(terms.total) == pytest.approx(float(expected) + (1.0 if beta is None else beta) * KL, rel=1e-5)
