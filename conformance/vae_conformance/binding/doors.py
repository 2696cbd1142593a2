"""Where a bound model can be handed a posterior and an output: told from its parts, and from layers that give what forward returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.injection import CodeDoor, Injection
from vae_conformance.binding.inside import sight
from vae_conformance.binding.interface import as_raw
from vae_conformance.binding.layout import at, same
from vae_conformance.binding.passes import RETURNED, leaf_modules, noting, stored_tensors
from vae_spec.subject import SubjectFault


def injection_of(found: Findings) -> Injection:
    """Where the model can be handed a posterior and an output."""
    code: CodeDoor | None = None
    layers: dict[str, str] = {}
    attributes: dict[str, str] = {}
    halves = next(iter(found.joint.half), None)
    layout = found.layout
    if found.encode is not None and found.form is not None:
        code, attributes = CodeDoor(found.encode, found.encoded, found.form), _kept(found)
    elif layout is not None and layout.mu is not None and layout.logvar is not None:
        if found.joint.plain:
            layers, halves = _layers(found)
        for role, path in (("mu", layout.mu), ("second", layout.logvar)) if not found.joint.plain else ():
            key = str(path[0])
            if key.startswith("self."):
                attributes[key.removeprefix("self.")] = role
            elif key.endswith("()") and not found.joint.half:
                layers[key.removesuffix("()")] = role
    decode = found.output_part if found.decode is None else (found.decode, found.decoded)
    return Injection(code, layers, halves, attributes, decode)


def injections(found: Findings) -> Iterator[Injection]:
    """The places where a pass can be handed a posterior: where what encodes gives it, and the layers inside that give its heads."""
    outer, layout = injection_of(found), found.layout
    if outer.takes_code:
        yield outer
    encoder = () if found.encode is None else (found.encode,)
    noted = _noted(found, (*encoder, *leaf_modules(found.model)))
    pair: tuple[Any, Any] | None = None
    if found.encode is not None and found.form is not None and found.form.posterior is None:
        pair = found.form.checked(noted.get(f"{found.encode}()"), len(found.x))
    elif layout is not None and layout.mu is not None and layout.logvar is not None and "result" in noted:
        pair = at(noted["result"], layout.mu), at(noted["result"], layout.logvar)
    if pair is None:
        return
    layers, halves = _layers_among(noted, *pair)
    if (layers or halves is not None) and (layers, halves) != (outer.layers, outer.halves):
        yield Injection(None, layers, halves)


def _kept(found: Findings) -> dict[str, str]:
    """The attributes in which forward keeps what encode gave, for a loss that reads them there."""
    if found.encode is None or found.form is None or found.form.posterior is not None or not stored_tensors(found.model):
        return {}
    noted = _noted(found, (found.encode,))
    pair = found.form.checked(noted.get(f"{found.encode}()"), len(found.x))
    stored = stored_tensors(found.model).items() if pair is not None else ()
    return {name: role for role, value in zip(("mu", "second"), pair or (), strict=False) for name, kept in stored if same(kept, value)}


def _layers(found: Findings) -> tuple[dict[str, str], str | None]:
    """The layers that give what forward returns as mu and as the second head: one for each, or one that gives both side by side."""
    layout = found.layout
    if layout is None or layout.mu is None or layout.logvar is None:
        return {}, None
    try:
        seen = sight(found)
    except SubjectFault:
        return {}, None
    returned = seen.noted[RETURNED]
    return _layers_among(seen.noted, at(returned, layout.mu), at(returned, layout.logvar))


def _layers_among(noted: Mapping[str, Any], mu: Tensor, second: Tensor) -> tuple[dict[str, str], str | None]:
    """The layers among the noted parts that give mu and the second head, each by one or both side by side by one."""
    gave = {name.removesuffix("()"): value for name, value in noted.items() if name.endswith("()") and isinstance(value, Tensor)}
    for name, value in gave.items():
        if value.dim() == mu.dim() and value.shape[1:] == (2 * mu.shape[1], *mu.shape[2:]):
            first, other = value.chunk(2, dim=1)
            if same(first, mu) and same(other, second):
                return {}, name
    of_mu, of_second = (next((name for name, value in gave.items() if same(value, head)), None) for head in (mu, second))
    if of_mu is None or of_second is None or of_mu == of_second:
        return {}, None
    return {of_mu: "mu", of_second: "second"}, None


def output_part(found: Findings) -> tuple[str, Any] | None:
    """The outermost submodule whose result is the output, with that result; None where the output is made in forward itself."""
    if not isinstance(found.model, nn.Module) or found.layout is None:
        return None
    names = tuple(name for name, _module in found.model.named_modules() if name)
    noted = _noted(found, names)
    output = as_raw(at(noted["result"], found.layout.raw)) if "result" in noted else None
    for name in names if output is not None else ():
        raw = as_raw(noted.get(f"{name}()"))
        if raw is not None and output is not None and len(raw) == len(output) and all(map(same, raw, output)):
            return name, noted[f"{name}()"]
    return None


def _noted(found: Findings, parts: tuple[str, ...]) -> dict[str, Any]:
    """What parts give in one pass, and what the pass gives, as `result`; nothing where it fails."""

    def run() -> dict[str, Any]:
        with noting(found.model, parts) as noted:
            noted["result"] = found.joint(found.model, found.x.clone())
        return noted

    try:
        noted: dict[str, Any] = found.call("forward", run, train=True)
    except SubjectFault:
        return {}
    return noted
