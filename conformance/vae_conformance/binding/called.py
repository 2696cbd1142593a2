"""Parts whose names say nothing, told by what forward does with them: what it hands the batch and takes a posterior from, what the code.

Only what a pass calls by itself is looked at: no method is tried for what it might be.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.injection import answering
from vae_conformance.binding.interface import Found, as_raw, code_form
from vae_conformance.binding.layout import at, batched, leaves, same
from vae_conformance.binding.passes import has_forward
from vae_conformance.target.adapter import inner_of, part_of, settled
from vae_spec.subject import Noise, Raw, SubjectFault


@dataclass
class Call:
    """One call of a part inside a pass.

    Attributes:
        name: of the part, dotted.
        argument: its first argument, a tensor.
        result: what it gave.
    """

    name: str
    argument: Tensor
    result: Any = None


def encoders_called(found: Findings) -> list[Found]:
    """The parts that forward hands the batch and that give mu and a second head, or a distribution, the outermost first."""
    try:
        first, again = (_calls(found, seed=seed) for seed in (0, 1))
    except SubjectFault:
        return []
    pairs = [(call, other) for call, other in zip(first, again, strict=False) if call.name == other.name]
    taking = [(call, other) for call, other in pairs if torch.equal(call.argument.flatten(), found.x.flatten())]
    names = [
        call.name
        for call, other in taking
        if code_form(call.result, other.result, found.x) is not None and not _holds_an_output(call.result, found.x)
    ]
    return [Found(name, part_of(found.model, name)) for name in dict.fromkeys(names)]


def _holds_an_output(result: Any, x: Tensor) -> bool:
    """Whether a result of several entries holds one of the batch's size: what gives that has decoded as well."""
    found = [leaf for _path, leaf in batched(result, x) if leaf.numel() == x.numel() and not same(leaf, x)]
    return bool(found) and len(leaves(result)) > 2


def takers_called(found: Findings) -> list[Call]:
    """The calls that are handed the code, in their order: of what the noise changes, what is smallest."""
    try:
        silent, noisy = (_calls(found, noise=noise) for noise in (Noise.none(), Noise()))
    except SubjectFault:
        return []
    moved = [
        call
        for call, other in zip(silent, noisy, strict=False)
        if call.name == other.name and call.argument.dim() >= 2 and len(call.argument) == BATCH and not same(call.argument, other.argument)
    ]
    least = min((call.argument.numel() for call in moved), default=0)
    return [call for call in moved if call.argument.numel() == least]


def decoders_among(found: Findings, takers: Sequence[Call]) -> list[Found]:
    """Find the parts that take the latent and give what forward gives as its output, up to a sigmoid or a tanh at its end.

    A layer in front of the decoder takes the latent too, and what it gives may have as many numbers as several outputs.
    """
    if found.layout is None:
        return []
    try:
        result = found.call("forward", found.joint, found.model, found.x.clone(), train=True, noise=Noise.none())
    except SubjectFault:
        return []
    output = as_raw(at(result, found.layout.raw))
    names = [call.name for call in takers if output is not None and _ends_in(as_raw(call.result), output[0])]
    return [Found(name, part_of(found.model, name)) for name in dict.fromkeys(names)]


def _ends_in(raw: Raw | None, output: Tensor) -> bool:
    """Whether what a part gave is the output of its pass, or becomes it by a sigmoid or a tanh."""
    if raw is None or raw[0].numel() != output.numel():
        return False
    given, own = raw[0].flatten(), output.flatten()
    return any(same(bend(given), own) for bend in (lambda one: one, torch.sigmoid, torch.tanh))


def _calls(found: Findings, *, seed: int = 0, noise: Noise | None = None) -> list[Call]:
    """What one pass in training mode calls, in their order; nothing of a record, which names its parts."""
    if not has_forward(found.model) or settled(found.model, ("encode", "decode", "forward")) is not None:
        return []
    made: list[Call] = []

    def noted(name: str, own: Callable[..., Any], *arguments: Any) -> Any:
        first = arguments[0] if arguments else None
        # Inside of vmap and its kin there are no values to be looked at.
        if not isinstance(first, Tensor) or torch._C._functorch.is_functorch_wrapped_tensor(first):  # noqa: SLF001
            return own(*arguments)
        call = Call(name, first)
        made.append(call)
        call.result = own(*arguments)
        return call.result

    def run() -> None:
        with ExitStack() as stack:
            for name in _names(found.model):
                stack.enter_context(answering(found.model, name, partial(noted, name)))
            found.forward(found.x)

    found.call("forward", run, train=True, seed=seed, noise=noise)
    return made


def _names(model: Any) -> list[str]:
    """The methods of a model's own classes, and its submodules, by dotted names."""
    kinds = [kind for kind in type(inner_of(model)).__mro__ if not kind.__module__.startswith(("torch.", "builtins"))]
    methods = [name for kind in kinds for name, value in vars(kind).items() if inspect.isfunction(value) and not name.startswith("__")]
    modules = [name for name, _module in model.named_modules() if name] if isinstance(model, nn.Module) else []
    return [*(name for name in dict.fromkeys(methods) if name != "forward"), *modules]
