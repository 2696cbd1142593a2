"""Conditional VAEs: each part that requires a label is given the same one for every item, and the VAE given that label is judged."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import update_wrapper
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.interface import DECODE_NAMES, ENCODE_NAMES
from vae_conformance.binding.loss_arguments import names_label
from vae_conformance.target.adapter import inner_of, settled
from vae_conformance.target.target import Target

_CLASSES = re.compile(r"(num|n)_?(classes|labels|class|cond\w*|y)$|(label|cond|condition|class|y|c)_?(dim|size)$|^classes$", re.IGNORECASE)
"""Names of attributes that hold how many classes there are."""
_USUAL = (10, 2, 40)
"""Numbers of classes that are tried where no attribute says one: those of digits, of a choice of two, and of the attributes of faces."""


@dataclass(frozen=True)
class Label:
    """What a model is given as the label of every item.

    Attributes:
        words: what it is, for the report.
        of: the labels of so many items.
    """

    words: str
    of: Callable[[int], Tensor]


def conditioned(target: Target, model: object) -> Iterator[Target]:
    """Yield the target with each part that requires a label given one, for each kind of label; nothing for a model that requires none."""
    if not isinstance(model, nn.Module) or settled(model, ("encode", "decode", "forward")) is not None:
        return
    names = list(dict.fromkeys(label for _path, _name, label in _parts(model)))
    if not names:
        return
    for label in _labels(model):
        what = f"it is conditional: {' and '.join(names)} is {label.words} for every item, and the VAE given that is judged"

        def turn(made: Any, label: Label = label) -> Any:
            for path, name, parameter in list(_parts(made)):
                _hand(made.get_submodule(path), name, parameter, label, always=not path)
            return made

        yield replace(target.turned(turn), loading=(*target.loading, what))


def _labels(model: nn.Module) -> Iterator[Label]:
    """The kinds of labels, one for each: an index, and a one-hot code of each likely number of classes."""
    yield Label("class 0", lambda count: torch.zeros(count, dtype=torch.long))
    said = [value for name, value in vars(inner_of(model)).items() if type(value) is int and _CLASSES.search(name)]
    for classes in dict.fromkeys((*said, *_USUAL)):

        def one_hot(count: int, classes: int = classes) -> Tensor:
            code = torch.zeros(count, classes)
            code[:, 0] = 1
            return code

        yield Label(f"the one-hot code of class 0 of {classes}", one_hot)


def _parts(model: nn.Module) -> Iterator[tuple[str, str, str]]:
    """The parts that cannot do without a label: the path of their module, the name of the method, and that of the parameter."""
    for path, module in model.named_modules():
        if type(module).__module__.startswith("torch."):
            continue
        for name in dict.fromkeys(("forward", *ENCODE_NAMES, *DECODE_NAMES)):
            method = getattr(type(module), name, None)
            if inspect.isfunction(method) and (label := _label_of(method)) is not None:
                yield path, name, label


def _label_of(method: Callable[..., Any]) -> str | None:
    """The name of a label that a method cannot do without, behind its first argument."""
    required = [
        one.name
        for one in inspect.signature(method).parameters.values()
        if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD, one.KEYWORD_ONLY)
    ]
    return next((one for one in required[2:] if names_label(one)), None)


def _hand(module: nn.Module, name: str, parameter: str, label: Label, *, always: bool) -> None:
    """Turn an object into one of a class whose method takes this label: `always`, or where its caller gives none."""
    kind = type(module)
    own = getattr(kind, name)
    place = list(inspect.signature(own).parameters).index(parameter) - 1

    def handing(self: Any, *arguments: Any, **keywords: Any) -> Any:
        given = len(arguments) > place or parameter in keywords
        if arguments and isinstance(arguments[0], Tensor) and (always or not given):
            keywords[parameter] = label.of(len(arguments[0])).to(arguments[0].device)
            arguments = (*arguments[:place], *arguments[place + 1 :]) if len(arguments) > place else arguments
        if len(arguments) > place and (always or not given):  # what stands behind the label
            behind = list(inspect.signature(own).parameters)[place + 2 :]
            keywords |= dict(zip(behind, arguments[place:], strict=False))
            arguments = arguments[:place]
        return own(self, *arguments, **keywords)

    naming: dict[str, Any] = {entry: getattr(kind, entry) for entry in ("__module__", "__qualname__", "__doc__")}
    method: Any = update_wrapper(handing, own)  # people are sent to the author's own
    method.__signature__ = _without(inspect.signature(own), parameter)
    module.__class__ = type(kind.__name__, (kind,), naming | {name: method})


def _without(signature: inspect.Signature, parameter: str) -> inspect.Signature:
    """A signature without a parameter."""
    return signature.replace(parameters=[one for one in signature.parameters.values() if one.name != parameter])
