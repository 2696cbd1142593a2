"""A loss that is there and that nobody can call: the run names it and stops, and puts nothing in its place."""

from __future__ import annotations

import dis
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor, nn

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.loss_arguments import Parameters, is_weight, names_model, parameters
from vae_conformance.binding.loss_search import METHOD_NAMES, places, tells_loss
from vae_conformance.binding.losses import Loss
from vae_conformance.errors import Unbound
from vae_conformance.target.adapter import Adapter, inner_of
from vae_conformance.target.source_code import of_one_target
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
    for account, call in _named(found, asked):
        own_name = _name(account)
        if own_name != asked and (asked is not None or _plainly_another(found, account, call)):
            continue
        outcomes = [what for name, what in tried if name == own_name]
        became = f"the last attempt {outcomes[-1]}" if outcomes else "it takes none of the arguments that losses take"
        raise Unbound(
            f"{found.target.name}: {account}{_signature(call)}{_line(call)} has the name of a loss and could not be called:"
            f" tried with (x_hat, x, mu, logvar), with what forward returns and x, with x alone, and with the model and x; {became}",
            "if another one is this model's loss, name it: --loss NAME; else write an adapter whose loss takes x_hat, x, mu and logvar"
            " and calls this one (docs/adapters.md)",
        )


def _name(account: str) -> str:
    return account.rpartition(" ")[2]


def _named(found: Findings, asked: str | None) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Methods, functions and classes with the name of a loss that are the author's own, the outermost first."""
    namespace, inner = found.target.namespace, inner_of(found.model)
    own = getattr(namespace, "__name__", "")
    homes = {name.partition(".")[0] for name in (own, type(inner).__module__)}
    for account, call in places(inner, namespace, asked):
        sort, _, name = account.partition(" ")
        kind = call if inspect.ismethod(call) or inspect.isfunction(call) else type(call)
        own_method = sort == "method" and name in (*_METHODS, asked) and getattr(kind, "__module__", "").partition(".")[0] in homes
        if own_method or (sort == "function" and (tells_loss(name) or name == asked)):
            yield account, call
    for name, value in list(vars(namespace).items()):
        own_class = inspect.isclass(value) and of_one_target(value.__module__, own)
        if own_class and (issubclass(value, nn.Module) or "__call__" in vars(value)) and tells_loss(name) and not isinstance(inner, value):
            yield f"class {name}", value


def _plainly_another(found: Findings, account: str, call: Callable[..., Any]) -> bool:
    """Whether it is no loss of this model: by its name, because it does nothing, because of what it takes, or because it is one term."""
    called = vars(call).get("forward", vars(call).get("__call__")) if inspect.isclass(call) else call
    taken = None if called is None else parameters(called)
    if taken is None or _OTHERS.search(_name(account)) or _is_stub(called):
        return True
    names = [entry.name for entry in taken.required if not is_weight(entry.name) and entry.name != "self"]
    if any(_LOOP.search(entry.name) for entry in taken.positional):
        return True
    known = set(taken.roles.values()) - {taken.roles.get("beta")}
    if account.startswith("function") and len(names) < 2 and not known & set(names):
        return True
    return _is_term(found, account, call, taken, names)


def _is_term(found: Findings, account: str, call: Callable[..., Any], taken: Parameters, names: list[str]) -> bool:
    """Whether it takes the output and the batch, or the heads, and not both: one term of a loss."""
    roles = taken.roles.keys() - {"beta"}
    code = {"mu", "logvar", "posterior", "z"} & roles
    if any(names_model(name) for name in names) or (code and "x" in roles) or len(names) < 2:
        return False
    if sum(words.search(_name(account)) is not None for words in _TERMS) == 1:
        return True
    if code or inspect.isclass(call) or len(names) != 2 or found.raw is None or found.pair is None:
        return not taken.unknown and roles in (code, {"raw", "x"})
    output: Any = found.raw[0] if len(found.raw) == 1 else found.raw
    return any(_answers(found, call, pair) for pair in ((output, found.x), found.pair))


def _answers(found: Findings, call: Callable[..., Any], arguments: tuple[Any, Any]) -> bool:
    try:
        value = found.call("loss", call, *arguments)
    except SubjectFault:
        return False
    return isinstance(value, Tensor) and value.numel() in (1, BATCH)


def _is_stub(call: Callable[..., Any]) -> bool:
    """Whether a function uses nothing that it is given: it raises, or does nothing, as what subclasses are to write."""
    code = getattr(inspect.unwrap(call), "__code__", None)
    used = code is None or any("LOAD_FAST" in line.opname or "LOAD_DEREF" in line.opname for line in dis.get_instructions(code))
    return getattr(call, "__isabstractmethod__", False) or not used


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
