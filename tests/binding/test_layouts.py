"""What forward returns where: tuples, dicts, records and distributions, with an encode to compare them with and without one."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from binding_samples import Bound, Layers, Native, bound, cross_entropy, divergence, noisy, standings
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal, kl_divergence

from vae_conformance.errors import Unbound
from vae_spec.subject import Likelihood, Mode, Noise, Part, Standing

X = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
Make = Callable[[Any], Any]


def returning(make: Make, base: type[Layers] = Native) -> type[Layers]:
    """A model whose forward returns what is made of its tensors; `Layers` has no encode, decode or loss beside it."""

    def forward(self: Layers, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        z = noisy(mu, logvar)
        recon = self.layers(z).view_as(x)
        return make(SimpleNamespace(recon=recon, mu=mu, logvar=logvar, z=z, x=x, loss=recon.mean() + divergence(mu, logvar).mean()))

    return type("Returning", (base,), {"forward": forward})


def assert_told(subject: Bound) -> None:
    """The output, mu and logvar are those of the model's own layers."""
    passed = subject.forward(X, Noise.none(), mode=Mode.EVAL)
    mu, logvar = (head.detach() for head in subject.model.heads(X))
    torch.testing.assert_close(passed.mu, mu)
    torch.testing.assert_close(passed.logvar, logvar)
    torch.testing.assert_close(subject.data(passed.raw).reshape(4, 64), subject.model.layers(mu).detach())


TUPLES: dict[str, Make] = {
    "(recon, mu, logvar)": lambda e: (e.recon, e.mu, e.logvar),
    "(mu, logvar, recon)": lambda e: (e.mu, e.logvar, e.recon),
    "(recon, mu, logvar, z)": lambda e: (e.recon, e.mu, e.logvar, e.z),
    "(recon, z, mu, logvar)": lambda e: (e.recon, e.z, e.mu, e.logvar),
    "(z, recon, mu, logvar)": lambda e: (e.z, e.recon, e.mu, e.logvar),
    "(mu, logvar, z, recon)": lambda e: (e.mu, e.logvar, e.z, e.recon),
    "[recon, x, mu, logvar]": lambda e: [e.recon, e.x, e.mu, e.logvar],
    "[x, recon, mu, logvar]": lambda e: [e.x, e.recon, e.mu, e.logvar],
    "[recon, x, mu, logvar, z]": lambda e: [e.recon, e.x, e.mu, e.logvar, e.z],
    "(recon, (mu, logvar))": lambda e: (e.recon, (e.mu, e.logvar)),
    "((mu, logvar), (recon,))": lambda e: ((e.mu, e.logvar), (e.recon,)),
    "(z, (mu, logvar), recon)": lambda e: (e.z, (e.mu, e.logvar), e.recon),
    "(recon, mu, logvar, loss)": lambda e: (e.recon, e.mu, e.logvar, e.loss),
    "(loss, recon, mu, logvar)": lambda e: (e.loss, e.recon, e.mu, e.logvar),
    "(recon, logvar, mu)": lambda e: (e.recon, e.logvar, e.mu),
    "flat output": lambda e: (e.recon.flatten(1), e.mu, e.logvar),
}


@pytest.mark.parametrize("make", TUPLES.values(), ids=TUPLES.keys())
@pytest.mark.parametrize("base", [Native, Layers], ids=["with encode", "without encode"])
def test_output_mu_and_logvar_are_told_wherever_they_stand(make: Make, base: type[Layers]) -> None:
    assert_told(bound(returning(make, base)))


KEYS = [
    ("recon", "mu", "logvar"),
    ("x_hat", "mean", "log_var"),
    ("reconstruction", "z_mean", "z_log_var"),
    ("recon_x", "mu", "log_sigma"),
    ("output", "loc", "lv"),
    ("x_recon", "mu", "std"),
    ("logits", "mu", "logvar"),
]


@pytest.mark.parametrize("keys", KEYS, ids=" ".join)
@pytest.mark.parametrize("base", [Native, Layers], ids=["with encode", "without encode"])
def test_a_dict_is_read_by_its_keys(keys: tuple[str, str, str], base: type[Layers]) -> None:
    raw, mu, logvar = keys
    subject = bound(returning(lambda e: {"z": e.z, logvar: e.logvar, raw: e.recon, mu: e.mu, "loss": e.loss}, base))
    assert_told(subject)
    assert subject.facts.parts[Part.FORWARD].account == f"forward(x): output at {raw}, mu at {mu}, logvar at {logvar}"


def test_a_dict_with_a_loss_and_an_input_keeps_them_apart() -> None:
    assert_told(bound(returning(lambda e: {"x": e.x, "recon_loss": e.loss, "x_recon": e.recon, "mu": e.mu, "logvar": e.logvar})))


@pytest.mark.parametrize("make", [lambda e: e.recon, lambda e: (e.recon,), lambda e: {"recon": e.recon}], ids=["tensor", "tuple", "dict"])
def test_the_reconstruction_alone_takes_mu_and_logvar_from_encode(make: Make) -> None:
    subject = bound(returning(make))
    assert standings(subject)[Part.FORWARD] is standings(subject)[Part.POSTERIOR] is Standing.PRESENT
    assert_told(subject)


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda e: (e.recon, (e.mu, e.logvar)), "output at 0, mu at 1.0, logvar at 1.1"),
        (lambda e: [e.x, e.recon, e.mu, e.logvar], "output at 1, mu at 2, logvar at 3"),
        (lambda e: e.recon, "output at the whole"),
    ],
)
def test_the_account_says_where_each_entry_stands(make: Make, where: str) -> None:
    assert bound(returning(make)).facts.parts[Part.FORWARD].account.startswith(f"forward(x): {where}")


@pytest.mark.parametrize(
    "make",
    [lambda _e: None, lambda _e: "text", lambda e: {"note": "text"}, lambda e: (e.mu.sum(), "text"), lambda e: e.loss],
    ids=["none", "text", "dict of text", "scalar and text", "the loss"],
)
@pytest.mark.parametrize("base", [Native, Layers], ids=["with encode", "without encode"])
def test_what_forward_does_not_return_is_seen_where_its_layers_run(make: Make, base: type[Layers]) -> None:
    assert_told(bound(returning(make, base)))


def test_a_forward_that_neither_returns_an_output_nor_runs_a_layer_of_its_size_is_refused() -> None:
    class Alone(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.mean()

    with pytest.raises(Unbound, match="returns no output that could be identified"):
        bound(Alone, input_shape=(1, 8, 8))


def test_a_code_of_the_inputs_own_size_is_not_the_output() -> None:
    class Points(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head, self.second, self.layers = (nn.Linear(3, 3) for _ in range(3))

        def forward(self, x: Tensor) -> Any:
            mu, logvar = self.head(x), self.second(x)
            return self.layers(noisy(mu, logvar)), mu, logvar

    subject = bound(Points)
    x = torch.rand(4, 3)
    passed = subject.forward(x, Noise.none())
    torch.testing.assert_close(passed.mu, subject.model.head(x).detach())
    torch.testing.assert_close(passed.raw[0], subject.model.layers(passed.mu).detach())


# records and distributions


Named = namedtuple("Named", "recon q")  # noqa: PYI024
Odd = namedtuple("Odd", "recon first second")  # noqa: PYI024


def test_heads_of_odd_names_beside_a_named_output_are_those_of_encode() -> None:
    subject = bound(returning(lambda e: Odd(e.recon, e.mu, e.logvar)))
    assert_told(subject)
    assert "output at recon, mu at first, logvar at second" in subject.facts.parts[Part.FORWARD].account


def normal(e: Any) -> Normal:
    return Normal(e.mu, torch.exp(0.5 * e.logvar))


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda e: Named(e.recon, normal(e)), "output at recon, posterior at q"),
        (lambda e: (Normal(e.recon, torch.ones_like(e.recon)), normal(e)), "output at 0, posterior at 1"),
        (lambda e: (Bernoulli(probs=e.recon), Independent(normal(e), 1)), "output at 0, posterior at 1"),
    ],
    ids=["beside a named output", "beside a normal output", "beside a bernoulli output"],
)
def test_a_distribution_beside_the_output_is_the_posterior(make: Make, where: str) -> None:
    subject = bound(returning(make, Layers))
    assert_told(subject)
    assert where in subject.facts.parts[Part.FORWARD].account


def test_a_normal_as_output_is_its_mean_and_log_variance() -> None:
    subject = bound(returning(lambda e: (Normal(e.recon, torch.full_like(e.recon, 2.0)), normal(e)), Layers))
    raw = subject.forward(X, Noise.none()).raw
    torch.testing.assert_close(raw[1], torch.full_like(raw[1], 1.3862944))


def test_a_mean_and_a_variance_as_output_are_both_kept() -> None:
    def decode(self: Layers, z: Tensor) -> Any:
        mean = self.layers(z).view(-1, 1, 8, 8)
        return [mean, 0.1 * mean]

    def forward(self: Any, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    subject = bound(type("Pair", (Native,), {"decode": decode, "forward": forward, "loss": None}))
    passed = subject.forward(X, Noise.none())
    torch.testing.assert_close(passed.raw[1], 0.1 * passed.raw[0])
    assert subject.facts.parts[Part.FORWARD].account == "forward(x): output at 0, mu at 1, logvar at 2"


# what encode returns


def encoding(make: Callable[[Tensor, Tensor], Any]) -> type[Native]:
    """A model whose encode returns what is made of the two heads; its forward does everything inline."""

    def encode(self: Layers, x: Tensor) -> Any:
        return make(*self.heads(x))

    return type("Encoding", (returning(lambda e: (e.recon, e.mu, e.logvar)),), {"encode": encode})


PAIRS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "tuple": lambda mu, logvar: (mu, logvar),
    "list": lambda mu, logvar: [mu, logvar],
    "dict": lambda mu, logvar: {"mu": mu, "logvar": logvar},
    "dict in another order": lambda mu, logvar: {"logvar": logvar, "mean": mu, "z": mu + 1},
    "normal": lambda mu, logvar: Normal(mu, torch.exp(0.5 * logvar)),
    "independent": lambda mu, logvar: Independent(Normal(mu, torch.exp(0.5 * logvar)), 1),
    "a code behind them": lambda mu, logvar: (mu, logvar, noisy(mu, logvar)),
}


@pytest.mark.parametrize("make", PAIRS.values(), ids=PAIRS.keys())
def test_encode_gives_mu_and_logvar_in_any_form(make: Callable[[Tensor, Tensor], Any]) -> None:
    subject = bound(encoding(make))
    mu, logvar = (head.detach() for head in subject.model.heads(X))
    posterior = subject.posterior(X)
    torch.testing.assert_close(posterior.mu, mu)
    torch.testing.assert_close(posterior.logvar, logvar)
    assert subject.facts.parts[Part.POSTERIOR].account.startswith("encode(x) gives ")


NO_PAIRS: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "tensor": lambda mu, _logvar: mu,
    "one": lambda mu, _logvar: (mu,),
    "unlike shapes": lambda mu, logvar: (mu, logvar[:, :2]),
    "none inside": lambda mu, _logvar: (mu, None),
    "scalars": lambda mu, logvar: (mu.sum(), logvar.sum()),
    "dict without them": lambda mu, _logvar: {"code": mu},
    "none": lambda _mu, _logvar: None,
}


@pytest.mark.parametrize("make", NO_PAIRS.values(), ids=NO_PAIRS.keys())
def test_what_is_no_pair_is_not_taken_for_mu_and_logvar(make: Callable[[Tensor, Tensor], Any]) -> None:
    subject = bound(encoding(make))
    torch.testing.assert_close(subject.posterior(X).mu, subject.model.heads(X)[0].detach())
    assert not subject.facts.parts[Part.POSTERIOR].account.startswith("encode(x)")


# what a loss is asked of it


def test_a_distribution_pair_is_bound_whole() -> None:
    class Distributions(Layers):
        def encode(self, x: Tensor) -> Normal:
            mu, logvar = self.heads(x)
            return Normal(mu, torch.exp(0.5 * logvar))

        def decode(self, z: Tensor) -> Tensor:
            return self.layers(z).view(-1, 1, 8, 8)

        def forward(self, x: Tensor) -> Any:
            q = self.encode(x)
            return self.decode(q.rsample()), q

        def loss(self, x_hat: Tensor, x: Tensor, q: Normal) -> Tensor:
            return cross_entropy(x_hat, x).mean() + kl_divergence(q, Normal(0.0, 1.0)).sum(1).mean()

    subject = bound(Distributions)
    found = standings(subject)
    assert found[Part.POSTERIOR] is found[Part.FORWARD] is found[Part.DECODE] is found[Part.LOSS] is Standing.PRESENT
    assert subject.facts.likelihood is Likelihood.BERNOULLI
    assert_told(subject)


def test_a_pair_in_the_other_order_is_told_from_the_noise() -> None:
    class Swapped(Native):
        def encode(self, x: Tensor) -> Any:
            mu, logvar = self.heads(x)
            return logvar, mu

        def forward(self, x: Tensor) -> Any:
            logvar, mu = self.encode(x)
            return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    subject = bound(Swapped)
    torch.testing.assert_close(subject.posterior(X).mu, subject.model.heads(X)[0].detach())
    assert any("taken for mu" in note for note in subject.facts.notes)
