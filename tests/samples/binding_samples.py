"""Small implementations for the tests of the binding, and a helper to bind them."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, SimpleNamespace
from typing import Any, Protocol, runtime_checkable

import torch
from named import named_options
from torch import Tensor, nn
from torch.nn import functional as F

from vae_conformance.binding.bind import bind
from vae_conformance.target.target import Target
from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Verdict
from vae_spec.registry import CLAIMS
from vae_spec.subject import Part, Standing, Subject, Terms

HOME = "student"
"""The name of a bound class's module."""
SPELLINGS = (
    "reparameterize",
    "reparametrize",
    "reparameterise",
    "reparameterzie",
    "reparameterization",
    "reparametrization",
    "reparam",
    "sampling",
    "sample",
    "sample_normal",
    "sample_z",
    "sample_gaussian",
    "z",
    "add_noise",
    "parameterize",
    "_sample",
)
"""Names that public implementations give the sampling step."""

RNG = torch.Generator().manual_seed(1)
X = torch.rand(4, 1, 8, 8, generator=RNG)
MU, LOGVAR, Z, COTANGENT = (torch.randn(4, 3, generator=RNG) for _ in range(4))
RAW = (torch.rand(4, 1, 8, 8, generator=RNG),)
"""Four items of 8x8 with posteriors, codes and outputs of three dimensions."""


@runtime_checkable  # binding asks of each class beside a model whether the model is one
class Bound(Subject, Protocol):
    """What binding gives: a Subject, the model behind it, and what its training asks of it."""

    model: Any

    def construct(self) -> object:
        """A new instance."""

    def objective(self, x: Tensor, beta: float) -> tuple[Terms, Tensor]:
        """The loss of a batch and the analytic KL."""


def _at_home(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a copy of a function that belongs to the module of a bound class; a copy, because other tests bind the original."""
    if not isinstance(function, FunctionType):
        function.__module__ = HOME
        return function
    copy = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy.__module__, copy.__doc__ = HOME, function.__doc__
    copy.__kwdefaults__, copy.__annotations__ = function.__kwdefaults__, function.__annotations__
    return copy


def bound(made: type[nn.Module] | nn.Module | Callable[[], object], *functions: Callable[..., Any], **options: Any) -> Bound:
    """Bind a class, a factory or an instance, together with the functions of its module."""
    namespace = SimpleNamespace(__name__=HOME)
    for function in functions:
        setattr(namespace, function.__name__, _at_home(function))
    ready = isinstance(made, nn.Module)
    name = f"student.py:{type(made).__name__ if ready else getattr(made, '__name__', 'make')}"
    make, instance = (None, made) if ready else (made, None)
    target = Target("student.py", name, namespace, make, instance, None, ())  # type: ignore[arg-type]
    return bind(target, named_options("student.py", **options))


def standings(subject: Subject) -> dict[Part, Standing]:
    """How each part stands."""
    return {part: report.standing for part, report in subject.facts.parts.items()}


def verdict(claim: str, subject: Subject) -> Verdict:
    """The verdict of one exact claim."""
    return ask(CLAIMS[claim], subject, ClaimContext(claim, seed=0, examples=3))


def second_head(subject: Subject) -> str:
    """What the account says that the second head is: a log-variance where it says nothing."""
    said = [note for note in subject.facts.notes if note.startswith("the second head is a ")]
    return said[0].removeprefix("the second head is a ").partition(":")[0] if said else "log-variance"


class Layers(nn.Module):
    """The layers that the samples share: 64-16-3-16-64, for 8x8 images, with a sigmoid at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(64, 16)
        self.head = nn.Linear(16, 3)
        self.second = nn.Linear(16, 3)
        self.layers = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 64), nn.Sigmoid())

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(self.hidden(x.flatten(1)))
        return self.head(h), self.second(h)


def noisy(mu: Tensor, logvar: Tensor) -> Tensor:
    return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)


def divergence(mu: Tensor, logvar: Tensor) -> Tensor:
    """Return the KL of each item."""
    return -0.5 * (1 + logvar - mu**2 - logvar.exp()).sum(1)


def cross_entropy(x_hat: Tensor, x: Tensor) -> Tensor:
    """Return the reconstruction term of each item."""
    return F.binary_cross_entropy(x_hat, x.reshape(x_hat.shape), reduction="none").flatten(1).sum(1)


class Native(Layers):
    """A VAE with every part that the suite knows, under the documents' names."""

    latent_dim = 3

    def encode(self, x: Tensor) -> Any:
        return self.heads(x)

    def reparameterize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return noisy(mu, logvar)

    def decode(self, z: Tensor) -> Any:
        return self.layers(z).view(-1, 1, 8, 8)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar)), mu, logvar

    def loss(self, x_hat: Any, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
        reconstruction, kl = cross_entropy(x_hat, x).mean(), divergence(mu, logvar).mean()
        return reconstruction + beta * kl, reconstruction, kl


class Script(Layers):
    """The model of a script: flat images, and the loss as a function of the module."""

    def encode(self, x: Tensor) -> Any:
        return self.heads(x)

    def reparametrize(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return noisy(mu, logvar)

    def decode(self, z: Tensor) -> Any:
        return self.layers(z)

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x.view(-1, 64))
        return self.decode(self.reparametrize(mu, logvar)), mu, logvar


def loss_function(recon_x: Tensor, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    return cross_entropy(recon_x, x).sum() + divergence(mu, logvar).sum()


class Inline(Layers):
    """A VAE with encoder, sampling and decoder inline in forward, which returns the entries that `order` names by letter."""

    order = "rml"

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        z = noisy(mu, logvar)
        entries = {"r": self.layers(z).view_as(x), "m": mu, "l": logvar, "z": z, "x": x}
        return tuple(entries[letter] for letter in self.order)


class ByMatrices(Layers):
    """A VAE with everything inline, in which no layer takes z."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 64))

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(x)
        return torch.sigmoid(noisy(mu, logvar) @ self.weight).view_as(x), mu, logvar

    loss = Native.loss


def inline(order: str) -> type[Inline]:
    return type("Inline", (Inline,), {"order": order})


class BatchNormed(Native):
    """A VAE with BatchNorm in the encoder."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(16)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(self.norm(self.hidden(x.flatten(1))))
        return self.head(h), self.second(h)


def without(*parts: str) -> type[nn.Module]:
    """Return `Native` without some of its methods; forward, if kept, does everything inline."""
    methods = {name: value for name, value in vars(Native).items() if not name.startswith("__") and name not in parts}
    if "forward" not in parts:
        methods |= {"forward": Inline.forward, "order": "rml"}
    return type("Without" + "".join(parts).title(), (Layers,), methods)
