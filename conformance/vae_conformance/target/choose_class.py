"""Choose the class of a module that is the VAE, and find the functions of a file that build it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType

from torch import nn

from vae_conformance.errors import Unbound
from vae_conformance.target.arguments import parameters_of
from vae_conformance.target.definitions import OWN_SCOPE, walk_outside
from vae_conformance.target.encoder_decoder import network_pair
from vae_conformance.target.source_code import of_one_target, source_pieces

_SAMPLING = re.compile(r"reparam|param\w*(iz|is|zi)|sampl|draw|noise|gauss", re.IGNORECASE)
_ENCODING = re.compile(r"encod|infer|recogni|posterior|^q(_|$)", re.IGNORECASE)
_DECODING = re.compile(r"decod|generat|^p(_|$)", re.IGNORECASE)
_NETWORKS = (("enc", "inference_?net|recognition"), ("dec", "generat(or|ive)"))
_DRAWS = frozenset({"randn", "randn_like", "rand", "rand_like", "normal", "normal_", "standard_normal", "rsample", "Normal"})
_HELPER = re.compile(r"loss|criterion|elbo|trainer|dataset|datamodule|config|callback|scheduler|metric|output$|settings", re.IGNORECASE)
_DESCRIBED = 4
"""Up to this many classes, an error describes each network; beyond it, only those named like a VAE."""
_FRAMEWORKS = ("torch.", "builtins", "abc", "typing", "lightning", "pytorch_lightning")


@dataclass(frozen=True)
class _Traits:
    """The properties of a class that are known before it is constructed.

    `codes` says whether it both encodes and decodes, `runs` whether it can be called on a batch, `step` whether its name is that of a
    sampling layer alone, `given` whether its constructor takes an encoder and a decoder; `uses` are the global names and attributes that
    its methods use.
    """

    cls: type
    module: bool
    samples: bool
    codes: bool
    runs: bool
    abstract: bool
    uses: frozenset[str]
    step: bool
    given: bool

    @property
    def named(self) -> bool:
        return _is_named(self.cls)

    @property
    def half(self) -> bool:
        """Whether its name is that of an encoder or a decoder alone."""
        name = self.cls.__name__
        if re.search(r"vae|auto_?enc", name, re.IGNORECASE):
            return re.search(r"vae_?(en|de)coder$", name, re.IGNORECASE) is not None
        return bool(_ENCODING.search(name)) != bool(_DECODING.search(name))


def choose_class(module: ModuleType, label: str) -> Callable[..., object]:
    """Return the class of the module that is a VAE, judged by its methods, by what they call, and by its name.

    A class used by another one is a part of it; a class that samples is preferred to one that only encodes and decodes. If there is none,
    but exactly one encoder and one decoder, return a factory that pairs them; if there is neither, look among the classes that the module
    imports from files beside it, as training scripts do.

    Raises:
        Unbound: no class qualifies, or more than one does.
    """
    classes = {id(value): value for value in vars(module).values() if inspect.isclass(value)}
    own = [cls for cls in classes.values() if cls.__module__ == module.__name__]
    functions = {name for name, value in vars(module).items() if isinstance(value, FunctionType) and _SAMPLING.search(name)}
    described = _described_classes(own, functions)
    candidates = _whole(described)
    pair = None if candidates else network_pair(module)
    if not candidates and pair is None:
        imported = [cls for cls in classes.values() if cls not in own and of_one_target(cls.__module__, module.__name__)]
        candidates = _whole(_described_classes(imported, functions))
    if len(candidates) == 1:
        return candidates[0].cls
    if candidates:
        names = [one.cls.__name__ for one in candidates]
        raise Unbound(
            f"{label} has {len(names)} classes that could be the VAE: {', '.join(names)}",
            "Name one: " + " or ".join(f"{label}:{name}" for name in names),
        )
    if pair is not None:
        return pair
    raise _no_class([cls for cls in classes.values() if cls not in own], label, own, described)


def _described_classes(classes: list[type], drawing: set[str]) -> list[_Traits]:
    return [_traits(cls, drawing) for cls in classes if not issubclass(cls, BaseException) and not _HELPER.search(cls.__name__)]


def _whole(described: list[_Traits]) -> list[_Traits]:
    """Return the candidates; if there are both an encoder and a decoder, neither of them alone is the VAE."""
    halves = [one for one in described if one.half and one.module]
    both = len({bool(_DECODING.search(one.cls.__name__)) for one in halves}) == 2
    return [one for one in _candidates(described) if not (both and one.half)]


def _candidates(described: list[_Traits]) -> list[_Traits]:
    by_name = {one.cls.__name__: one for one in described}
    parts = {one.cls: [by_name[name] for name in one.uses & set(by_name) - {one.cls.__name__}] for one in described}
    bases = {base for one in described for base in one.cls.__mro__[1:]}

    def able_to_be_one(one: _Traits) -> bool:
        composed = one.module and (sum(part.module for part in parts[one.cls]) >= 2 or any(part.samples for part in parts[one.cls]))
        return one.codes or (one.runs and (one.samples or composed) and not one.step)

    able = [one for one in described if able_to_be_one(one) and not (one.abstract and one.cls in bases)]
    whole = [one for one in able if not any(_owns(other, one) for other in able)]
    if any(one.codes and not one.half for one in whole):
        whole = [one for one in whole if not one.half]
    best = [one for one in whole if one.samples or any(part.samples for part in parts[one.cls])] or whole
    named = [one for one in best if one.named]
    return named if len(named) == 1 else best


def _owns(owner: _Traits, part: _Traits) -> bool:
    """Return whether `part` is a part of `owner`; a whole VAE inside a wrapper that is not an nn.Module remains the VAE."""
    given = owner.given and part.half
    if not (given or part.cls.__name__ in owner.uses) or owner.cls.__name__ in part.uses or issubclass(owner.cls, part.cls):
        return False
    return owner.module or not (part.module and part.runs and (part.named or part.codes))


def _traits(cls: type, drawing: set[str]) -> _Traits:
    bases = [base for base in cls.__mro__ if not base.__module__.startswith(_FRAMEWORKS)]
    names = {name for base in bases for name in vars(base) if not name.startswith("__")}
    uses = frozenset(name for base in bases for name in _names_used(base))
    if issubclass(cls, nn.Module):
        # A loss takes at least four arguments including self; a model takes a batch, or a batch and labels.
        required = [each for each in parameters_of(cls.forward) if each.default is each.empty]
        runs = ("forward" in names or issubclass(cls, nn.Sequential)) and len(required) <= 3
    else:
        runs = "forward" in names or "__call__" in vars(cls)
    # A class named like a VAE but without a forward runs through its loss, so the calls in it count too.
    called = names | uses if issubclass(cls, nn.Module) and (runs or _is_named(cls)) else names
    return _Traits(
        cls,
        issubclass(cls, nn.Module),
        samples=any(map(_SAMPLING.search, names)) or bool(uses & (_DRAWS | drawing)),
        codes=any(map(_ENCODING.search, called)) and any(map(_DECODING.search, called)),
        runs=runs,
        abstract=inspect.isabstract(cls) or "NotImplementedError" in _names_used(cls),
        uses=uses,
        step=_SAMPLING.search(cls.__name__) is not None
        and not any(map(_ENCODING.search, (cls.__name__, *names)))
        and "vae" not in cls.__name__.lower(),
        given=_is_given_networks(cls),
    )


def _is_named(cls: type) -> bool:
    return re.search(r"vae|variational", cls.__name__, re.IGNORECASE) is not None


def _is_given_networks(cls: type) -> bool:
    """Return whether its constructor has a parameter for an encoder and one for a decoder."""
    names = [parameter.name for parameter in parameters_of(cls)]
    return all(any(re.match(rf"({short}|{long})(oder)?(_?net\w*)?$", name, re.IGNORECASE) for name in names) for short, long in _NETWORKS)


def _names_used(cls: type) -> Iterator[str]:
    """Yield the global names and attributes that the methods of a class and their nested functions use."""
    for value in vars(cls).values():
        inner = value.__func__ if isinstance(value, staticmethod | classmethod) else value
        inner = inner.fget if isinstance(inner, property) else inner
        function = inspect.unwrap(inner) if callable(inner) else None
        waiting = [function.__code__] if isinstance(function, FunctionType) else []
        while waiting:
            code = waiting.pop()
            yield from code.co_names
            waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]


def _no_class(foreign: list[type], label: str, own: list[type], described: list[_Traits]) -> Unbound:
    imported = [cls.__name__ for cls in foreign if issubclass(cls, nn.Module) and not cls.__module__.startswith(_FRAMEWORKS)]
    found = ", ".join(cls.__name__ for cls in own) or "none"
    also = f"; it imports {', '.join(imported)}" if imported else ""
    example = (imported or [cls.__name__ for cls in own] or ["make"])[0]
    shown = "".join(f"\n  {_described(one)}" for one in described if one.module and (one.named or len(described) <= _DESCRIBED))
    return Unbound(
        f"no class in {label} looks like a VAE; classes defined there: {found}{also}{shown}",
        f"A VAE encodes, samples and decodes. Name the class, or a function without arguments that builds the model: {label}:{example}",
    )


def _described(one: _Traits) -> str:
    """Describe which parts of a VAE a network has, and which it lacks."""
    own = sorted(name for name, value in vars(one.cls).items() if isinstance(value, FunctionType) and not name.startswith("__"))
    has = f"has the methods {', '.join(own)}" if own else "has no methods of its own"
    parts = {
        "a forward that takes a batch": one.runs,
        "a step that draws": one.samples,
        "something that encodes": any(map(_ENCODING.search, {*own, *one.uses})),
        "something that decodes": any(map(_DECODING.search, {*own, *one.uses})),
    }
    lacks = [name for name, there in parts.items() if not there]
    return f"{one.cls.__name__} {has}" + (f"; it lacks {', '.join(lacks)}" if lacks else "")


def factories_of(cls: type, module: ModuleType) -> list[Callable[..., object]]:
    """Return the top-level functions of a module that return an instance of a class, in source order.

    All return statements of such a function must return a call of the class, or a variable assigned from one.
    """
    found: list[Callable[..., object]] = []
    for _label, tree in source_pieces(module):
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and _returns(node, cls.__name__):
                function = vars(module).get(node.name)
                if inspect.isfunction(function) and function not in found:
                    found.append(function)
    return found


def _returns(function: ast.FunctionDef, name: str) -> bool:
    """Return whether a function only ever returns a call of the named class."""
    inside = list(walk_outside(function.body, OWN_SCOPE))
    built = {
        target.id
        for node in inside
        if isinstance(node, ast.Assign) and _is_call_of(node.value, name)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    given = [node.value for node in inside if isinstance(node, ast.Return)]
    return bool(given) and all(_is_call_of(value, name) or (isinstance(value, ast.Name) and value.id in built) for value in given)


def _is_call_of(value: ast.expr | None, name: str) -> bool:
    """Return whether it is a call of the name, possibly followed by a move to a device or dtype."""
    while isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("to", "cuda", "cpu", "float"):
        value = value.func.value
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == name
