"""Finding the parts of one model by calling what it offers, under time limits, and noting how each stands."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.calls import Caller
from vae_conformance.binding.interface import (
    DECODE_NAMES,
    ENCODE_NAMES,
    ForwardLayout,
    Found,
    as_pair,
    as_raw,
    at,
    candidates,
    read_layout,
    sampler_candidates,
)
from vae_conformance.binding.noise import seeded
from vae_conformance.binding.probing import decoder_end, output_range, probe_batch, shape_candidates
from vae_conformance.errors import Unbound
from vae_conformance.options import RunOptions
from vae_conformance.targets import Target
from vae_spec.subject import Part, PartReport, Raw, Standing, SubjectFault

PROBE_SECONDS = 10.0
"""How long one probing call may take; a forward pass that takes longer on four items is no use in training."""
BATCH = 4


@dataclass
class Findings:
    """What is known so far while one model is probed."""

    model: Any
    target: Target
    device: torch.device
    caller: Caller = field(default_factory=lambda: Caller(PROBE_SECONDS))
    parts: dict[Part, PartReport] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    x: Tensor = field(default_factory=lambda: torch.zeros(0))
    encode: str | None = None
    draw: str | Callable[..., Any] | None = None
    decode: str | None = None
    layout: ForwardLayout | None = None
    pair: tuple[Tensor, Tensor] | None = None
    raw: Raw | None = None
    end: str = "free"

    def call(self, operation: str, function: Callable[..., Any], *arguments: Any, train: bool = False, seed: int = 0) -> Any:
        """One probing call under a seed, a mode and a time limit; raises SubjectFault."""
        if isinstance(self.model, nn.Module):
            self.model.train(train)
        with (
            self.caller.calling(operation),
            seeded(seed, self.device),
            torch.no_grad(),
        ):
            return function(*arguments)

    def report(self, part: Part, standing: Standing, account: str, diagnosis: str | None = None) -> None:
        """Note how a part stands."""
        self.parts[part] = PartReport(standing, account, diagnosis)


def _forward(found: Findings, x: Tensor) -> Any:
    model = found.model
    return model(x) if callable(model) else model.forward(x)


def find_shape(found: Findings, options: RunOptions) -> None:
    """The shape of one item: the one given, or the first on which forward gives as many entries as it takes, or at least runs."""
    declared = [options.input_shape] if options.input_shape else []
    own = shape_candidates(found.model, found.target.arguments)
    fallback: tuple[int, ...] | None = None
    failure = ""
    for shape in declared or own:
        x = probe_batch(shape, BATCH).to(found.device)
        try:
            result = found.call("forward", _forward, found, x)
        except SubjectFault as fault:
            failure = failure or fault.what
            if "did not return" in fault.what:
                break
            continue
        layout = read_layout(result, x, None)
        raw = as_raw(at(result, layout.raw)) if layout is not None else None
        if raw is not None and raw[0].shape == x.shape:
            found.shape, found.x = shape, x
            return
        if fallback is None and (raw is None or raw[0].numel() == x.numel()):
            fallback = shape
    chosen = fallback or (declared[0] if declared else None) or _encodable_shape(found, own) or (own[0] if _states_a_shape(found) else None)
    if chosen is None:
        raise Unbound(
            f"no shape of input was found that {found.target.name} takes: forward {failure}",
            "name the shape of one item with --input-shape, for example --input-shape 1,28,28",
        )
    found.shape, found.x = chosen, probe_batch(chosen, BATCH).to(found.device)


def _encodable_shape(found: Findings, shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    for shape in shapes:
        for part in candidates(found.model, ENCODE_NAMES):
            try:
                found.call("encode", part.call, probe_batch(shape, BATCH).to(found.device))
            except SubjectFault:
                continue
            return shape
    return None


def _states_a_shape(found: Findings) -> bool:
    attributes = vars(found.model) if hasattr(found.model, "__dict__") else {}
    return any("shape" in name or name.startswith(("input", "in_")) for name in (*attributes, *found.target.arguments)) or any(
        isinstance(module, nn.Linear | nn.Conv2d) for module in (found.model.modules() if isinstance(found.model, nn.Module) else ())
    )


def find_encoder(found: Findings) -> None:
    """Find what gives mu and logvar."""
    account = "no method or submodule named encode"
    for part in candidates(found.model, ENCODE_NAMES):
        try:
            result = found.call("encode", part.call, found.x)
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            if part.name == "encode":
                found.report(Part.POSTERIOR, Standing.FAILING, account, fault.diagnosis)
                return
            continue
        pair = as_pair(result)
        if pair is not None and len(pair[0]) == BATCH:
            found.encode, found.pair = part.name, pair
            found.report(Part.POSTERIOR, Standing.PRESENT, f"{part.name}(x) gives (mu, logvar)")
            return
        account = f"{part.name} does not give two tensors of like shape, mu and logvar"
    found.report(Part.POSTERIOR, Standing.MISSING, account)


def find_forward(found: Findings) -> None:
    """Find what forward returns where; mu and logvar from there if encode does not give them."""
    if not callable(found.model) and not callable(getattr(found.model, "forward", None)):
        found.report(Part.FORWARD, Standing.MISSING, "the class is no nn.Module and has no forward")
        return
    try:
        encoded = None
        if found.encode is not None:
            encoded = as_pair(found.call("encode", getattr(found.model, found.encode), found.x, train=True))
        result = found.call("forward", _forward, found, found.x, train=True)
        again = found.call("forward", _forward, found, found.x, train=True, seed=1)
    except SubjectFault as fault:
        found.report(Part.FORWARD, Standing.FAILING, fault.what, fault.diagnosis)
        return
    found.layout = read_layout(result, found.x, encoded, again)
    if found.layout is None:
        found.report(Part.FORWARD, Standing.FAILING, "returns no output that could be told: return (x_hat, mu, logvar)")
        return
    found.raw = as_raw(at(result, found.layout.raw))
    if found.raw is None:
        found.report(Part.FORWARD, Standing.FAILING, "its output is neither a tensor nor a pair of tensors")
        return
    found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {found.layout.describe()}")
    if found.parts[Part.POSTERIOR].standing is Standing.MISSING and found.layout.posterior is not None:
        found.pair = as_pair(at(result, found.layout.posterior))
        found.report(Part.POSTERIOR, Standing.PRESENT, "mu and logvar are read from the distribution that forward returns")
    elif found.parts[Part.POSTERIOR].standing is Standing.MISSING and found.layout.mu is not None and found.layout.logvar is not None:
        mu, second = at(result, found.layout.mu), at(result, found.layout.logvar)
        if isinstance(mu, Tensor) and isinstance(second, Tensor) and mu.shape == second.shape:
            found.pair = mu, second
            found.report(Part.POSTERIOR, Standing.PRESENT, "mu and logvar are read from forward: encode does not give them")


def latent_shape_of(found: Findings) -> tuple[int, ...]:
    """The shape of one code; a stated dimension where none can be probed."""
    if found.pair is not None:
        return tuple(found.pair[0].shape[1:])
    stated = next(
        (value for name in ("latent_dim", "z_dim", "latent_size") if isinstance(value := getattr(found.model, name, None), int)),
        1,
    )
    found.notes.append(f"the latent dimension could not be probed: {stated} is assumed")
    return (stated,)


def find_decoder(found: Findings, latent_shape: tuple[int, ...]) -> None:
    """Find what decodes a code, and how its output ends."""
    account = "no method or submodule named decode"
    z = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(5)).to(found.device)
    for part in candidates(found.model, DECODE_NAMES):
        try:
            raw = as_raw(found.call("decode", part.call, z))
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            if part.name == "decode":
                found.report(Part.DECODE, Standing.FAILING, account, fault.diagnosis)
                return
            continue
        if raw is None or len(raw[0]) != BATCH:
            account = f"{part.name} does not give one output an item"
            continue
        found.decode = part.name
        found.raw = found.raw or raw
        found.report(Part.DECODE, Standing.PRESENT, f"{part.name}(z)")
        try:
            end, seen = found.call("decode", decoder_end, part.call, z)
            found.end = output_range(end, seen)
        except SubjectFault:
            found.end = "free"
        return
    found.report(Part.DECODE, Standing.MISSING, account)


def _takes_two(part: Found) -> bool:
    try:
        parameters = inspect.signature(part.call).parameters.values()
    except (TypeError, ValueError):
        return isinstance(part.call, nn.Module)
    required = [one for one in parameters if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len(required) == 2 or isinstance(part.call, nn.Module)


def find_sampler(found: Findings, latent_shape: tuple[int, ...]) -> None:
    """Find the sampling step."""
    inline = PartReport(Standing.REPLACED, "the sampling step stands inline in forward: it cannot be called by itself")
    found.parts[Part.DRAW] = inline
    code = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(6)).to(found.device)
    for part in sampler_candidates(found.model, found.target.namespace):
        if not _takes_two(part):
            continue
        owned = callable(getattr(found.model, part.name, None))
        try:
            z = found.call("sampling step", part.call, code, 0.1 * code, train=True)
        except SubjectFault as fault:
            found.draw = part.name if owned else part.call
            found.report(Part.DRAW, Standing.FAILING, f"{part.name}(mu, logvar) {fault.what}", fault.diagnosis)
            return
        if isinstance(z, Tensor) and z.dim() >= 1:
            found.draw = part.name if owned else part.call
            found.report(Part.DRAW, Standing.PRESENT, f"{part.name}(mu, logvar)")
            return
