"""Which argument of a loss is which: by the names of its parameters, by their order, and by what forward returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import nn

POSITIONS = ("raw", "x", "mu", "logvar")
_ROLES = {
    "beta": re.compile(
        r"^(beta|kl_?weight|kld_?weight|kl_?beta|kl_?coe?f+|kl_?lambda|m_n|kl_?scale|kl_?factor|kld_?beta|lambda_?kl|weight_kl|lamb?da)$",
        re.IGNORECASE,
    ),
    "batch": re.compile(r"^(batch_?size|bs|batch_len)$", re.IGNORECASE),
    "logvar": re.compile(r"log_?_?var|log_?sig|log_?std|^l[vs]$|log_variance|^sigma|^std|^var(iance)?$|z_?var|log_?sd", re.IGNORECASE),
    "mu": re.compile(r"^(z_?)?(mu|mean|loc|means|m)(_?z)?$", re.IGNORECASE),
    "raw": re.compile(
        r"recon|x_?hat|x_?rec|x_?out|output|decoded|pred|logits|x_?prime|^y$|x_tilde|x_bar|x_decoded|^out$|reproduc|^scores$|^p(_?x)?$",
        re.IGNORECASE,
    ),
    "x": re.compile(r"^(x|inputs?|targets?|data|images?|imgs?|original|batch|real|x_?in|x_?true|xs|orig)$", re.IGNORECASE),
    "posterior": re.compile(r"^(q|q_?z\w*|posteriors?|z_dist|dist_z|q_?dist|latent_dist\w*|encoding_dist)$", re.IGNORECASE),
    "z": re.compile(r"^(z|latent|code)$", re.IGNORECASE),
}
_OUTPUT = r"(x|p_?x|rec|recon\w*|dec|decod\w*|out|output|obs|gen|pred|y)(_?hat)?"
_OF_PAIRS = {
    "spread": re.compile(
        rf"^{_OUTPUT}_?(log_?)?(var|std|sd|sigma|scale|variance)$|^(log_?)?(var|std|sd|sigma|scale|variance)_?{_OUTPUT}$", re.IGNORECASE
    ),
    "raw": re.compile(rf"^{_OUTPUT}_?(mu|mean|loc)$|^(mu|mean|loc)_?{_OUTPUT}$", re.IGNORECASE),
}
"""What the two outputs of a decoder that gives a mean and a variance are called."""
_MODEL = re.compile(r"^(self|net|network|nn|m|module|c?vae|ae|auto_?encoder|\w*model)$", re.IGNORECASE)
_PART = re.compile(r"^_*(en|de)c(oder)?(_?(net|network|model))?$", re.IGNORECASE)
_TARGET = re.compile(r"^(y|targets?|labels?|y_true|x_?true|truth|ground_?truth)$", re.IGNORECASE)
_LABEL = re.compile(
    r"^(y|c|l|digit|context|ctx)$|label|^cond|condition|^cls|^class|one_?hot|attr|^(y|c)_(?!hat|rec|pred)|categor",
    re.IGNORECASE,
)
"""Names of what a conditional model takes beside its input or its latent."""
_INDEX = re.compile(r"idx|index")


@dataclass(frozen=True)
class Signature:
    """How a loss is called.

    Attributes:
        roles: the names of its parameters by role, in positional order where a parameter takes no keyword.
        guessed: whether the order is the customary one because the names say nothing.
        needs_beta: whether beta has no default.
    """

    roles: dict[str, str]
    guessed: bool = False
    needs_beta: bool = False


@dataclass(frozen=True)
class Parameters:
    """The parameters of a callable that may be a loss."""

    positional: list[inspect.Parameter]
    required: list[inspect.Parameter]
    weights: list[inspect.Parameter]
    open_ended: bool
    takes_keywords: bool
    roles: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Returned:
    """What is known of forward's result before a loss is called.

    Attributes:
        names: the roles of its entries by the names that the author gave them.
        pair: whether the output is a mean and a variance, side by side.
        holds_input: whether the batch is among its entries.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    pair: bool = False
    holds_input: bool = False


NOTHING_KNOWN = Returned()


def parameters(call: Callable[..., Any], own: Returned = NOTHING_KNOWN) -> Parameters | None:
    """The parameters and what their names say; None where there is no signature to be read.

    Args:
        call: what is called.
        own: what forward returns: the author's own names are arguments' too, and a mean may have its `spread` beside it.
    """
    patterns = [*(_OF_PAIRS.items() if own.pair else ()), *_ROLES.items()]
    try:
        entries = list(inspect.signature(call.forward if isinstance(call, nn.Module) else call).parameters.values())
    except (TypeError, ValueError):
        return None
    positional = [one for one in entries if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    open_ended = any(one.kind is one.VAR_POSITIONAL for one in entries) and not positional
    roles: dict[str, str] = {}
    unknown: list[str] = []
    for one in positional:
        usual = (role for role, pattern in patterns if role not in roles and pattern.search(one.name))
        role = next(usual, None) if own.names.get(one.name) in {None, *roles} else own.names[one.name]
        if role is not None:
            roles[role] = one.name
        elif one.default is one.empty:
            unknown.append(one.name)
    return Parameters(
        positional,
        [one for one in positional if one.default is one.empty],
        [one for one in entries if _ROLES["beta"].search(one.name)],
        open_ended,
        any(one.kind is one.VAR_KEYWORD for one in entries),
        roles,
        unknown,
    )


def direct(call: Callable[..., Any], own: Returned = NOTHING_KNOWN) -> Signature | None:
    """A loss of (output, input, mu, second head): by names, or by their order where there are four; None for anything else."""
    found = parameters(call, own)
    if found is None or any(_PART.search(one.name) for one in found.required):
        return None
    if found.open_ended:
        return Signature({role: role for role in POSITIONS}, guessed=True)
    beta = {"beta": found.weights[0].name} if found.weights else {}
    needs = bool(found.weights) and found.weights[0].default is inspect.Parameter.empty
    plain = {role: name for role, name in found.roles.items() if role not in ("beta", "posterior")}
    if not found.unknown and set(POSITIONS) <= plain.keys() and "posterior" not in found.roles:
        return Signature(plain | beta, needs_beta=needs)
    lacking = set(POSITIONS) - plain.keys()
    if len(found.unknown) == len(lacking) == 1 and "posterior" not in found.roles:
        # Where the others are told by their names, the one that is left is what they leave.
        named = {name: role for role, name in plain.items()} | {found.unknown[0]: lacking.pop()}
        ordered = {named[one.name]: one.name for one in found.positional if one.name in named}
        return Signature(ordered | beta, guessed=True, needs_beta=needs)
    required = [one for one in found.required if not _ROLES["beta"].search(one.name)]
    if len(required) == 4 and "posterior" not in found.roles:
        roles = {role: one.name for role, one in zip(POSITIONS, required, strict=True)}
        return Signature(roles | beta, guessed=True, needs_beta=needs)
    return None


def of_outputs(call: Callable[..., Any], own: Returned = NOTHING_KNOWN) -> list[Signature]:
    """A loss of the batch and of what forward returns: as a whole, or as its output and its posterior; the likelier first.

    Where the result holds the batch, a loss may take nothing but the result.
    """
    found = parameters(call, own)
    if found is None or found.open_ended or any(names_model(one.name) for one in found.required):
        return []
    if "mu" in found.roles or "logvar" in found.roles:
        return []
    beta = {"beta": found.weights[0].name} if found.weights else {}
    needs = bool(found.weights) and found.weights[0].default is inspect.Parameter.empty
    required = [one.name for one in found.required if not _ROLES["beta"].search(one.name)]
    x = found.roles.get("x")
    if {"raw", "posterior"} <= found.roles.keys() and x is not None and not found.unknown:
        return [Signature({role: name for role, name in found.roles.items() if role != "beta"} | beta, needs_beta=needs)]
    if len(required) == 3 and "raw" in found.roles and x is not None and len(found.unknown) == 1:
        known = {found.roles["raw"]: "raw", x: "x", found.unknown[0]: "posterior"}
        if set(required) == known.keys():
            return [Signature({known[name]: name for name in required} | beta, guessed=True, needs_beta=needs)]
    if len(required) == 1 and own.holds_input and required[0] != x:
        return [Signature({"outputs": required[0]} | beta, needs_beta=needs)]
    if len(required) == 2:
        first = "x" if required[0] == x else "outputs"
        orders = [(first, "outputs" if first == "x" else "x")]
        if x is None:
            orders.append(("x", "outputs"))
        return [Signature(dict(zip(order, required, strict=True)) | beta, guessed=x is None, needs_beta=needs) for order in orders]
    return []


@dataclass(frozen=True)
class Batch:
    """How a callable that runs the model itself is called.

    Attributes:
        order: the roles of its arguments: "model", "encoder", "decoder", "x", "label" and "index".
        weight: the name of the KL's weight.
        needs_weight: whether that has no default.
    """

    order: tuple[str, ...]
    weight: str | None = None
    needs_weight: bool = False

    @property
    def takes_model(self) -> bool:
        """Whether the model, or a part of it, is an argument."""
        return bool({"model", "encoder", "decoder"} & {*self.order})

    @property
    def takes_index(self) -> bool:
        """Whether it takes the place of the batch in its epoch, as steps of a training do: the batch then has labels."""
        return "index" in self.order


def of_batch(call: Callable[..., Any]) -> list[Batch]:
    """A method that takes the batch, perhaps with its index, and so runs the model itself; what has a default is left to it."""
    found = parameters(call)
    if found is None or found.open_ended:
        return []
    names, weight, needs = _without_weight(found)
    if len(names) == 2 and names[0] == found.roles.get("x") and _INDEX.search(names[1]):
        return [Batch(("x", "index"), weight, needs)]
    if len(names) == 2 and names[0] == found.roles.get("x") and names_label(names[1]):
        return [Batch(("x", "label"), weight, needs)]
    return [Batch(("x",), weight, needs)] if len(names) == 1 else []


def of_model(call: Callable[..., Any]) -> list[Batch]:
    """A function that takes the model and the batch: told by the name of either, else in both orders."""
    found = parameters(call)
    if found is None or found.open_ended:
        return []
    names, weight, needs = _without_weight(found)
    if any(_PART.search(name) for name in names):
        order = tuple(_argument_role(name) for name in names)
        return [Batch(order, weight, needs)] if "x" in order and "" not in order else []
    if len(names) != 2:
        return []
    models = [name for name in names if names_model(name)]
    batch = found.roles.get("x")
    if len(models) == 1:
        return [Batch(("model", "x") if names[0] == models[0] else ("x", "model"), weight, needs)]
    others = [role for role, name in found.roles.items() if name in names and role != "x"]
    if others:
        return []
    if batch in names:
        return [Batch(("x", "model") if names[0] == batch else ("model", "x"), weight, needs)]
    return [Batch(order, weight, needs) for order in (("model", "x"), ("x", "model"))]


def _argument_role(name: str) -> str:
    """What a parameter of a function of networks is given: a part by its name, the model, the batch, which is its target too; else ""."""
    if _PART.search(name):
        return "encoder" if re.search("en", name, re.IGNORECASE) else "decoder"
    if names_model(name):
        return "model"
    return "x" if _ROLES["x"].search(name) or _TARGET.search(name) else ""


def names_label(name: str) -> bool:
    """Whether a parameter's name is that of a label."""
    return _LABEL.search(name) is not None


def names_batch(name: str) -> bool:
    """Whether a parameter's name is that of the batch."""
    return _ROLES["x"].search(name) is not None


def names_network(name: str) -> bool:
    """Whether a parameter's name is that of the model, or of one of its two networks."""
    return names_model(name) or _PART.search(name) is not None


def names_model(name: str) -> bool:
    """Whether a parameter's name is that of the model."""
    return _MODEL.search(name) is not None


def _without_weight(found: Parameters) -> tuple[list[str], str | None, bool]:
    """The names of the required parameters but for the KL's weight, and that."""
    weight = found.weights[0] if found.weights else None
    names = [one.name for one in found.required if not is_weight(one.name)]
    return names, None if weight is None else weight.name, weight is not None and weight.default is weight.empty


def is_weight(name: str) -> bool:
    """Whether a name is that of a KL's weight."""
    return _ROLES["beta"].search(name) is not None
