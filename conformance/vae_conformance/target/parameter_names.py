"""The meanings of constructor parameter names, and the values of parameters by meaning."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping

import torch

from vae_spec.facts import InputKind

DEFAULT_SHAPE = (1, 28, 28)
DEFAULT_SIZES = {"hidden_dim": 256, "latent_dim": 16}

_COUNT = r"(?:n|nb|num|number|no|of|d|dim|dims|size|l|len)"
_SIZE = r"(?:dims?|dimensions?|sizes?|len|lengths?|units?|features?|nodes|neurons|num|n|d|s)"
_ITEM = (
    r"(?:inputs?|in|x|data|original|observed|observation|obs|images?|img|outputs?|out|visible|flat|flattened|pixels?|features?|columns?)"
)
_IMAGE = r"(?:image|img|input|in)"
_SPELLINGS = {
    "depth": r"(?:n|nb|num)(?:hidden)?layers",
    "filters": r"(?:n|num|base)filters|filters|ngf|ndf|(?:hidden|base)channels|(?:kernel|n|num)(?:num|kernels)",
    "sizes": r"(?:hidden)?layer(?:sizes|dims)",
    "vocabulary": r"(?:vocab|vocabulary)size|(?:n|num)(?:vocab|tokens|words)",
    "shape": rf"(?:{_IMAGE}|x|data)?shape|inputdims",
    "height": rf"{_IMAGE}?(?:height|width)",
    "channels": rf"{_COUNT}*(?:{_IMAGE}|color|colour)*channels?(?:num)?|{_IMAGE}ch|nc|cin|ncolou?rs",
    "hidden": rf"{_COUNT}*(?:hidden|hiddens|hid|h|intermediate){_SIZE}*(?:layers?|{_SIZE})*",
    "latent": rf"(?!n(?:um)?embeddings){_COUNT}*(?:latents?|z|codes?|bottleneck|embed|embedding|encoding|encoded|representation|components)"
    rf"(?:space|vector|vec|variables?)?{_SIZE}*",
    "extent": rf"size(?:in|out)|(?:{_IMAGE}|im|x|data)(?:set)?size|resolution|(?:image|img)?side",
    "pixels": rf"(?!features$)(?:{_COUNT}+{_ITEM}{_SIZE}*|{_ITEM}{_SIZE}+|inputs|[io]dims?)",
    "device": r"device|dev",
    "rate": r"lr|learningrate",
    "dropout": r"p?drop(?:out)?(?:rate|p|prob|probability)?",
    "beta": r"beta|kld?weight|klcoef",
}
"""How the meanings of parameters are spelled, in lower case without underscores and trailing numbers (h_dim1); the first counts."""
_ROLES = {role: re.compile(spelling) for role, spelling in _SPELLINGS.items()}
_INPUT_ROLES = frozenset({"shape", "pixels", "extent", "height", "channels"})
SIZE_OF_ROLE = {
    "shape": "input_shape",
    "pixels": "input_shape",
    "extent": "input_shape",
    "height": "input_shape",
    "hidden": "hidden_dim",
    "latent": "latent_dim",
}
_PLURAL = re.compile(r"(hidden|h)_?(dims|sizes|layers)$|hiddens$", re.IGNORECASE)


def role_of(parameter: inspect.Parameter) -> str | None:
    """Return the meaning of a parameter's name; None if it is not recognised."""
    name = parameter.name.lower().replace("_", "").rstrip("0123456789")
    return next((role for role, spelling in _ROLES.items() if spelling.fullmatch(name)), None)


def is_input(name: str) -> bool:
    """Return whether a parameter of this name means the shape of an item, or one of its sizes."""
    role = role_of(inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY))
    return role in _INPUT_ROLES and role != "channels"


def says(shape: tuple[int, ...], role: str) -> bool:
    """Return whether a known shape determines the role's value: a flat vector has neither channels nor a height."""
    return role in _INPUT_ROLES and (len(shape) >= 2 or role not in ("channels", "height"))


def value_of(role: str, parameter: inspect.Parameter, shape: tuple[int, ...], *, has_channels: bool, sizes: Mapping[str, object]) -> object:
    """Return the value of a parameter with this role, in the form that its default and annotation require.

    `has_channels` says whether another parameter is the number of channels, so that an extent is one side; `sizes` holds values for
    `hidden_dim` and `latent_dim`.
    """
    note = parameter.annotation
    annotation = (note if isinstance(note, str) else inspect.formatannotation(note)).lower()
    many = _wants_sequence(parameter, annotation, role)
    if role in ("hidden", "latent"):
        size = sizes.get(SIZE_OF_ROLE[role], DEFAULT_SIZES[SIZE_OF_ROLE[role]])
        return [size] if many and not isinstance(size, list | tuple) else size
    if role in ("shape", "pixels", "extent") and many:
        fitted = _of_length(shape, _length(parameter, annotation))
        return list(fitted) if isinstance(parameter.default, list) or "list" in annotation else fitted
    if role == "extent":
        one_side = has_channels or parameter.name in ("resolution", "side", "image_side")
        small = isinstance(parameter.default, int) and parameter.default <= 128
        return _side(shape) if one_side or small else math.prod(shape)
    if role == "height":
        return _side(shape) if "width" in parameter.name.lower() or len(shape) < 2 else shape[-2]
    fixed: dict[str, object] = {
        "channels": shape[0] if len(shape) == 3 else min(shape) if InputKind.of(shape) is InputKind.SERIES else 1,
        "filters": 32,
        "sizes": [DEFAULT_SIZES["hidden_dim"]],
        "vocabulary": 100,
        "depth": 2,
        "device": torch.device("cpu"),
        "beta": 1.0,
        "rate": 1e-3,
        "dropout": 0.0,
    }
    return fixed.get(role, math.prod(shape))


def _wants_sequence(parameter: inspect.Parameter, annotation: str, role: str) -> bool:
    if isinstance(parameter.default, list | tuple):
        return True
    sequence = re.search(r"\b(tuple|list|sequence|iterable|size)\b", annotation) is not None
    if isinstance(parameter.default, int) or re.search(r"\bint\b", re.sub(r"\[.*?\]", "", annotation)):
        return sequence and role == "shape"
    return sequence or role == "shape" or (role == "hidden" and _PLURAL.search(parameter.name) is not None)


def _length(parameter: inspect.Parameter, annotation: str) -> int | None:
    if isinstance(parameter.default, list | tuple):
        return len(parameter.default)
    fixed = re.search(r"tuple\[([^\]]*)\]", annotation)
    return None if fixed is None or "..." in fixed[1] else fixed[1].count(",") + 1


def _of_length(shape: tuple[int, ...], length: int | None) -> tuple[int, ...]:
    if length == 1:
        return (math.prod(shape),)
    if length == 2 and len(shape) >= 2:
        return shape[-2:]
    return (1, *shape) if length == 3 and len(shape) == 2 else shape


def _side(shape: tuple[int, ...]) -> int:
    return shape[-1] if len(shape) >= 2 else math.isqrt(math.prod(shape))
