"""Losses that are methods of a class that trains the model: an object of it is made around the model, and its methods are asked."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from vae_conformance.binding.loss_arguments import names_model

_OPTIMISER = re.compile(r"optim|^opt$", re.IGNORECASE)


def trainer_methods(model: Any, namespace: object, names: tuple[str, ...]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The methods of these names that trainers of a module have, bound to a trainer of this model.

    Args:
        model: to be trained.
        namespace: the module whose own classes may be trainers.
        names: of methods whose result is differentiated, which therefore train nothing themselves.
    """
    own = getattr(namespace, "__name__", None)
    for kind in list(vars(namespace).values()) if namespace is not None else []:
        if not inspect.isclass(kind) or kind.__module__ != own or isinstance(model, kind):
            continue
        asked = [name for name in names if inspect.isfunction(vars(kind).get(name))]
        trainer = _made(kind, model) if asked and isinstance(model, nn.Module) else None
        if trainer is not None:
            yield from ((f"{kind.__name__}.{name}", getattr(trainer, name)) for name in asked)


def _made(kind: type, model: nn.Module) -> object | None:
    """An object of a class that takes a model, perhaps with an optimiser; None for one that needs more than these, or fails."""
    given: dict[str, Any] = {}
    if not any(True for _ in model.parameters()):
        return None  # no optimiser takes it
    try:
        taken = list(inspect.signature(kind).parameters.values())
    except (TypeError, ValueError):
        return None
    for one in taken:
        if names_model(one.name):
            given[one.name] = model
        elif one.default is one.empty and _OPTIMISER.search(one.name):
            given[one.name] = torch.optim.SGD(model.parameters(), lr=0.0)
        elif one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY):
            return None
    if model not in given.values():
        return None
    try:
        made: object = kind(**given)
    except Exception:  # noqa: BLE001  whatever its constructor raises, it is then no trainer that can be made here
        return None
    return made
