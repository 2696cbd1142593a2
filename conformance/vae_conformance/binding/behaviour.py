"""What a bound model does in either mode: its smallest training batch, whether it samples in evaluation, how its noise is controlled."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.findings import BATCH, Findings
from vae_spec.subject import Facts, Mode, Noise, Part, PartReport, Standing, SubjectFault


def with_behaviour(subject: InProcessSubject, found: Findings) -> Facts:
    """BatchNorm's smallest batch, what eval mode does, whether the noise is under control, whether the code can be seen."""
    layers = subject.model.modules() if isinstance(subject.model, nn.Module) else ()
    facts = replace(subject.facts, convolutional=any(isinstance(layer, _ConvNd) for layer in layers))
    if found.parts[Part.FORWARD].standing is not Standing.PRESENT:
        return facts
    with contextlib.suppress(SubjectFault):
        facts = replace(facts, unregistered=subject.unregistered(found.x))
    spread = found.heads[1]
    if spread is not None:
        sigma = subject.wiring.head.to_logvar(spread).mean().div(2).exp().item()
        # What is no width at all is for the claims to judge.
        facts = replace(facts, untrained_sigma=sigma if 0 < sigma < math.inf else 1.0)
    least = 1
    try:
        subject.forward(found.x[:1], Noise(seed=1), mode=Mode.TRAIN)
    except SubjectFault as fault:
        if "more than 1 value per channel" in fault.what:
            least = 2
            found.notes.append("training mode takes batches of 2 and more (BatchNorm)")
    try:
        first, second = (subject.forward(found.x, Noise(seed=seed), mode=Mode.EVAL) for seed in (1, 2))
    except SubjectFault:
        samples, private = None, False
    else:
        private = first.private_noise
        samples = not all(torch.equal(a, b) for a, b in zip(first.raw, second.raw, strict=True))
        seen = first.z is not None
        found.report(
            Part.LATENT_IN_FORWARD,
            Standing.PRESENT if seen else Standing.REPLACED,
            "seen" if seen else "sampling and decoding are both inline in forward",
        )
        found.notes.append("in eval mode forward " + ("samples z" if samples else "decodes the mean"))
    return replace(facts, least_train_batch=least, samples_in_eval=samples, private_noise=private)


def noise_control(subject: InProcessSubject, found: Findings) -> PartReport:
    """How the noise of the sampling step is controlled: intercepted, by seed, or not at all."""
    if found.parts[Part.DRAW].standing is not Standing.PRESENT:
        return PartReport(Standing.REPLACED, "there is no sampling step to call")
    zero = torch.zeros(BATCH, subject.facts.latent_dim)
    try:
        first, second = (subject.draw(zero, zero, Noise(seed=11)) for _ in range(2))
        silent = subject.draw(zero, zero, Noise.none())
    except SubjectFault as fault:
        return PartReport(Standing.REPLACED, fault.what)
    if not torch.equal(first, second):
        found.notes.append("the noise is drawn where no seed reaches it: identities under one noise are left to statistics")
        return PartReport(Standing.REPLACED, "the noise is drawn where no seed reaches it")
    how = "intercepted" if not bool(silent.any()) else "by seed"
    return PartReport(Standing.PRESENT, how)
