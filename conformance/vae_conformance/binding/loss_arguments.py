"""Which argument of a loss is which: by the names of its parameters, by their order, and by what forward returns."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import permutations
from typing import Any

from torch import nn

POSITIONS = ("raw", "x", "mu", "logvar")
ORDERS = tuple(order for order in permutations(POSITIONS) if {"raw", "x"} == set(order[:2]))
"""The orders in which losses whose names say nothing take their arguments, the customary one first."""
_WORDS = {"raw": "output", "x": "input", "mu": "mu", "logvar": "second head"}
"""What arguments are called that are identified by their order alone."""
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
    r"^(y|c|l|digit|context|ctx|targets?)$|label|^cond|condition|^cls|^class|one_?hot|attr|^(y|c)_(?!hat|rec|pred)|categor",
    re.IGNORECASE,
)
"""Names of what a conditional model takes beside its input or its latent."""
_INDEX = re.compile(r"idx|index")


class Kind(StrEnum):
    """What a loss is called with: parts, forward's result and the batch, or the batch alone where it runs the model."""

    DIRECT = "the parts"
    WHOLE = "what forward returns"
    DRIVEN = "the batch"
    LOOP = "what the training loop has"


@dataclass(frozen=True)
class Signature:
    """How a loss is called.

    Attributes:
        kind: what it is called with.
        roles: the names of its parameters by role, in positional order, the KL's weight `beta` last.
        guessed: whether the order is the customary one because the names say nothing.
        needs_weight: whether beta has no default.
    """

    kind: Kind
    roles: Mapping[str, str]
    guessed: bool = False
    needs_weight: bool = False

    @property
    def places(self) -> tuple[str, ...]:
        """The roles of what is passed by position."""
        return tuple(role for role in self.roles if role != "beta")

    @property
    def takes_index(self) -> bool:
        """Whether it takes the place of the batch in its epoch, as steps of a training do: the batch then has labels."""
        return "index" in self.roles


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


def _signature(kind: Kind, found: Parameters, roles: Mapping[str, str], *, guessed: bool = False) -> Signature:
    weight = found.weights[0] if found.weights else None
    beta = {} if weight is None else {"beta": weight.name}
    plain = {role: name for role, name in roles.items() if role != "beta"}
    return Signature(kind, plain | beta, guessed, weight is not None and weight.default is weight.empty)


def direct(call: Callable[..., Any], own: Returned = NOTHING_KNOWN) -> list[Signature]:
    """A loss of (output, input, mu, second head): by names, or by their order where there are four, in each order that is customary."""
    found = parameters(call, own)
    if found is None or "posterior" in found.roles or any(_PART.search(one.name) for one in found.required):
        return []
    if found.open_ended:
        return _in_orders(found, {role: role for role in POSITIONS})
    plain = {role: name for role, name in found.roles.items() if role != "beta"}
    lacking = set(POSITIONS) - plain.keys()
    if not found.unknown and not lacking:
        return [_signature(Kind.DIRECT, found, plain)]
    if len(found.unknown) == len(lacking) == 1:
        # Where the others are told by their names, the one that is left is what they leave.
        known = {name: role for role, name in plain.items()} | {found.unknown[0]: lacking.pop()}
        return _in_orders(found, {known[one.name]: one.name for one in found.positional if one.name in known})
    names = _without_weight(found)
    return _in_orders(found, dict(zip(POSITIONS, names, strict=True))) if len(names) == len(POSITIONS) else []


def _in_orders(found: Parameters, roles: Mapping[str, str]) -> list[Signature]:
    """The signature of these roles, and behind it the same parameters in the other customary orders."""
    rest = {role: name for role, name in roles.items() if role not in POSITIONS}
    others = [{role: _WORDS[role] for role in order} | rest for order in ORDERS[1:]]
    return [_signature(Kind.DIRECT, found, one, guessed=True) for one in (roles, *others)]


def of_outputs(call: Callable[..., Any], own: Returned = NOTHING_KNOWN) -> list[Signature]:
    """A loss of the batch and of what forward returns: as a whole, or as its output and its posterior; the likelier first.

    Where the result holds the batch, a loss may take nothing but the result.
    """
    found = parameters(call, own)
    if found is None or found.open_ended or any(names_model(one.name) for one in found.required):
        return []
    if "mu" in found.roles or "logvar" in found.roles:
        return []
    required, x = _without_weight(found), found.roles.get("x")
    of = partial(_signature, Kind.WHOLE, found)
    if {"raw", "posterior"} <= found.roles.keys() and x is not None and not found.unknown:
        return [of(found.roles)]
    if len(required) == 3 and "raw" in found.roles and x is not None and len(found.unknown) == 1:
        known = {found.roles["raw"]: "raw", x: "x", found.unknown[0]: "posterior"}
        if set(required) == known.keys():
            return [of({known[name]: name for name in required}, guessed=True)]
    if len(required) == 1 and own.holds_input and required[0] != x:
        return [of({"outputs": required[0]})]
    if len(required) != 2:
        return []
    orders = [("x", "outputs")] if required[0] == x else [("outputs", "x")]
    orders += [("x", "outputs")] if x is None else []
    return [of(dict(zip(order, required, strict=True)), guessed=x is None) for order in orders]


def of_batch(call: Callable[..., Any]) -> list[Signature]:
    """A method that takes the batch, perhaps with its index, and so runs the model itself; what has a default is left to it."""
    found = parameters(call)
    if found is None or found.open_ended:
        return []
    names = _without_weight(found)
    if len(names) == 2 and names[0] == found.roles.get("x"):
        second = "index" if _INDEX.search(names[1]) else "label" if names_label(names[1]) else ""
        return [_signature(Kind.DRIVEN, found, {"x": names[0], second: names[1]})] if second else []
    return [_signature(Kind.DRIVEN, found, {"x": names[0]})] if len(names) == 1 else []


def of_model(call: Callable[..., Any]) -> list[Signature]:
    """A function that takes the model and the batch: told by the name of either, else in both orders."""
    found = parameters(call)
    if found is None or found.open_ended:
        return []
    names = _without_weight(found)
    of = partial(_signature, Kind.DRIVEN, found)
    if any(_PART.search(name) for name in names):
        roles: dict[str, str] = {}
        for name in names:
            role = _argument_role(name)
            roles["target" if role == "x" and role in roles else role] = name
        return [of(roles)] if "x" in roles and "" not in roles else []
    if len(names) != 2 or any(name in names and role != "x" for role, name in found.roles.items() if not any(map(names_model, names))):
        return []
    orders = [("model", "x"), ("x", "model")]
    if sum(map(names_model, names)) == 1:
        orders = orders[:1] if names_model(names[0]) else orders[1:]
    elif found.roles.get("x") in names:
        orders = orders[1:] if names[0] == found.roles["x"] else orders[:1]
    return [of(dict(zip(order, names, strict=True))) for order in orders]


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


def _without_weight(found: Parameters) -> list[str]:
    """The names of the required parameters but for the KL's weight."""
    return [one.name for one in found.required if not is_weight(one.name)]


def is_weight(name: str) -> bool:
    """Whether a name is that of a KL's weight."""
    return _ROLES["beta"].search(name) is not None
