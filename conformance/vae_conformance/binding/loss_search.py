"""Where a loss may stand: a method, a function, a lambda or a class of the module, or a pass of the model that gives the loss itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from types import ModuleType
from typing import Any

from torch import nn

from vae_conformance.binding.loss_arguments import (
    NOTHING_KNOWN,
    Kind,
    Returned,
    Signature,
    direct,
    is_weight,
    names_label,
    names_network,
    of_batch,
    of_model,
    of_outputs,
    parameters,
)
from vae_conformance.target.adapter import inner_of, settled
from vae_conformance.target.call_site import values_passed
from vae_conformance.target.source_code import of_one_target

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
STEP_NAMES = ("training_step", "train_step", "compute_elbo", "forward_loss", "step", "negative_elbo", "nelbo")
_FUNCTION = re.compile(r"loss|elbo|criterion|objective", re.IGNORECASE)
_OTHER_WORDS = re.compile(r"(^|_)(bound|vlb|free_energy|cost)(_|$)", re.IGNORECASE)
"""Other words for the same, which name other things as well: such functions are tried last."""


@dataclass(frozen=True)
class Candidate:
    """Something that may be the loss.

    Attributes:
        account: for the report.
        call: the callable.
        signature: which of its arguments is which.
    """

    account: str
    call: Callable[..., Any]
    signature: Signature


def loss_candidates(
    model: object, namespace: object, kind: Kind, asked: str | None = None, own: Returned = NOTHING_KNOWN
) -> Iterator[Candidate]:
    """Losses of one kind that might fit: methods, functions, classes.

    Args:
        model: whose methods may be losses.
        namespace: the module whose functions and classes may be.
        kind: what they are called with.
        asked: a name that is a loss's because the user says so.
        own: what forward returns.
    """
    for account, call in places(model, namespace, asked):
        for signature in _signatures(account, call, kind, own):
            yield Candidate(account, call, signature)


def _signatures(account: str, call: Callable[..., Any], kind: Kind, own: Returned) -> list[Signature]:
    sort, _, name = account.partition(" ")
    if kind is Kind.DRIVEN:
        runs = {"method": of_batch, "function": of_model}.get(sort)
        return [] if runs is None or isinstance(call, nn.Module) else runs(call)
    if name in STEP_NAMES and not tells_loss(name):
        return []  # it takes the batch, or nothing that is known
    return direct(call, own) if kind is Kind.DIRECT else of_outputs(call, own)


def _own_functions(namespace: object, words: re.Pattern[str] = _FUNCTION) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of a module whose names are those of a loss."""
    own = getattr(namespace, "__name__", "")
    for name, value in list(vars(namespace).items()) if namespace is not None else []:
        if words.search(name) and inspect.isfunction(value) and of_one_target(value.__module__, own):
            yield name, value


def _outermost(functions: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The functions, those that others of them call behind the rest: they are parts of these."""
    codes = [inspect.unwrap(value).__code__ for value in functions.values()]
    used = {name for code in codes for name in (*code.co_names, *code.co_freevars)}
    return dict(sorted(functions.items(), key=lambda entry: entry[0] in used))


def _telling(model: object) -> Iterator[str]:
    """The methods of a model's own classes whose names say that they are a loss, those of the nearer class first."""
    for kind in type(inner_of(model)).__mro__:
        if not kind.__module__.startswith("torch."):
            yield from (
                name for name, value in vars(kind).items() if _FUNCTION.search(name) and callable(getattr(value, "__func__", value))
            )


def tells_loss(name: str) -> bool:
    """Whether a name is that of a loss."""
    return _FUNCTION.search(name) is not None


def places(model: Any, namespace: object, asked: str | None) -> Iterator[tuple[str, Callable[..., Any]]]:
    """What may be a loss by its name, with what messages call it: methods, functions, and objects of classes that need no arguments.

    What a method or a function takes beside the model's values, and its file passes, as `args.free_bits`, is given to it already.
    """
    for account, call in _named(model, namespace, asked):
        yield account, _with_values(call, namespace)


def _with_values(call: Callable[..., Any], namespace: object) -> Callable[..., Any]:
    """A callable that takes no more than the model's values: numbers, words and settings beside them are those that its file passes."""
    taken = parameters(call) if inspect.isfunction(call) or inspect.ismethod(call) else None
    if taken is None or not isinstance(namespace, ModuleType):
        return call
    entries = inspect.signature(call).parameters
    plain = all(one.kind in (one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY) for one in entries.values())
    further = [one.name for one in entries.values() if one.default is one.empty and one.name not in taken.roles.values()]
    further = [name for name in further if not (is_weight(name) or names_label(name) or names_network(name))]
    values = values_passed(call, namespace) if plain and further else {}
    given = {name: values[name] for name in further if name in values}
    if not given:
        return call
    left = inspect.Signature([one for one in entries.values() if one.name not in given])

    @wraps(call)
    def called(*arguments: Any, **keywords: Any) -> Any:
        return call(**left.bind(*arguments, **keywords).arguments, **given)

    called.__signature__ = left  # type: ignore[attr-defined]
    return called


def _named(model: Any, namespace: object, asked: str | None) -> Iterator[tuple[str, Callable[..., Any]]]:
    if (given := settled(model, ("loss",))) is not None:
        yield f"method {given}", getattr(model, given)
        return
    named = () if asked is None else (asked,)
    for name in dict.fromkeys((*METHOD_NAMES, *STEP_NAMES, *_telling(model), *named)):
        call = getattr(model, name, None)
        if callable(call) and not type(call).__module__.startswith("torch."):
            yield f"method {name}", call
    functions = _outermost(dict(_own_functions(namespace)))
    functions |= dict(_own_functions(namespace, re.compile(rf"^{re.escape(asked or '')}$"))) | dict(_own_functions(namespace, _OTHER_WORDS))
    yield from ((f"function {name}", value) for name, value in functions.items())
    own = getattr(namespace, "__name__", "")
    there = list(vars(namespace).items()) if namespace is not None else []
    for name, value in there:
        tells = name in named or _FUNCTION.search(name)
        if tells and inspect.isclass(value) and of_one_target(value.__module__, own) and not isinstance(model, value):
            instance = _instance(value)
            if instance is not None:
                yield f"class {name}", instance
        elif tells and isinstance(value, nn.Module) and of_one_target(type(value).__module__, own):
            yield f"object {name}", value


def _instance(cls: type) -> Callable[..., Any] | None:
    """An object of a loss class, where it needs no arguments and can be called."""
    required = [
        one
        for one in inspect.signature(cls).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    if required or not (issubclass(cls, nn.Module) or "__call__" in vars(cls)):
        return None
    try:
        made: Callable[..., Any] = cls()
    except Exception:  # noqa: BLE001  whatever its constructor raises, it is then no loss that can be called
        return None
    return made
