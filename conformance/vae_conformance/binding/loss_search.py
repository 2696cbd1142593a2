"""Where a loss may stand: a method, a function, a lambda or a class of the module, or a pass of the model that gives the loss itself."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from vae_conformance.binding.loss_arguments import NOTHING_KNOWN, Batch, Returned, Signature, direct, of_batch, of_model, of_outputs
from vae_conformance.target.adapter import inner_of, settled

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
        whole: whether it takes what forward returns, instead of its parts.
    """

    account: str
    call: Callable[..., Any]
    signature: Signature
    whole: bool = False


def loss_candidates(model: object, namespace: object, named: tuple[str, ...] = (), own: Returned = NOTHING_KNOWN) -> Iterator[Candidate]:
    """Losses that might fit: those that take the parts before those that take what forward returns; methods, functions, classes.

    Args:
        model: whose methods may be losses.
        namespace: the module whose functions and classes may be.
        named: names that are a loss's because the user says so, or the file's own loop.
        own: what forward returns.
    """
    places = list(_places(model, namespace, named))
    for account, call in places:
        if (signature := direct(call, own)) is not None:
            yield Candidate(account, call, signature)
    for account, call in places:
        for signature in of_outputs(call, own):
            yield Candidate(account, call, signature, whole=True)


def driving_candidates(model: object, namespace: object, named: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[..., Any], Batch]]:
    """Calls that run the model on a batch and give its loss: methods of the batch, steps of a training, functions of model and batch."""
    for name in dict.fromkeys((*METHOD_NAMES, *STEP_NAMES, *_telling(model), *named)):
        call = getattr(model, name, None)
        if callable(call) and not isinstance(call, nn.Module):
            for batch in of_batch(call):
                yield f"method {name}", call, batch
    if settled(model, ("loss",)) is None:
        for name, call in (outermost(dict(own_functions(namespace))) | dict(_less_plain(namespace, named))).items():
            for batch in of_model(call):
                yield f"function {name}", call, batch


def own_functions(namespace: object, words: re.Pattern[str] = _FUNCTION) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions of a module whose names are those of a loss."""
    own = getattr(namespace, "__name__", None)
    for name, value in list(vars(namespace).items()) if namespace is not None else []:
        if words.search(name) and inspect.isfunction(value) and value.__module__ == own:
            yield name, value


def _less_plain(namespace: object, named: tuple[str, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The functions that the user or a loop names, and those with other words for a loss."""
    for name in named:
        yield from own_functions(namespace, re.compile(rf"^{re.escape(name)}$"))
    yield from own_functions(namespace, _OTHER_WORDS)


def outermost(functions: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
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


def _places(model: Any, namespace: object, named: tuple[str, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    if (given := settled(model, ("loss",))) is not None:
        yield f"method {given}", getattr(model, given)
        return
    for name in dict.fromkeys((*METHOD_NAMES, *_telling(model), *named)):
        call = getattr(model, name, None)
        if callable(call) and not type(call).__module__.startswith("torch."):
            yield f"method {name}", call
    for name, value in (dict(own_functions(namespace)) | dict(_less_plain(namespace, named))).items():
        yield f"function {name}", value
    own = getattr(namespace, "__name__", None)
    there = list(vars(namespace).items()) if namespace is not None else []
    for name, value in there:
        tells = name in named or _FUNCTION.search(name)
        if tells and inspect.isclass(value) and value.__module__ == own and not isinstance(model, value):
            instance = _instance(value)
            if instance is not None:
                yield f"class {name}", instance
        elif tells and isinstance(value, nn.Module) and type(value).__module__ == own:
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
