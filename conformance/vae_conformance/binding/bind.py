"""Binding a target: find its parts, tell how each is called, and give the Subject with an account of what was inferred.

Whatever is missing or fails becomes a part's standing, not an error: N missing parts give N clear verdicts. Only a target of which not
even the input's shape can be told, or that shows no part of a VAE, cannot be bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from vae_conformance.binding.assembly import Assembly
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.conditioning import conditioned
from vae_conformance.binding.findings import Findings
from vae_conformance.binding.inline import find_inline
from vae_conformance.binding.inside import compose_forward, find_forward
from vae_conformance.binding.parts import find_decoder, find_encoder, find_sampler, latent_shape_of, pair_output
from vae_conformance.binding.passes import has_forward
from vae_conformance.binding.probing import COUNTS, asks_for_counts
from vae_conformance.binding.refusals import refuse_codebook, refuse_entries, refuse_nothing, refuse_unidentified
from vae_conformance.binding.shapes import guesses_fit, with_shape
from vae_conformance.binding.stepping import by_its_step
from vae_conformance.binding.tokens import asks_for_tokens, of_rows
from vae_conformance.binding.traced import with_pass
from vae_conformance.binding.watching import set_mode
from vae_conformance.config.declared import completed, with_declarations
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.guard.seeds import seeded
from vae_conformance.target.adapter import inner_of, settled
from vae_conformance.target.target import Target
from vae_spec.subject import Part, SubjectFault


def bind(target: Target, options: RunOptions) -> InProcessSubject:
    """Bind a loaded target.

    What an Implementation record declares counts where the options leave it open, and behind it what the class declares of itself
    (`conformance_options`).

    Raises:
        Unbound: it cannot be constructed, its declaration is not in order, no input shape can be found, or no claim speaks of what it is
            (a conditional model, a codebook, no part of a VAE).
    """
    device = torch.device(options.device)
    with seeded(0, device):
        model: Any = target.instance if target.make is None else target.make()
    if isinstance(model, nn.Module):
        model.to(device)
    options, said = (options, "") if target.record is None else completed(options, target.record.declared, "the Implementation record")
    options, note = with_declarations(options, inner_of(model), target.name)
    given = ", ".join(f"{name}={value!r}" for name, value in target.arguments.items())
    weighed = "" if target.weights is None else target.weights.account
    notes = [text for text in (said, note, weighed, f"constructed with {given}" if given else "") if text]
    found = Findings(model, target, device, notes=notes)
    with _undisturbed(model):
        if (labelled := _given_a_label(target, model, options)) is not None:
            return bind(labelled, options)
        try:
            found = with_shape(found, options)
        except Unbound as fault:
            if asks_for_tokens(fault.message):
                return _given_rows(target, model, options)
            raise target.unfit(fault) from fault
        if not guesses_fit(found, options):
            return bind(target, options)
        found = with_pass(found)
        stepping = by_its_step(found)
        found, subject = (found, None) if stepping is not None else _on_its_data(found, options)
    if stepping is not None:
        return bind(stepping, options)
    assert subject is not None
    _say_what_was_given(found)
    return subject


def _given_a_label(target: Target, model: object, options: RunOptions) -> Target | None:
    """The target of a conditional model with the first kind of label on which it runs; None for any other model.

    Raises:
        Unbound: it is conditional, and runs on no kind of label that is known.
    """
    failed = ""
    for labelled in conditioned(target, model):
        fault = _fault_of(labelled, options)
        if fault is None:
            return labelled
        failed = failed or str(fault)
    if failed:
        raise Unbound(
            f"{target.name} takes more than the batch, as a conditional VAE does, and runs on no kind of label that is known: {failed}",
            "write an adapter that hands it one label for every item (docs/adapters.md); where an item has a shape of its own, give it with"
            " --input-shape",
        )
    return None


def _given_rows(target: Target, model: object, options: RunOptions) -> InProcessSubject:
    """The subject of a model of sequences of tokens, which takes one-hot rows.

    Raises:
        Unbound: it runs on none of a likely length, or is no model that is judged.
    """
    failed: Exception | str = "it keeps no embedding"
    for rows, shape in of_rows(target, model):
        given = replace(options, input_shape=options.input_shape or shape)
        fault = _fault_of(rows, given)
        if fault is None:
            return bind(rows, given)
        failed = fault
    raise target.unfit(
        Unbound(
            f"{target.name} takes sequences of tokens, and does not run on one-hot rows in their place: {failed}",
            "give the length and the number of values of a token, as in --input-shape 12,1000; or write an adapter whose items are such"
            " one-hot rows (docs/adapters.md)",
        )
    )


def _fault_of(target: Target, options: RunOptions) -> Exception | None:
    """How the model of a target fails on a batch; None where it runs."""
    made: Any = target.instance if target.make is None else target.make()
    found = Findings(made, target, torch.device(options.device))
    try:
        found = with_shape(found, options)
        found.call("forward", found.forward if has_forward(made) else made.encode, found.x)
    except (Unbound, SubjectFault) as fault:
        return fault
    return None


LEVELS = 256
_PARTS = {
    "encode": Part.POSTERIOR,
    "reparameterize": Part.DRAW,
    "decode": Part.DECODE,
    "forward": Part.FORWARD,
    "loss": Part.LOSS,
}
"""The parts that a record may give, by the names of an adapter's methods."""
_BY_NAME = frozenset({"its name", "its name and arguments", "the names of its arguments"})
"""What tells nothing of a part that was given, because the adapter has named it."""


@contextmanager
def _undisturbed(model: Any) -> Iterator[None]:
    """Put mode and state back behind the block: probing runs training passes, and a ready instance is its owner's."""
    if not isinstance(model, nn.Module):
        yield
        return
    training = model.training
    before = {name: value.detach().clone() for name, value in model.state_dict().items()}
    try:
        yield
    finally:
        model.load_state_dict(before)
        set_mode(model, training)


def _say_what_was_given(found: Findings) -> None:
    """An account says which parts an Implementation record gives: nobody has looked for them."""
    for name, part in _PARTS.items():
        if settled(found.model, (name,)) is not None and part in found.parts:
            report = found.parts[part]
            known = "; ".join(how for how in report.known_by.split("; ") if how not in _BY_NAME)
            found.parts[part] = replace(report, account=f"{report.account}; given by the Implementation record", known_by=known)


def _refuse_levels(found: Findings) -> None:
    """A decoder that scores the 256 levels of each entry has no one number to give for it."""
    if found.raw is not None and found.raw[0].numel() == LEVELS * found.x.numel():
        raise Unbound(
            f"{found.target.name}: the decoder scores {LEVELS} levels for each entry of an item, which is out of the native interface",
            "write an adapter whose decode returns one number an entry, such as the mean level, and whose loss is its likelihood",
        )


def _on_its_data(found: Findings, options: RunOptions) -> tuple[Findings, InProcessSubject]:
    """Bind on items of real numbers; where the likelihood then turns out to be one of counts, on these."""
    counting = replace(found, parts={}, faults={}, notes=list(found.notes), counts=True)
    try:
        subject = _bound(found, options)
        likelihood, loss = subject.facts.likelihood, subject.facts.parts[Part.LOSS]
        if not asks_for_counts(loss.account) and (likelihood is None or not likelihood.of_counts):
            return found, subject
    except Unbound as fault:
        if not asks_for_counts(fault.message):
            raise
    low, high = options.input_range or COUNTS
    counting.notes.append(f"its likelihood is one of counts: it is judged on integers from {low:g} to {high:g}")
    counting = with_pass(replace(counting, x=(low + (high - low) * found.x).round()))
    return counting, _bound(counting, options)


def _bound(found: Findings, options: RunOptions) -> InProcessSubject:
    refuse_entries(found)
    found = find_forward(find_encoder(found))
    latent_shape = latent_shape_of(found)
    found = pair_output(find_decoder(found, latent_shape))
    found = find_inline(find_sampler(found, latent_shape), latent_shape)
    found = compose_forward(found)
    refuse_codebook(found)
    _refuse_levels(found)
    refuse_unidentified(found, options)
    refuse_nothing(found)
    subject = Assembly(found.without_pass(), options, latent_shape).subject()
    subject.caller.limit = math.inf
    return subject
