"""With which arguments a class or a factory is constructed: by the meaning of their names."""

from __future__ import annotations

import inspect
import math
import re
from typing import TYPE_CHECKING

import torch

from vae_conformance.errors import Unbound
from vae_conformance.ingredients import ingredient, made
from vae_conformance.time_limit import user_code

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

DEFAULT_SHAPE = (1, 28, 28)
DEFAULT_SIZES = {"hidden_dim": 256, "latent_dim": 16}

# Spellings in lower case without underscores; a trailing number (h_dim1) is ignored.
_SPELLINGS = {
    "shape": "inputshape imageshape imgshape xshape datashape inshape shape inputdims",
    "pixels": """inputdim indim infeatures xdim npixels numpixels dimx datadim ninput ninputs inputfeatures inputunits
        nin dinput dimin originaldim featuredim nfeatures numfeatures observeddim imagedim imgdim outputdim outdim
        outputsize outfeatures inputs""",
    "extent": "imagesize imgsize imsize inputsize insize xsize datasize resolution imageside side",
    "height": "height imageheight imgheight width imagewidth imgwidth",
    "channels": """channels inchannels imagechannels imgchannels nc nchannels numchannels inputchannels channel
        inputchannel cin""",
    "hidden": """hiddendim hdim hiddensize hidden nhidden hiddenunits hiddenfeatures hiddim hid h numhidden dimh
        hiddenlayersize intermediatedim hiddendims hiddensizes hdims hiddenlayers hiddens dhidden""",
    "latent": """latentdim zdim latentsize latentdims nlatent latent latents z nz dimz latentspace latentfeatures
        codesize codedim bottleneck bottleneckdim bottlenecksize embeddingdim embeddingsize encodingdim zsize zdims
        latentspacedim nlatents dlatent numlatent latentunits latentspacesize latentdimension latentdimensions
        encodeddim""",
    "filters": "hiddenchannels basechannels nfilters numfilters filters ngf ndf basefilters",
    "device": "device dev",
    "rate": "lr learningrate",
    "dropout": "dropout dropoutrate droprate pdrop dropoutp",
    "beta": "beta klweight kldweight klcoef",
}
_ROLE_OF = {name: role for role, names in _SPELLINGS.items() for name in names.split()}
_INPUT_ROLES = frozenset({"shape", "pixels", "extent", "height", "channels"})
_SIZE_OF_ROLE = {
    "shape": "input_shape",
    "pixels": "input_shape",
    "extent": "input_shape",
    "height": "input_shape",
    "hidden": "hidden_dim",
    "latent": "latent_dim",
}
_PLURAL = re.compile(r"(hidden|h)_?(dims|sizes|layers)$|hiddens$", re.IGNORECASE)


def construct(maker: Callable[..., object], arguments: Mapping[str, object], *, label: str, limit: float, tree: Path | None) -> object:
    """A new instance: `maker` called with `arguments`, by name where it can be.

    Raises:
        Unbound: it raised, took longer than `limit` seconds, or gave None.
    """
    positional = [parameter.name for parameter in parameters_of(maker) if parameter.kind is parameter.POSITIONAL_ONLY]
    first = [arguments[name] for name in positional if name in arguments]
    rest = {name: value for name, value in arguments.items() if name not in positional}
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    with user_code(
        f"constructing {label} with ({shown})",
        limit=limit,
        tree=tree,
        too_long="Only build the model there; load data and train elsewhere.",
    ):
        model = maker(*map(made, first), **{name: made(value) for name, value in rest.items()})
    if model is None:
        raise Unbound(f"{label} returned None where a model was expected", "Return the model at its end.")
    return model


def choose_arguments(
    maker: Callable[..., object],
    *,
    label: str,
    input_shape: tuple[int, ...] | None,
    sizes: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The arguments to construct with: required parameters by the meaning of their names, the others at their defaults.

    Args:
        maker: the class or factory.
        label: how messages call it.
        input_shape: the shape of one item where it is known; parameters that mean it get it in place of a default.
        sizes: values for `input_shape`, `hidden_dim` and `latent_dim`, or for parameters by their own names.

    Raises:
        Unbound: a required parameter has a name that says nothing.
    """
    sizes = sizes or {}
    asked = sizes.get("input_shape", input_shape)
    shape = tuple(asked) if isinstance(asked, tuple | list) else DEFAULT_SHAPE
    parameters = parameters_of(maker)
    has_channels = any(_role(parameter) == "channels" for parameter in parameters)

    def choose(other: Callable[..., object]) -> dict[str, object]:
        return choose_arguments(other, label=label, input_shape=input_shape, sizes=sizes)

    def value(name: str) -> object:
        named = inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY)
        if (role := _role(named)) is None:
            raise KeyError(name)
        return _value(role, named, shape, has_channels=True, sizes=sizes)

    chosen: dict[str, object] = {}
    for parameter in parameters:
        role = _role(parameter)
        size = _SIZE_OF_ROLE.get(role or "")
        required = parameter.default is parameter.empty
        if parameter.name in sizes and parameter.name != size:
            chosen[parameter.name] = sizes[parameter.name]
        elif required and role is None:
            found = ingredient(maker, parameter, choose, value)
            if found is None:
                raise _unknown_parameter(maker, parameter.name, label)
            chosen[parameter.name] = found
        elif role is not None and (required or size in sizes or (asked is not None and _says(shape, role))):
            chosen[parameter.name] = _value(role, parameter, shape, has_channels=has_channels, sizes=sizes)
    return chosen


def accepted_sizes(maker: Callable[..., object]) -> frozenset[str]:
    """Which of `input_shape`, `hidden_dim` and `latent_dim` the constructor has a parameter for."""
    roles = (_role(parameter) for parameter in parameters_of(maker))
    return frozenset(_SIZE_OF_ROLE[role] for role in roles if role in _SIZE_OF_ROLE)


def parameter_names(maker: Callable[..., object]) -> frozenset[str]:
    """The names of the parameters that can be given a value."""
    return frozenset(parameter.name for parameter in parameters_of(maker))


def parameters_of(maker: Callable[..., object]) -> list[inspect.Parameter]:
    """The parameters that can be given a value; none where there is no signature to be read."""
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return []
    return [each for each in parameters if each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)]


def _role(parameter: inspect.Parameter) -> str | None:
    return _ROLE_OF.get(parameter.name.lower().replace("_", "").rstrip("0123456789"))


def _says(shape: tuple[int, ...], role: str) -> bool:
    """Whether a known shape gives the role a value: a flat vector has neither channels nor a height."""
    return role in _INPUT_ROLES and (len(shape) >= 2 or role not in ("channels", "height"))


def _value(role: str, parameter: inspect.Parameter, shape: tuple[int, ...], *, has_channels: bool, sizes: Mapping[str, object]) -> object:
    note = parameter.annotation
    annotation = (note if isinstance(note, str) else inspect.formatannotation(note)).lower()
    many = _wants_sequence(parameter, annotation, role)
    if role in ("hidden", "latent"):
        size = sizes.get(_SIZE_OF_ROLE[role], DEFAULT_SIZES[_SIZE_OF_ROLE[role]])
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
        "channels": shape[0] if len(shape) == 3 else 1,
        "filters": 32,
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


def _unknown_parameter(maker: Callable[..., object], name: str, label: str) -> Unbound:
    file = label.rpartition(":")[0] or label
    what = "class" if inspect.isclass(maker) else "function"
    called = getattr(maker, "__name__", label)
    return Unbound(
        f"{label}: the {what} {called} needs the argument {name!r}, and nothing says what to give it",
        f"Give {name} a default value, or add a function without arguments that builds the model, "
        f"`def make(): return {called}(...)`, and name it: {file}:make",
    )
