"""The loss: where it stands, how it is called, what it returns; and the ELBO that stands in where there is none."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import torch
from torch import Tensor

from vae_spec.elbo import closed_form_kl, negative_log_likelihood
from vae_spec.subject import Likelihood, Raw, Terms

METHOD_NAMES = (
    "loss",
    "loss_function",
    "loss_fn",
    "compute_loss",
    "calculate_loss",
    "get_loss",
    "vae_loss",
    "elbo_loss",
    "elbo",
    "objective",
    "criterion",
)
_FUNCTION = re.compile(r"loss|elbo|criterion|objective", re.IGNORECASE)
_ROLES = {
    "beta": re.compile(
        r"^(beta|kl_?weight|kld_?weight|kl_?beta|kl_?coe?f+|kl_?lambda|m_n|kl_?scale|kl_?factor|kld_?beta|lambda_?kl)$", re.IGNORECASE
    ),
    "logvar": re.compile(r"log_?_?var|log_?sig|log_?std|^lv$|log_variance|^sigma|^std|z_?var", re.IGNORECASE),
    "mu": re.compile(r"^(z_?)?(mu|mean|loc|means)(_?z)?$", re.IGNORECASE),
    "raw": re.compile(
        r"recon|x_?hat|x_?rec|x_?out|output|decoded|pred|logits|x_?prime|^y$|x_tilde|x_bar|x_decoded|^out$|reproduc",
        re.IGNORECASE,
    ),
    "x": re.compile(r"^(x|inputs?|targets?|data|images?|imgs?|original|batch|real|x_?in|x_?true|xs|orig)$", re.IGNORECASE),
    "z": re.compile(r"^(z|latent|code)$", re.IGNORECASE),
}
_POSITIONS = ("raw", "x", "mu", "logvar")


class Returns(StrEnum):
    """What a loss returns: three terms, two, one scalar, or one value an item."""

    TERMS = "total, reconstruction and KL"
    PAIR = "reconstruction and KL"
    SCALAR = "one scalar"


@dataclass(frozen=True)
class Loss:
    """A loss that was found (or supplied), and how to call it.

    Attributes:
        account: for the report.
        call: the callable.
        roles: the names of its parameters by role, in positional order where a parameter takes no keyword.
        returns: what it returns.
        order: for several values, the keys or indices of total, reconstruction and KL.
        supplied: whether the suite supplies it.
    """

    account: str
    call: Callable[..., Any]
    roles: Mapping[str, str]
    returns: Returns
    order: tuple[Any, Any, Any] = (0, 1, 2)
    supplied: bool = False

    @property
    def takes_beta(self) -> bool:
        """Whether beta can be given."""
        return "beta" in self.roles

    def evaluate(self, raw: Raw, x: Tensor, mu: Tensor, second: Tensor, neutral: Tensor, z: Tensor | None, beta: float | None) -> Terms:
        """The terms for one batch. `neutral` is the second head where sigma = 1: a scalar loss is split there."""
        result = self._call(raw, x, mu, second, z, beta)
        if self.returns is Returns.SCALAR:
            total = _scalar(result)
            reconstruction = _scalar(self._call(raw, x, torch.zeros_like(mu), neutral, z, beta))
            kl = total - reconstruction
            if beta is not None and not self.takes_beta:
                total = reconstruction + beta * kl
            return Terms(total, reconstruction, kl)
        total_at, reconstruction_at, kl_at = self.order
        reconstruction, kl = _scalar(result[reconstruction_at]), _scalar(result[kl_at])
        total = reconstruction + kl if self.returns is Returns.PAIR else _scalar(result[total_at])
        if beta is not None and not self.takes_beta:
            total = total + (beta - 1) * (total - reconstruction)
        return Terms(total, reconstruction, kl)

    def _call(self, raw: Raw, x: Tensor, mu: Tensor, second: Tensor, z: Tensor | None, beta: float | None) -> Any:
        values: dict[str, Any] = {"raw": raw[0] if len(raw) == 1 else raw, "x": x, "mu": mu, "logvar": second}
        if "z" in self.roles:
            values["z"] = mu if z is None else z
        positional = [values[role] for role in self.roles if role in values]
        keywords = {self.roles["beta"]: beta} if beta is not None and self.takes_beta else {}
        return self.call(*positional, **keywords)


def _scalar(value: Any) -> Tensor:
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(float(value))
    return tensor if tensor.dim() == 0 else tensor.mean()


def _roles(call: Callable[..., Any]) -> dict[str, str] | None:
    """Which parameter is which, in the order of the signature; None where it cannot be a loss of (output, input, mu, logvar)."""
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError):
        return None
    if any(one.kind is one.VAR_POSITIONAL for one in parameters) and not [
        one for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD
    ]:
        return {role: role for role in _POSITIONS}
    positional = [one for one in parameters if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    found: dict[str, str] = {}
    for one in positional:
        role = next((role for role, pattern in _ROLES.items() if role not in found and pattern.search(one.name)), None)
        if role is not None:
            found[role] = one.name
        elif one.default is inspect.Parameter.empty:
            found = {}
            break
    weights = [one.name for one in parameters if one.default is not inspect.Parameter.empty and _ROLES["beta"].search(one.name)]
    beta = {"beta": weights[0]} if weights else {}
    if {role for role in found if role in _POSITIONS} == set(_POSITIONS):
        return {role: name for role, name in found.items() if role != "beta"} | beta
    required = [one for one in positional if one.default is inspect.Parameter.empty]
    if len(required) == 4:
        return {role: one.name for role, one in zip(_POSITIONS, required, strict=True)} | beta
    return None


def loss_candidates(model: object, namespace: object) -> Iterator[tuple[str, Callable[..., Any], dict[str, str]]]:
    """Losses that might fit: the model's own methods first, then functions of its module."""
    for name in METHOD_NAMES:
        call = getattr(model, name, None)
        if callable(call) and (roles := _roles(call)):
            yield f"method {name}", call, roles
    own = getattr(namespace, "__name__", None)
    for name, value in list(vars(namespace).items()) if namespace is not None else []:
        if _FUNCTION.search(name) and inspect.isfunction(value) and value.__module__ == own and (roles := _roles(value)):
            yield f"function {name}", value, roles


def read_returns(result: Any, changed_code: Any) -> tuple[Returns, tuple[Any, Any, Any]] | None:
    """What a loss returns and in which order, from its results for two posteriors at the same output; None where it is none of the known.

    The reconstruction does not change with the posterior; of the other two, the total is the documents' first, unless only another reading
    adds up.
    """
    if isinstance(result, Mapping):
        keys = {
            role: next((key for key in result if re.search(pattern, str(key), re.IGNORECASE)), None)
            for role, pattern in (
                ("kl", r"kl"),
                ("reconstruction", r"rec|bce|mse|nll"),
                ("total", r"total|^loss$|elbo|objective"),
            )
        }
        if keys["kl"] is not None and keys["reconstruction"] is not None:
            returns = Returns.TERMS if keys["total"] is not None else Returns.PAIR
            return returns, (keys["total"], keys["reconstruction"], keys["kl"])
        return None
    if isinstance(result, Tensor | float):
        return Returns.SCALAR, (0, 0, 0)
    if not isinstance(result, tuple | list) or not all(isinstance(one, Tensor | float | int) for one in result):
        return None
    before, after = ([float(_scalar(one)) for one in values] for values in (result, changed_code))
    if len(before) == 2:
        fixed = 0 if abs(after[0] - before[0]) <= abs(after[1] - before[1]) else 1
        return Returns.PAIR, (None, fixed, 1 - fixed)
    if len(before) < 3:
        return None
    for order in ((0, 1, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0), (1, 0, 2), (1, 2, 0)):
        total, reconstruction, kl = (after[index] for index in order)
        fixed = abs(after[order[1]] - before[order[1]]) <= 1e-9 * (1 + abs(before[order[1]]))
        # A KL reported with its sign turned still stands where it stands: that is for the claims to find.
        if fixed and abs(abs(total - reconstruction) - abs(kl)) <= 1e-5 * (1 + abs(total)):
            return Returns.TERMS, order
    return Returns.TERMS, (0, 1, 2)


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
