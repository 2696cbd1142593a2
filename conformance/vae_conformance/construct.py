"""Which class of a module is the VAE, and with which arguments it is constructed."""

from __future__ import annotations

import inspect
import math
import re
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING

import torch
from torch import nn

from vae_conformance.errors import Unbound
from vae_conformance.time_limit import user_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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

_SAMPLING = re.compile(r"reparam|param\w*(iz|is|zi)|sampl|draw|noise|gauss", re.IGNORECASE)
_ENCODING = re.compile(r"encod|infer|recogni|posterior|^q(_|$)", re.IGNORECASE)
_DECODING = re.compile(r"decod|generat|^p(_|$)", re.IGNORECASE)
_DRAWS = frozenset({"randn", "randn_like", "rand", "rand_like", "normal", "normal_", "standard_normal", "rsample", "Normal"})
_HELPER = re.compile(r"loss|criterion|trainer|dataset|datamodule|config|callback|scheduler|metric", re.IGNORECASE)
_FRAMEWORKS = ("torch.", "builtins", "abc", "typing", "lightning", "pytorch_lightning")


def construct(maker: Callable[..., object], arguments: Mapping[str, object], *, label: str, limit: float, tree: Path | None) -> object:
    """A new instance: `maker` called with `arguments`, by name where it can be.

    Raises:
        Unbound: it raised, took longer than `limit` seconds, or gave None.
    """
    positional = [parameter.name for parameter in _parameters(maker) if parameter.kind is parameter.POSITIONAL_ONLY]
    first = [arguments[name] for name in positional if name in arguments]
    rest = {name: value for name, value in arguments.items() if name not in positional}
    shown = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
    with user_code(
        f"constructing {label} with ({shown})",
        limit=limit,
        tree=tree,
        too_long="Only build the model there; load data and train elsewhere.",
    ):
        made = maker(*first, **rest)
    if made is None:
        raise Unbound(f"{label} returned None where a model was expected", "Return the model at its end.")
    return made


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
    parameters = _parameters(maker)
    has_channels = any(_role(parameter) == "channels" for parameter in parameters)
    chosen: dict[str, object] = {}
    for parameter in parameters:
        role = _role(parameter)
        size = _SIZE_OF_ROLE.get(role or "")
        required = parameter.default is parameter.empty
        if parameter.name in sizes and parameter.name != size:
            chosen[parameter.name] = sizes[parameter.name]
        elif required and role is None:
            raise _unknown_parameter(maker, parameter.name, label)
        elif role is not None and (required or size in sizes or (asked is not None and _says(shape, role))):
            chosen[parameter.name] = _value(role, parameter, shape, has_channels=has_channels, sizes=sizes)
    return chosen


def accepted_sizes(maker: Callable[..., object]) -> frozenset[str]:
    """Which of `input_shape`, `hidden_dim` and `latent_dim` the constructor has a parameter for."""
    roles = (_role(parameter) for parameter in _parameters(maker))
    return frozenset(_SIZE_OF_ROLE[role] for role in roles if role in _SIZE_OF_ROLE)


def parameter_names(maker: Callable[..., object]) -> frozenset[str]:
    """The names of the parameters that can be given a value."""
    return frozenset(parameter.name for parameter in _parameters(maker))


def _parameters(maker: Callable[..., object]) -> list[inspect.Parameter]:
    try:
        parameters = inspect.signature(maker).parameters.values()
    except (TypeError, ValueError):
        return []  # no signature to be read: nothing can be supplied
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


@dataclass(frozen=True)
class _Look:
    """What a class shows of itself before it is constructed.

    Attributes:
        cls: the class.
        module: whether it is an nn.Module.
        samples: whether it has a sampling step, or draws normal numbers.
        codes: whether it encodes and decodes.
        runs: whether it can be called on a batch.
        abstract: whether it leaves methods to subclasses.
        uses: the names that its methods use.
    """

    cls: type
    module: bool
    samples: bool
    codes: bool
    runs: bool
    abstract: bool
    uses: frozenset[str]

    @property
    def named(self) -> bool:
        return re.search(r"vae|variational", self.cls.__name__, re.IGNORECASE) is not None


def choose_class(module: ModuleType, label: str) -> type:
    """The class of the module that is a VAE, by its methods, by what they call, and by its name.

    A class that another one is built from is a part; one that samples goes before one that only encodes and decodes.

    Raises:
        Unbound: there is none, or more than one.
    """
    classes = {id(value): value for value in vars(module).values() if inspect.isclass(value)}
    own = [cls for cls in classes.values() if cls.__module__ == module.__name__]
    looks = [_look(cls) for cls in own if not issubclass(cls, BaseException) and not _HELPER.search(cls.__name__)]
    candidates = _candidates(looks)
    if len(candidates) == 1:
        return candidates[0].cls
    if candidates:
        names = [look.cls.__name__ for look in candidates]
        raise Unbound(
            f"{label} has {len(names)} classes that could be the VAE: {', '.join(names)}",
            "Name one: " + " or ".join(f"{label}:{name}" for name in names),
        )
    raise _no_class([cls for cls in classes.values() if cls not in own], label, own)


def _candidates(looks: list[_Look]) -> list[_Look]:
    by_name = {look.cls.__name__: look for look in looks}
    parts = {look.cls: [by_name[name] for name in look.uses & set(by_name) - {look.cls.__name__}] for look in looks}
    bases = {base for look in looks for base in look.cls.__mro__[1:]}

    def able_to_be_one(look: _Look) -> bool:
        composed = look.module and sum(part.module for part in parts[look.cls]) >= 2
        return look.codes or (look.runs and (look.samples or composed))

    able = [look for look in looks if able_to_be_one(look) and not (look.abstract and look.cls in bases)]
    whole = [look for look in able if not any(_owns(other, look) for other in able)]
    best = [look for look in whole if look.samples or any(part.samples for part in parts[look.cls])] or whole
    named = [look for look in best if look.named]
    return named if len(named) == 1 else best


def _owns(owner: _Look, part: _Look) -> bool:
    """Whether `part` is built into `owner`; a whole VAE within a wrapper that is no nn.Module stays the VAE."""
    if part.cls.__name__ not in owner.uses or owner.cls.__name__ in part.uses or issubclass(owner.cls, part.cls):
        return False
    return owner.module or not (part.module and part.runs and (part.named or part.codes))


def _look(cls: type) -> _Look:
    bases = [base for base in cls.__mro__ if not base.__module__.startswith(_FRAMEWORKS)]
    names = {name for base in bases for name in vars(base) if not name.startswith("__")}
    uses = frozenset(name for base in bases for name in _names_used(base))
    if issubclass(cls, nn.Module):
        # A loss takes four arguments and more, self among them; a model can be called on a batch alone, or with labels.
        required = [each for each in _parameters(cls.forward) if each.default is each.empty]
        runs = "forward" in names and len(required) <= 3
    else:
        runs = "forward" in names or "__call__" in vars(cls)
    return _Look(
        cls,
        issubclass(cls, nn.Module),
        samples=any(map(_SAMPLING.search, names)) or bool(uses & _DRAWS),
        codes=any(map(_ENCODING.search, names)) and any(map(_DECODING.search, names)),
        runs=runs,
        abstract=inspect.isabstract(cls) or "NotImplementedError" in _names_used(cls),
        uses=uses,
    )


def _names_used(cls: type) -> Iterator[str]:
    """The global names and attributes that the methods of a class use, and the functions within them."""
    for value in vars(cls).values():
        inner = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        inner = inner.fget if isinstance(inner, property) else inner
        function = inspect.unwrap(inner) if callable(inner) else None
        waiting = [function.__code__] if isinstance(function, FunctionType) else []
        while waiting:
            code = waiting.pop()
            yield from code.co_names
            waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _no_class(foreign: list[type], label: str, own: list[type]) -> Unbound:
    imported = [cls.__name__ for cls in foreign if issubclass(cls, nn.Module) and not cls.__module__.startswith(_FRAMEWORKS)]
    found = ", ".join(cls.__name__ for cls in own) or "none"
    also = f"; it imports {', '.join(imported)}" if imported else ""
    example = (imported or [cls.__name__ for cls in own] or ["make"])[0]
    return Unbound(
        f"no class in {label} looks like a VAE; classes defined there: {found}{also}",
        f"A VAE encodes, samples and decodes. Name the class, or a function without arguments that builds the model: {label}:{example}",
    )
