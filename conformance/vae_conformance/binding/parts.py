"""The encoder, the sampling step and the decoder of a model: what its training pass calls, or what has a usual name and answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.drawing import DrawForm, forms
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.interface import (
    DECODE_NAMES,
    ENCODE_NAMES,
    Found,
    as_raw,
    candidates,
    inner_samplers,
    sampler_candidates,
)
from vae_conformance.binding.layout import Both, CodeForm, ForwardLayout, at, batched, leaves, same
from vae_conformance.binding.own_methods import SAMPLING
from vae_conformance.binding.passes import RETURNED
from vae_conformance.binding.reading import code_form
from vae_conformance.binding.refusals import refuse_several_draws, refuse_size_of_item, refuse_teacher
from vae_conformance.binding.roles.nodes import alike
from vae_conformance.guard.calls import tells_nothing
from vae_conformance.target.adapter import part_of, settled
from vae_spec.subject import Part, PartReport, Standing, SubjectFault

_BENDS = (("nothing", lambda one: one), ("sigmoid", torch.sigmoid), ("tanh", torch.tanh))
"""What may stand between a decoder and forward's output."""


def find_encoder(found: Findings) -> Findings:
    """Find what gives mu and the second head: by its name, or among the parts that take the batch in forward."""
    account = "no method or submodule named encode"
    by_name = candidates(found.model, ENCODE_NAMES)
    for part in (*by_name, *_encoders_called(found)):
        try:
            call = found.called(part.name, found.x)
            result = found.call("encode", part.call, found.x, train=True) if call is None else call.result
            form = code_form(result, found.x, found.latent, partial(found.call, "encode", part.call, found.x, train=True, seed=1))
            evaluated = found.call("encode", part.call, found.x)
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            # What forward passes something else than the batch, such as features, is no encoder of the batch.
            elsewhere = found.fault is None and any(call.name == part.name for call in found.calls)
            if part.name == "encode" and not elsewhere:
                found.fails(Part.POSTERIOR, account, fault)
                return found
            continue
        pair = None if form is None else form.checked(evaluated, BATCH)
        if form is not None and pair is not None:
            order = [path for path, _leaf in leaves(result) if path in (form.mu, form.second)]
            if form.posterior is None and order[0] == form.second:
                found.notes.append("without noise the decoder is given the later of the two heads: it is taken for mu")
            known = "its name" if part in by_name else "probe: forward passes it the batch"
            found.report(Part.POSTERIOR, Standing.PRESENT, f"{part.name}(x) gives {_described(form)}", known_by=f"{known}; {form.known_by}")
            return replace(found, encode=part.name, form=form, encoded=form.read(result), pair=pair)
        account = f"{part.name} does not give two tensors of like shape, mu and logvar"
    found.report(Part.POSTERIOR, Standing.MISSING, account)
    return found


def _encoders_called(found: Findings) -> Iterator[Found]:
    """The parts that take the batch in forward and that give mu and a second head, or a distribution, but no output beside them."""
    for name in dict.fromkeys(call.name for call in found.calls if call.takes(found.x)):
        call = found.called(name, found.x)
        result = None if call is None else call.result
        outputs = [leaf for _path, leaf in batched(result, found.x) if leaf.numel() == found.x.numel() and not same(leaf, found.x)]
        if code_form(result, found.x, found.latent, lambda: None) is not None and not (outputs and len(leaves(result)) > 2):
            yield Found(name, part_of(found.model, name))


def _described(form: CodeForm) -> str:
    if form.posterior is not None:
        return "a distribution"
    if (form.mu, form.second) == ((0,), (1,)):
        return "(mu, logvar)"
    return f"mu at {'.'.join(map(str, form.mu or ()))}, logvar at {'.'.join(map(str, form.second or ()))}"


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


def find_decoder(found: Findings, latent_shape: tuple[int, ...]) -> Findings:
    """Find what decodes a code, by its name or among the parts that take the latent in forward, and how its output ends."""
    account = "no method or submodule named decode"
    z = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(5)).to(found.device)
    own = None if found.latent is None or found.latent.code.numel() != z.numel() else found.latent.code.reshape(z.shape)
    z = z if own is None else own
    by_name = candidates(found.model, DECODE_NAMES)
    for part in (*by_name, *_decoders_called(found)):
        try:
            decoded = found.call("decode", part.call, z, train=True)
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            more = _handed_more(found, part.name) if part.name == "decode" else ""
            # A number beside the code, such as a length, is what forward passes: its pass is replayed with another code.
            if part.name == "decode" and (more or found.fault is not None or not tells_nothing(fault)):
                said = f"; forward passes it {more} beside the code, made of x" if more else ""
                found.fails(Part.DECODE, account + said, fault, "decoder-sees-x" if more else None)
                return found
            continue
        raw = as_raw(decoded)
        if raw is None or len(raw[0]) != BATCH:
            account = f"{part.name} does not give one output an item"
            continue
        output = None if own is None or found.layout is None or found.raw is None else found.raw[0]
        if output is not None and raw[0].numel() != output.numel():
            account = f"{part.name} gives {raw[0].numel() // BATCH} numbers an item, and forward {output.numel() // BATCH}"
            continue
        bent = None if output is None else _bend(raw[0], output)
        if bent not in (None, "nothing") and _costs(found, raw[0]):
            found, bent = _looking_before_the_end(found, part.name), None
        if bent not in (None, "nothing"):
            account = f"{part.name} and forward differ by a {bent}"
            continue
        known = "its name; probe: it takes a code" if part in by_name else "probe: forward passes it the code"
        found.report(Part.DECODE, Standing.PRESENT, f"{part.name}(z)", known_by=known)
        return replace(found, decode=part.name, decoded=decoded, raw=found.raw or raw, end=found.end_of(part.call, z))
    found.report(Part.DECODE, Standing.MISSING, account)
    return found


def _decoders_called(found: Findings) -> Iterator[Found]:
    """The parts that take the latent and give what forward gives as its output, up to a sigmoid or a tanh at its end.

    A layer in front of the decoder takes the latent too, and what it gives may have as many numbers as several outputs.
    """
    if found.latent is None or found.raw is None:
        return
    code = found.latent.code
    for name in dict.fromkeys(call.name for call in found.calls if call.takes(code)):
        call = found.called(name, code)
        raw = None if call is None else as_raw(call.result)
        if raw is not None and _bend(raw[0], found.raw[0]) is not None:
            yield Found(name, part_of(found.model, name))


def _bend(given: Tensor, output: Tensor) -> str | None:
    """What stands between what a part gives and forward's own output, either way round; None where nothing known does."""
    if given.numel() != output.numel():
        return None
    before, behind = given.detach().flatten(), output.detach().flatten()
    return next((name for name, bend in _BENDS if same(bend(before), behind) or same(bend(behind), before)), None)


def _handed_more(found: Findings, decoder: str) -> str:
    """How many tensors made of the batch forward passes to a decoder beside its first argument, in words; empty if none.

    Raises:
        Unbound: they are one number of each item, or tokens.
    """
    call = next((call for call in found.calls if call.name == decoder), None)
    if call is None or found.latent is None:
        return ""
    nodes = found.latent.passes["drawn"].nodes
    of_batch = found.latent.passes["drawn"].descendants(frozenset({0})) | {0}
    given = [leaf for _path, leaf in batched(call.arguments[1:], found.x) if any(alike(nodes[one].value, leaf) for one in of_batch)]
    if given and all(leaf.numel() == len(found.x) for leaf in given):
        refuse_size_of_item(found, decoder)
    if given:
        refuse_teacher(found, decoder)
    count = len(given)
    return "" if not count else "one tensor" if count == 1 else f"{count} tensors"


def _costs(found: Findings, given: Tensor) -> bool:
    """Whether a number that forward returns follows what a part gives: its loss."""
    if found.latent is None:
        return False
    drawn = found.latent.passes["drawn"]
    there = next((number for number, node in enumerate(drawn.nodes) if alike(node.value, given)), None)
    made = frozenset() if there is None else drawn.descendants(frozenset({there}))
    return any(drawn.number(leaf) in made for _path, leaf in leaves(drawn.result) if isinstance(leaf, Tensor) and leaf.dim() == 0)


def _looking_before_the_end(found: Findings, part: str) -> Findings:
    """Take what a part gives for the output of a pass."""
    layout, joint = found.layout, found.joint
    assert layout is not None
    before = (RETURNED,) if joint.plain else ()
    others = (None if path is None else (*before, *path) for path in (layout.mu, layout.logvar, layout.posterior))
    joint = replace(joint, parts=tuple(dict.fromkeys((*joint.parts, part))))
    layout = ForwardLayout((f"{part}()",), *others)
    result = found.call("forward", joint, found.model, found.x, train=True)
    found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {layout.describe()}", known_by=found.parts[Part.FORWARD].known_by)
    return replace(found, joint=joint, layout=layout, result=result, raw=as_raw(at(result, layout.raw)))


def pair_output(found: Findings) -> Findings:
    """Where the decoder gives a mean and a variance, and forward's result holds the two side by side, both are its output."""
    layout, given = found.layout, as_raw(found.decoded)
    if layout is None or given is None or len(given) != 2 or found.raw is None or len(found.raw) != 1 or not layout.raw:
        return found
    taken = (layout.raw, layout.mu, layout.logvar)
    others = [
        path
        for path, leaf in batched(found.result, found.x)
        if path not in taken and leaf.shape == found.raw[0].shape and not same(leaf, found.x) and path[:-1] == layout.raw[:-1]
    ]
    if len(others) != 1:
        return found
    layout = replace(layout, raw=(*layout.raw[:-1], Both(layout.raw[-1:], others[0][-1:])))
    found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {layout.describe()}", known_by=found.parts[Part.FORWARD].known_by)
    return replace(found, layout=layout, raw=as_raw(at(found.result, layout.raw)))


def find_sampler(found: Findings, latent_shape: tuple[int, ...]) -> Findings:
    """Find the sampling step: what gives a code's shape, else what gives a tensor, else what a telling name has and fails.

    Raises:
        Unbound: it gives several codes for each item.
    """
    found.parts[Part.DRAW] = PartReport(Standing.REPLACED, "the sampling step is inline in forward: it cannot be called by itself")
    code = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(6)).to(found.device)
    taken = list(_steps(found, sampler_candidates(found.model, found.target.namespace), code))
    if all(rank > 0 for rank, *_rest in taken):
        taken = [entry for entry in _steps(found, inner_samplers(found.model), code) if entry[0] == 0] or taken
    # A method that fails here, and that a pass which runs does not call, is for something else: sample(n), say.
    called = {call.name for call in found.calls}
    sure = found.fault is not None or settled(found.model, ("reparameterize",)) is not None
    taken = [entry for entry in taken if entry[0] < 2 or sure or entry[1].name not in SAMPLING or entry[1].name in called]
    if not taken:
        return found
    _rank, part, form, report, z = min(taken, key=lambda entry: entry[0])
    refuse_several_draws(found, part.name, z, code)
    found.parts[Part.DRAW] = report
    named = "." in part.name or callable(getattr(found.model, part.name, None))
    return replace(found, draw=part.name if named else part.call, draw_part=part, draw_form=form)


def _steps(found: Findings, offered: list[Found], code: Tensor) -> Iterator[tuple[int, Found, DrawForm, PartReport, Any]]:
    """What may be the sampling step, with a rank: 0 gives a code's shape, 1 another tensor, 2 fails; and what it gives."""
    for part in offered:
        for form in forms(part):
            # A standard deviation or a variance is above 0, a log-variance may lie anywhere.
            z = _answer(found, part, form, code, 0.1 * code)
            if not (isinstance(z, Tensor) and bool(torch.isfinite(z).all())):
                other = _answer(found, part, form, code, 0.1 * code.abs() + 0.5)
                z = other if isinstance(other, Tensor) and bool(torch.isfinite(other).all()) else z
            if isinstance(z, Tensor) and z.dim() >= 1:
                report = PartReport(Standing.PRESENT, form.describe(part.name), known_by="its name and arguments")
                yield 0 if z.shape == code.shape else 1, part, form, report, z
                if z.shape == code.shape:
                    return
            elif isinstance(z, SubjectFault) and not form.packed:
                yield 2, part, form, PartReport(Standing.FAILING, f"{part.name}(mu, logvar) {z.what}", z.diagnosis), None


def _answer(found: Findings, part: Found, form: DrawForm, mu: Tensor, second: Tensor) -> Any:
    """What a part gives for a posterior, or the fault of its call."""
    try:
        return found.call("sampling step", form.call, part.call, mu, second, train=True)
    except SubjectFault as fault:
        return fault
