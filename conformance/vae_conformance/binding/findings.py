"""Finding the parts of one model by calling what it offers, under time limits, and noting how each stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.drawing import DrawForm, forms
from vae_conformance.binding.heads import Head
from vae_conformance.binding.injection import answering
from vae_conformance.binding.interface import (
    DECODE_NAMES,
    ENCODE_NAMES,
    CodeForm,
    Found,
    as_raw,
    candidates,
    code_form,
    inner_samplers,
    sampler_candidates,
)
from vae_conformance.binding.layout import Both, ForwardLayout, at, batched, leaves, same
from vae_conformance.binding.passes import RETURNED, Joint, call_forward, noting
from vae_conformance.binding.probing import decoder_end, output_range
from vae_conformance.guard.calls import Caller
from vae_conformance.guard.random_calls import RandomCalls
from vae_conformance.guard.seeds import seeded
from vae_conformance.target.adapter import part_of
from vae_conformance.target.target import Target
from vae_spec.subject import Noise, Part, PartReport, Raw, Standing, SubjectFault

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
    form: CodeForm | None = None
    encoded: Any = None
    draw: str | Callable[..., Any] | None = None
    draw_part: Found | None = None
    draw_form: DrawForm = field(default_factory=DrawForm)
    site: str | None = None
    taker: str | None = None
    decode: str | None = None
    decoded: Any = None
    steered: Callable[[Tensor], Any] | None = None
    joint: Joint = field(default_factory=Joint)
    layout: ForwardLayout | None = None
    result: Any = None
    pair: tuple[Tensor, Tensor] | None = None
    raw: Raw | None = None
    end: str = "free"
    inside_head: Head | None = None

    def call(
        self, operation: str, function: Callable[..., Any], *arguments: Any, train: bool = False, seed: int = 0, noise: Noise | None = None
    ) -> Any:
        """One probing call under a seed, a mode and a time limit; raises SubjectFault."""
        if isinstance(self.model, nn.Module):
            self.model.train(train)
        with (
            self.caller.calling(operation),
            seeded(seed, self.device),
            torch.no_grad(),
        ):
            if noise is None:
                return function(*arguments)
            with RandomCalls(noise):
                return function(*arguments)

    def report(self, part: Part, standing: Standing, account: str, diagnosis: str | None = None, known_by: str = "") -> None:
        """Note how a part stands."""
        self.parts[part] = PartReport(standing, account, diagnosis, known_by)

    def forward(self, x: Tensor) -> Any:
        """The model's own forward pass, on a copy: some scale their batch in place."""
        return call_forward(self.model, x.clone())


def find_encoder(found: Findings, called: Sequence[Found] = ()) -> None:
    """Find what gives mu and logvar: by its name, or among the parts of which that shows while forward runs."""
    account = "no method or submodule named encode"
    by_name = candidates(found.model, ENCODE_NAMES)
    for part in (*by_name, *called):
        try:
            result = found.call("encode", part.call, found.x, train=True)
            again = found.call("encode", part.call, found.x, train=True, seed=1)
            evaluated = found.call("encode", part.call, found.x)
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            if part.name == "encode":
                found.report(Part.POSTERIOR, Standing.FAILING, account, fault.diagnosis)
                return
            continue
        form = code_form(result, again, found.x)
        if form is not None and len(form.read(evaluated)[0]) == BATCH:
            found.encode, found.form, found.encoded, found.pair = part.name, form, result, form.read(evaluated)
            known = "its name" if part in by_name else "probe: forward hands it the batch"
            found.report(Part.POSTERIOR, Standing.PRESENT, f"{part.name}(x) gives {_described(form)}", known_by=f"{known}; {form.known_by}")
            return
        account = f"{part.name} does not give two tensors of like shape, mu and logvar"
    found.report(Part.POSTERIOR, Standing.MISSING, account)


def _described(form: CodeForm) -> str:
    if form.posterior is not None:
        return "a distribution"
    if (form.mu, form.second) == ((0,), (1,)):
        return "(mu, logvar)"
    return f"mu at {'.'.join(map(str, form.mu))}, logvar at {'.'.join(map(str, form.second))}"


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


def find_decoder(found: Findings, latent_shape: tuple[int, ...], called: Sequence[Found] = ()) -> None:
    """Find what decodes a code, by its name or among the parts that forward hands the code, and how its output ends."""
    account = "no method or submodule named decode"
    z = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(5)).to(found.device)
    by_name = candidates(found.model, DECODE_NAMES)
    for part in (*by_name, *called):
        try:
            decoded = found.call("decode", part.call, z)
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            if part.name == "decode":
                more = _handed_more(found, part.name)
                said = f"; forward hands it {more} beside the code, made of x" if more else ""
                found.report(Part.DECODE, Standing.FAILING, account + said, "decoder-sees-x" if more else fault.diagnosis)
                return
            continue
        raw = as_raw(decoded)
        if raw is None or len(raw[0]) != BATCH:
            account = f"{part.name} does not give one output an item"
            continue
        if (bent := _bent(found, part)) is not None:
            account = f"{part.name} and forward differ by a {bent}"
            continue
        found.decode, found.decoded = part.name, decoded
        found.raw = found.raw or raw
        known = "its name; probe: it takes a code" if part in by_name else "probe: forward hands it the code"
        found.report(Part.DECODE, Standing.PRESENT, f"{part.name}(z)", known_by=known)
        try:
            end, seen = found.call("decode", decoder_end, part.call, z)
            found.end = output_range(end, seen)
        except SubjectFault:
            found.end = "free"
        return
    found.report(Part.DECODE, Standing.MISSING, account)


def _handed_more(found: Findings, decoder: str) -> str:
    """How many tensors that follow the batch forward hands a decoder beside its first argument, in words; empty where there are none."""

    def handed(x: Tensor) -> list[Tensor]:
        with noting(found.model, (decoder,)) as noted:
            call_forward(found.model, x)
        return [leaf for _path, leaf in batched(noted.get(decoder, ())[1:], x)]

    try:
        passes = [found.call("forward", handed, x, noise=Noise.none()) for x in (found.x.clone(), found.x.flip(0))]
    except SubjectFault:
        return ""
    count = sum(not same(one, other) for one, other in zip(*passes, strict=False))
    return "" if not count else "one tensor" if count == 1 else f"{count} tensors"


def pair_output(found: Findings) -> None:
    """Where the decoder gives a mean and a variance, and forward's result holds the two side by side, both are its output."""
    layout, given = found.layout, as_raw(found.decoded)
    if layout is None or given is None or len(given) != 2 or found.raw is None or len(found.raw) != 1 or not layout.raw:
        return
    taken = (layout.raw, layout.mu, layout.logvar)
    others = [
        path
        for path, leaf in batched(found.result, found.x)
        if path not in taken and leaf.shape == found.raw[0].shape and not same(leaf, found.x) and path[:-1] == layout.raw[:-1]
    ]
    if len(others) == 1:
        found.layout = replace(layout, raw=(*layout.raw[:-1], Both(layout.raw[-1:], others[0][-1:])))
        found.raw = as_raw(at(found.result, found.layout.raw))
        known = found.parts[Part.FORWARD].known_by
        found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {found.layout.describe()}", known_by=known)


def _bent(found: Findings, part: Found) -> str | None:
    """What stands between a part and forward's own output, "sigmoid" or "tanh", whichever comes first; None for forward's decoder.

    Where forward gives a loss of what the part gives, the part is the decoder, and what it gives is forward's output.
    """
    if found.layout is None or found.joint.composition is not None:
        return None
    try:
        result = found.call("forward", found.joint, found.model, found.x.clone(), noise=Noise.none())
        own = as_raw(at(result, found.layout.raw))
        mu = _mean(found, result)
        given = None if mu is None else as_raw(found.call("decode", part.call, mu))
    except SubjectFault:
        return None
    if own is None or given is None or own[0].numel() != given[0].numel():
        return None
    before, behind = given[0].flatten(), own[0].flatten()
    if same(before, behind):
        return None
    for name, bend in (("sigmoid", torch.sigmoid), ("tanh", torch.tanh)):
        if same(bend(before), behind) and _costs(found, part):
            _look_before_the_end(found, part.name)
            return None
        if same(bend(before), behind) or same(bend(behind), before):
            return name
    return None


def _costs(found: Findings, part: Found) -> bool:
    """Whether a number that forward returns follows what a part gives: its loss."""

    def moved(own: Callable[..., Any], *arguments: Any) -> Any:
        given = own(*arguments)
        return given + 0.5 if isinstance(given, Tensor) else given

    def run() -> Any:
        with answering(found.model, part.name, moved):
            return call_forward(found.model, found.x.clone())

    try:
        passes = [found.call("forward", one, noise=Noise.none()) for one in (partial(found.forward, found.x), run)]
    except SubjectFault:
        return False
    numbers = [[float(leaf) for _path, leaf in leaves(one) if isinstance(leaf, Tensor) and leaf.dim() == 0] for one in passes]
    return len(numbers[0]) == len(numbers[1]) and numbers[0] != numbers[1]


def _mean(found: Findings, result: Any) -> Tensor | None:
    """Mu of a pass without noise in eval mode."""
    if found.layout is not None and found.layout.mu is not None:
        mu = at(result, found.layout.mu)
    elif found.encode is not None and found.form is not None:
        mu = found.form.read(found.call("encode", part_of(found.model, found.encode), found.x.clone()))[0]
    else:
        return None
    return mu if isinstance(mu, Tensor) else None


def _look_before_the_end(found: Findings, part: str) -> None:
    """Take what a part gives for the output of a pass."""
    layout, joint = found.layout, found.joint
    assert layout is not None
    before = (RETURNED,) if joint.plain else ()
    others = (None if path is None else (*before, *path) for path in (layout.mu, layout.logvar, layout.posterior))
    found.joint = replace(joint, parts=tuple(dict.fromkeys((*joint.parts, part))))
    found.layout = ForwardLayout((f"{part}()",), *others)
    found.result = found.call("forward", found.joint, found.model, found.x, train=True)
    found.raw = as_raw(at(found.result, found.layout.raw))
    found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {found.layout.describe()}", known_by=found.parts[Part.FORWARD].known_by)


def find_sampler(found: Findings, latent_shape: tuple[int, ...]) -> None:
    """Find the sampling step: what gives a code's shape, else what gives a tensor, else what a telling name has and fails."""
    inline = PartReport(Standing.REPLACED, "the sampling step stands inline in forward: it cannot be called by itself")
    found.parts[Part.DRAW] = inline
    code = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(6)).to(found.device)
    taken = list(_steps(found, sampler_candidates(found.model, found.target.namespace), code))
    if all(rank > 0 for rank, *_rest in taken):
        taken = [entry for entry in _steps(found, inner_samplers(found.model), code) if entry[0] == 0] or taken
    if not taken:
        return
    _rank, part, form, report = min(taken, key=lambda entry: entry[0])
    found.draw = part.name if "." in part.name or callable(getattr(found.model, part.name, None)) else part.call
    found.draw_part, found.draw_form, found.parts[Part.DRAW] = part, form, report


def _steps(found: Findings, offered: list[Found], code: Tensor) -> Iterator[tuple[int, Found, DrawForm, PartReport]]:
    """What may be the sampling step, with a rank: 0 gives a code's shape, 1 another tensor, 2 fails."""
    for part in offered:
        for form in forms(part):
            # A standard deviation or a variance is above 0, a log-variance may lie anywhere.
            answers = [_answer(found, part, form, code, second) for second in (0.1 * code, 0.1 * code.abs() + 0.5)]
            z = next((answer for answer in answers if isinstance(answer, Tensor) and bool(torch.isfinite(answer).all())), answers[0])
            if isinstance(z, Tensor) and z.dim() >= 1:
                rank = 0 if z.shape == code.shape else 1
                yield rank, part, form, PartReport(Standing.PRESENT, form.describe(part.name), known_by="its name and arguments")
            elif isinstance(z, SubjectFault) and not form.packed:
                yield 2, part, form, PartReport(Standing.FAILING, f"{part.name}(mu, logvar) {z.what}", z.diagnosis)


def _answer(found: Findings, part: Found, form: DrawForm, mu: Tensor, second: Tensor) -> Any:
    try:
        return found.call("sampling step", form.call, part.call, mu, second, train=True)
    except SubjectFault as fault:
        return fault
