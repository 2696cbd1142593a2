"""A loss and how it is evaluated, whatever it takes and returns; and the ELBO that stands in where there is none."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.knobs import Knob
from vae_conformance.binding.loss_arguments import Kind
from vae_conformance.binding.loss_search import METHOD_NAMES
from vae_conformance.binding.returns import Returns, entries
from vae_spec.elbo import closed_form_kl, negative_log_likelihood
from vae_spec.subject import Likelihood, Raw, Terms


def behind(own: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """A call that names the author's own code that it stands around, so that people can be sent there."""
    call.__wrapped__ = own  # type: ignore[attr-defined]
    return call


BY_ORDER = "the order of its arguments, which its behaviour confirms"
"""How the arguments of a loss are identified whose parameters' names say nothing."""
_OUTPUTS = re.compile(r"out|res(ult)?s?$|^ret|recon|pred|hat$|^y$|forward|^r$", re.IGNORECASE)
_BOUND = re.compile(r"elbo|bound|evidence", re.IGNORECASE)
_NEGATED = re.compile(r"loss|neg|nelbo|minus", re.IGNORECASE)


@dataclass(frozen=True)
class Loss:
    """A loss that was found (or supplied), and how to call it.

    Attributes:
        account: for the report.
        call: the callable.
        roles: the names of its parameters by role, in positional order where a parameter takes no keyword; `raw` is the whole output, but
            its mean where its variance has a parameter of its own, the `spread`.
        returns: what it returns.
        order: for several values, the keys or indices of total, reconstruction and KL.
        supplied: whether the suite supplies it.
        needs_beta: whether beta has to be given.
        kl_alone: whether it is the model's KL beside a reconstruction term that the suite supplies.
        kind: what it is called with.
        known_by: how its arguments were told.
        of_ids: whether its x are the integers of tokens, of which the suite has one-hot rows.
        sign: -1 for an ELBO, which is to be maximised.
        knob: the attribute that holds its weight of the KL, where it takes none as an argument.
        turned: whether the KL stands beside the total with its sign turned, so that the total alone is read.
    """

    account: str
    call: Callable[..., Any]
    roles: Mapping[str, str]
    returns: Returns
    order: tuple[Any, Any, Any] = (0, 1, 2)
    supplied: bool = False
    needs_beta: bool = False
    kl_alone: bool = False
    kind: Kind = Kind.DIRECT
    known_by: str = ""
    of_ids: bool = False
    sign: float = 1.0
    knob: Knob | None = None
    turned: bool = False

    def signs(self) -> tuple[Loss, ...]:
        """The loss; behind it its negative, where its name is that of the ELBO and it is read as one number."""
        return (self, replace(self, sign=-1.0)) if self.returns is Returns.SCALAR and self.is_bound else (self,)

    @property
    def is_bound(self) -> bool:
        """Whether its name is that of the ELBO, which is to be maximised."""
        return bool(_BOUND.search(self.name)) and not _NEGATED.search(self.name)

    def adds_up(self, result: Any) -> bool:
        """Whether the total of a result is the sum of its terms."""
        total, reconstruction, kl = self._three(result)
        return bool(torch.isclose(total, reconstruction + kl, rtol=1e-4))

    @property
    def driven(self) -> bool:
        """Whether it is asked by way of the model."""
        return self.kind is not Kind.DIRECT

    @property
    def whole(self) -> bool:
        """Whether it takes what forward returns."""
        return self.kind is Kind.WHOLE

    @property
    def answers_for(self) -> bool:
        """Whether its failing is the author's: it takes the parts, or what forward returns by the names of itself and its parameter."""
        taken = self.account.partition("(")[2].rstrip(")").split(", ")
        plain = len(taken) > 2 or any(_OUTPUTS.search(name) for name in taken)
        return self.kind is Kind.DIRECT or (self.whole and (len(taken) > 3 or (self.by_name and plain)))

    @property
    def name(self) -> str:
        """Its own name, without what it is."""
        return self.account.partition("(")[0].rpartition(" ")[2]

    @property
    def by_name(self) -> bool:
        """Whether its name leaves no doubt that it is the whole loss."""
        return self.name in METHOD_NAMES

    @property
    def takes_beta(self) -> bool:
        """Whether beta can be given."""
        return "beta" in self.roles or self.knob is not None

    @cached_property
    def own_beta(self) -> float:
        """The number that beta is where nobody names it: its default, and 1 where that is none or 0. Betas count in units of it."""
        if self.knob is not None:
            return self.knob.value
        if not self.takes_beta:
            return 1.0
        call = self.call.forward if isinstance(self.call, nn.Module) else self.call
        try:
            parameter = inspect.signature(call).parameters.get(self.roles["beta"])
        except (TypeError, ValueError):
            return 1.0
        default = None if parameter is None else parameter.default
        if not isinstance(default, int | float) or isinstance(default, bool):
            return 1.0
        return float(default) if default > 0 else 1.0

    def evaluate(
        self,
        raw: Raw,
        x: Tensor,
        mu: Tensor,
        second: Tensor,
        neutral: Tensor,
        z: Tensor | None,
        beta: float | None,
        *,
        copies: bool = True,
    ) -> Terms:
        """The terms for one batch. `neutral` is the second head where sigma = 1: a scalar loss is split there.

        With `copies` the loss is handed such, because some losses change their arguments in place.
        """
        result = self.result(raw, x, mu, second, z, beta, copies=copies)
        if self.returns is Returns.SCALAR:
            apart = self.result(raw, x, torch.zeros_like(mu), neutral, z, beta, copies=copies)
            total, reconstruction = (self.sign * scalar(self._entry(one, self.order[0])) for one in (result, apart))
            kl = total - reconstruction
            if beta is not None and not self.takes_beta:
                total = reconstruction + beta * kl
            return Terms(total, reconstruction, kl)
        total, reconstruction, kl = self._three(result)
        if beta is not None and not self.takes_beta:
            total = total + (beta - 1) * (total - reconstruction)
        return Terms(total, reconstruction, kl)

    def _three(self, result: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Total, reconstruction and KL; of two that are given, the third is their sum or difference."""
        total, reconstruction, kl = (None if key is None else scalar(result[key]) for key in self.order)
        if reconstruction is not None and kl is not None:
            return reconstruction + kl if total is None else total, reconstruction, kl
        assert total is not None, "two values are a total and one of its terms, or both terms"
        if kl is not None:
            return total, total - kl, kl
        assert reconstruction is not None, "a total without a term is one scalar"
        return total, reconstruction, total - reconstruction

    @staticmethod
    def _entry(result: Any, key: Any) -> Any:
        return result[key] if key is not None and isinstance(result, tuple | list | Mapping) else result

    def result(self, raw: Raw, x: Tensor, mu: Tensor, second: Tensor, z: Tensor | None, beta: float | None, *, copies: bool = True) -> Any:
        """What the loss returns, without what cannot be a term."""
        if copies:
            raw, x, mu, second = tuple(one.clone() for one in raw), x.clone(), mu.clone(), second.clone()
            z = None if z is None else z.clone()
        x = x.argmax(-1) if self.of_ids else x
        output: Any = raw[0] if len(raw) == 1 and not self.driven else raw
        values = {"raw": output, "x": x, "mu": mu, "logvar": second, "z": mu if z is None else z, "batch": len(x)}
        if "spread" in self.roles:
            values |= zip(("raw", "spread"), raw, strict=True)
        positional = [values[role] for role in self.roles if role != "beta"]
        given = beta if beta is not None else 1.0 if self.needs_beta else None
        given = None if given is None else given * self.own_beta
        keywords = {self.roles["beta"]: given} if given is not None and "beta" in self.roles else {}
        turned = nullcontext() if given is None or self.knob is None else self.knob.turned(given)
        with turned:
            return entries(self.call(*positional, **keywords), len(x))


def scalar(value: Any) -> Tensor:
    """One number: one value an item is averaged."""
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(float(value))
    return tensor if tensor.dim() == 0 else tensor.mean()


def supplied_loss(likelihood: Likelihood) -> Loss:
    """The ELBO of a likelihood, summed over entries and dimensions and averaged over the batch, for implementations without a loss."""

    def elbo(raw: Any, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
        outputs = raw if isinstance(raw, tuple) else (raw,)
        reconstruction = negative_log_likelihood(likelihood, outputs, x).mean()
        kl = closed_form_kl(mu, logvar).mean()
        return reconstruction + beta * kl, reconstruction, kl

    roles = {"raw": "raw", "x": "x", "mu": "mu", "logvar": "logvar", "beta": "beta"}
    return Loss(
        f"none found: the suite supplies the ELBO with the {likelihood} likelihood",
        elbo,
        roles,
        Returns.TERMS,
        supplied=True,
    )
