"""A loss that is there and that nobody can call: the run names it and stops, and puts nothing in its place."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.loss_arguments import Parameters, is_weight, names_model, parameters
from vae_conformance.binding.loss_search import METHOD_NAMES, outermost, own_functions
from vae_conformance.binding.losses import Loss
from vae_conformance.errors import Unbound
from vae_conformance.target.adapter import Adapter, inner_of
from vae_spec.subject import Part, Standing, SubjectFault

_METHODS = (*METHOD_NAMES, "training_step", "compute_elbo", "forward_loss", "negative_elbo", "nelbo")
_OTHERS = re.compile(
    r"disc|advers|(^|_)(adv|gan|gen|d|g)(_|$)|generator|critic(?!al)|percept|lpips|style|feature|classif|schedul|anneal|coef|weight"
    r"|plot|print|save|show|curve|histor|track|meter|lossless|lossy",
    re.IGNORECASE,
)
"""Names of what is no VAE's loss: a discriminator's, a classifier's, a helper's that plots or keeps losses."""
_TERMS = tuple(re.compile(words, re.IGNORECASE) for words in (r"recon|nll|neg\w*_?log|bce|mse|cross_?entropy", r"kl|divergence"))
"""Names of the reconstruction term alone, and of the KL alone."""
_LOOP = re.compile(r"loader|data_?set|optim|^opt$|epochs", re.IGNORECASE)
"""Parameters of what goes over a whole data set."""
_CALLING = ("torch", "nn", "modules", "module.py")
"""Where PyTorch hands a module's arguments on."""


@dataclass(frozen=True)
class Named:
    """Something with the name of a loss.

    Attributes:
        name: its own.
        account: method, function or class, and its name.
        call: what is called, or the class.
    """

    name: str
    account: str
    call: Callable[..., Any]


def tells_nothing(fault: SubjectFault) -> bool:
    """Whether a failing call says nothing of the author's code.

    It takes other arguments than it was handed, and was never entered; or something has to be set before, which nobody has done here.
    """
    error = fault.__cause__
    if isinstance(error, AttributeError):
        return _is_set_elsewhere(error)
    if not isinstance(error, TypeError):
        return False
    own = str(Path(__file__).parent.parent)
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return all(file.startswith(own) or Path(file).parts[-4:] == _CALLING for file in files)


def _is_set_elsewhere(error: AttributeError) -> bool:
    """Whether a call misses an attribute of `self` that a method other than the constructor sets, as `compile` does: it is not prepared."""
    named = re.search(r"has no attribute '(\w+)'", str(error))
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    owner = next((frame.f_locals["self"] for frame in reversed(frames) if "self" in frame.f_locals and named), None)
    if named is None or owner is None:
        return False
    for kind in type(owner).__mro__:
        for name, method in vars(kind).items():
            code = getattr(method, "__code__", None)
            if name != "__init__" and code is not None and not kind.__module__.startswith("torch.") and _sets(method, named[1]):
                return True
    return False


def _sets(method: Callable[..., Any], attribute: str) -> bool:
    """Whether a method assigns an attribute of `self`."""
    try:
        return re.search(rf"self\.{attribute}\s*(:[^=\n]+)?=[^=]", inspect.getsource(method)) is not None
    except (OSError, TypeError):
        return False


def ask_for_keyword(found: Findings, loss: Loss, fault: SubjectFault) -> None:
    """Ask for a value that a loss takes from its keywords and that nothing in the file gives.

    Raises:
        Unbound: the fault is that it is missing.
    """
    missing, own = re.search(r"KeyError: '(\w+)'", fault.what), inspect.unwrap(loss.call)
    taken = parameters(own)
    if missing and taken is not None and taken.takes_keywords:
        raise Unbound(
            f"{found.target.name}: {loss.account}{_line(own)} takes {missing[1]!r} from its keywords, and nothing says what it is",
            f"let it have a default, as kwargs.get({missing[1]!r}, 1.0) gives one, or write an adapter whose loss passes it on"
            " (docs/adapters.md)",
        )


def refuse_unread(found: Findings, tried: Sequence[tuple[str, str]], asked: str | None = None) -> None:
    """Stop where something has the name of a loss and could not be called, in place of a run with another loss than the author's.

    Args:
        found: the model, whose forward works: where it does not, that is for the claims to say.
        tried: for each attempt the name of the loss and what became of it.
        asked: the loss that the user names, where there is one.

    Raises:
        Unbound: there is such a loss.
    """
    if asked is None and isinstance(found.model, Adapter):
        return  # the record says what the parts are: without a loss it says that there is none
    if asked is None and any(found.parts[part].standing is not Standing.PRESENT for part in (Part.FORWARD, Part.POSTERIOR)):
        return
    for one in _named(found):
        if one.name != asked and (asked is not None or _plainly_another(found, one)):
            continue
        outcomes = [what for name, what in tried if name == one.name]
        became = f"the last attempt {outcomes[-1]}" if outcomes else "it takes none of the arguments that losses take"
        raise Unbound(
            f"{found.target.name}: {one.account}{_signature(one.call)}{_line(one.call)} has the name of a loss and could not be called:"
            f" tried with (x_hat, x, mu, logvar), with what forward returns and x, with x alone, and with the model and x; {became}",
            "if another one is this model's loss, name it: --loss NAME; else write an adapter whose loss takes x_hat, x, mu and logvar"
            " and calls this one (docs/adapters.md)",
        )


def _named(found: Findings) -> Iterator[Named]:
    """Methods, functions and classes with the name of a loss that are the author's own, the outermost first."""
    inner = inner_of(found.model)
    for name in _METHODS:
        call = getattr(inner, name, None)
        kind = call if inspect.ismethod(call) or inspect.isfunction(call) else type(call)
        if callable(call) and getattr(kind, "__module__", "").partition(".")[0] in _homes(found):
            yield Named(name, f"method {name}", call)
    for name, call in outermost(dict(own_functions(found.target.namespace))).items():
        yield Named(name, f"function {name}", call)
    for name, value in list(vars(found.target.namespace).items()):
        own = inspect.isclass(value) and value.__module__ == getattr(found.target.namespace, "__name__", None)
        callable_class = own and (issubclass(value, nn.Module) or "__call__" in vars(value))
        if callable_class and re.search(r"loss|elbo|criterion|objective", name, re.IGNORECASE) and not isinstance(inner, value):
            yield Named(name, f"class {name}", value)


def _homes(found: Findings) -> set[str]:
    """The packages that hold the author's code."""
    names = getattr(found.target.namespace, "__name__", ""), type(inner_of(found.model)).__module__
    return {name.partition(".")[0] for name in names}


def _plainly_another(found: Findings, one: Named) -> bool:
    """Whether it is no loss of this model: by its name, because it does nothing, because of what it takes, or because it is one term."""
    called = vars(one.call).get("forward", vars(one.call).get("__call__")) if inspect.isclass(one.call) else one.call
    taken = None if called is None else parameters(called)
    if taken is None or _OTHERS.search(one.name) or _is_stub(called):
        return True
    names = [entry.name for entry in taken.required if not is_weight(entry.name) and entry.name != "self"]
    if any(_LOOP.search(entry.name) for entry in taken.positional):
        return True
    known = set(taken.roles.values()) - {taken.roles.get("beta")}
    if one.account.startswith("function") and len(names) < 2 and not known & set(names):
        return True
    return _is_term(found, one, taken, names)


def _is_term(found: Findings, one: Named, taken: Parameters, names: list[str]) -> bool:
    """Whether it takes the output and the batch, or the heads, and not both: one term of a loss."""
    code = {"mu", "logvar", "posterior", "z"} & taken.roles.keys()
    if any(names_model(name) for name in names) or (code and "x" in taken.roles) or len(names) < 2:
        return False
    if sum(words.search(one.name) is not None for words in _TERMS) == 1:
        return True
    if code:
        return "raw" not in taken.roles and not taken.unknown
    if inspect.isclass(one.call) or len(names) != 2 or found.raw is None or found.pair is None:
        return {"raw", "x"} == taken.roles.keys() & {"raw", "x"} and len(names) == 2
    output: Any = found.raw[0] if len(found.raw) == 1 else found.raw
    return any(_answers(found, one.call, pair) for pair in ((output, found.x), found.pair))


def _answers(found: Findings, call: Callable[..., Any], arguments: tuple[Any, Any]) -> bool:
    try:
        value = found.call("loss", call, *arguments)
    except SubjectFault:
        return False
    return isinstance(value, Tensor) and value.numel() in (1, BATCH)


def _is_stub(call: Callable[..., Any] | None) -> bool:
    """Whether a function does nothing but raise, or nothing at all: what subclasses are to write."""
    if getattr(call, "__isabstractmethod__", False):
        return True
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(call))))  # type: ignore[arg-type]
    except (OSError, TypeError, SyntaxError):
        return False
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.FunctionDef) else None
    return body is not None and all(
        isinstance(line, ast.Raise | ast.Pass) or (isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)) for line in body
    )


def _signature(call: Callable[..., Any]) -> str:
    """The parameters as they are written, without their types."""
    try:
        written = inspect.signature(call)
    except (TypeError, ValueError):
        return ""
    plain = [one.replace(annotation=one.empty) for one in written.parameters.values()]
    return str(written.replace(parameters=plain, return_annotation=written.empty))


def _line(call: Callable[..., Any]) -> str:
    try:
        return f" (line {inspect.getsourcelines(inspect.unwrap(call))[1]})"
    except (OSError, TypeError):
        return ""
