"""What is known of one model so far: a frozen record, of which every step of the binding gives another that knows more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.distributions import pair_of
from vae_conformance.binding.drawing import DrawForm
from vae_conformance.binding.heads import Head, head_of
from vae_conformance.binding.interface import Found
from vae_conformance.binding.layout import CodeForm, ForwardLayout, at
from vae_conformance.binding.passes import Call, Joint, call_forward
from vae_conformance.binding.probing import output_range
from vae_conformance.binding.roles.nodes import alike
from vae_conformance.binding.roles.posterior import Latent
from vae_conformance.binding.watching import in_mode, set_mode
from vae_conformance.guard.calls import Caller
from vae_conformance.guard.random_calls import RandomCalls
from vae_conformance.guard.seeds import seeded
from vae_conformance.target.target import Target
from vae_spec.subject import Mode, Noise, Part, PartReport, Raw, Standing, SubjectFault

PROBE_SECONDS = 10.0
"""How long one probing call may take; a forward pass that takes longer on four items is no use in training."""
BATCH = 4
Heads = tuple[Tensor, Tensor] | tuple[None, None]


@dataclass(frozen=True)
class Findings:
    """What is known of a model. How its parts stand and what the report notes is written down in one place from the first record on.

    Attributes:
        model, target, device: what is bound, and where.
        caller: guards the calls into it.
        parts, faults, notes: how each part stands, the failures of those that fail, and what else the report says.
        shape, x: of one item, and the batch that everything is asked on.
        counts: whether the entries of that batch are counts.
        result, again, fault: what a training pass gives under seed 0 and under another, or how it fails.
        random: the names of the random operations of that pass.
        calls: what it calls.
        latent: of that pass; None where it shows none.
        encode, form, encoded, pair: the encoder's name, where its result holds the heads, and these in training and in evaluation.
        draw, draw_part, draw_form: the sampling step.
        site: the part that takes the code inside of forward, where the sampling step is inline.
        decode, steered, decoded, end: the decoder's name, or what stands for it, what it gave, and the range of that.
        joint, layout, raw: how a pass is run, where its result holds what, and its output.
        inside_head: what the second head means by how it moves the latent; None where that cannot be seen, or a distribution holds it.
    """

    model: Any
    target: Target
    device: torch.device
    caller: Caller = field(default_factory=lambda: Caller(PROBE_SECONDS))
    parts: dict[Part, PartReport] = field(default_factory=dict)
    faults: dict[Part, SubjectFault] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    x: Tensor = field(default_factory=lambda: torch.zeros(0))
    counts: bool = False
    result: Any = None
    again: Any = None
    fault: SubjectFault | None = None
    random: frozenset[str] = frozenset()
    calls: tuple[Call, ...] = ()
    latent: Latent | None = None
    encode: str | None = None
    form: CodeForm | None = None
    encoded: tuple[Tensor, Tensor] | None = None
    pair: tuple[Tensor, Tensor] | None = None
    draw: str | Callable[..., Any] | None = None
    draw_part: Found | None = None
    draw_form: DrawForm = field(default_factory=DrawForm)
    site: str | None = None
    decode: str | None = None
    steered: Callable[[Tensor], Any] | None = None
    decoded: Any = None
    end: str = "free"
    joint: Joint = field(default_factory=Joint)
    layout: ForwardLayout | None = None
    raw: Raw | None = None
    inside_head: Head | None = None

    def call(
        self, operation: str, function: Callable[..., Any], *arguments: Any, train: bool = False, seed: int = 0, noise: Noise | None = None
    ) -> Any:
        """One probing call under a seed, a mode and a time limit; raises SubjectFault."""
        if isinstance(self.model, nn.Module):
            set_mode(self.model, train)
        with (
            in_mode(self.model, Mode.TRAIN if train else Mode.EVAL),  # spectral norm's buffers move the next pass
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

    def fails(self, part: Part, account: str, fault: SubjectFault, diagnosis: str | None = None) -> None:
        """Note that a part fails, and how."""
        self.faults[part] = fault
        self.report(part, Standing.FAILING, account, diagnosis or fault.diagnosis)

    def forward(self, x: Tensor) -> Any:
        """The model's own forward pass, on a copy: some scale their batch in place."""
        return call_forward(self.model, x.clone())

    def end_of(self, decode: Callable[[Tensor], Any], z: Tensor) -> str:
        """The range of a decoder's output, see `output_range`."""
        try:
            end: str = self.call("decode", output_range, decode, z)
        except SubjectFault:
            return "free"
        return end

    def called(self, name: str, argument: Tensor | None) -> Call | None:
        """The first call of a part to which the training pass passes these numbers; None where there is none."""
        there = (call for call in self.calls if call.name == name)
        return next((call for call in there if argument is not None and call.takes(argument)), None)

    @property
    def heads(self) -> Heads:
        """Mu and the second head of the training pass under seed 0, as far as they can be read."""
        return self.heads_in(self.result, self.encoded)

    def heads_in(self, result: Any, encoded: tuple[Tensor, Tensor] | None) -> Heads:
        """Mu and the second head of a pass, by its result or what encode gives for the same batch, as far as they can be read."""
        layout = self.layout
        if layout is not None and layout.mu is not None and layout.logvar is not None:
            return at(result, layout.mu), at(result, layout.logvar)
        if layout is not None and layout.posterior is not None:
            return pair_of(at(result, layout.posterior))
        return encoded or (None, None)

    def without_pass(self) -> Findings:
        """The same with what the second head means by how it moves the latent, and without the recordings that show it, which are large."""
        (mu, second), layout = self.heads, self.layout
        by_value = layout is not None and layout.posterior is None
        if layout is not None and layout.logvar is None and self.form is not None:
            by_value = self.form.posterior is None
        if self.latent is not None and self.encoded is not None and self.joint.plain and layout is not None and layout.logvar is not None:
            drawn = self.latent.passes["drawn"]
            # A sampling step that writes into its arguments has spoiled what forward returns.
            mu, second = self.encoded if drawn.overwritten(at(drawn.result, layout.logvar)) else (mu, second)
        head = None
        if by_value and self.latent is not None and mu is not None and second is not None:
            head = head_of(second, self.latent.sigma.reshape(mu.shape)) if alike(self.latent.mu, mu) and mu.shape == second.shape else None
        return replace(self, inside_head=head, latent=None, calls=(), again=None)
