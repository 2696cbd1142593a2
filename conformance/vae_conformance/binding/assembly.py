"""Assembly: from findings to a Subject. The loss, the second head, the likelihood and the facts are told by probing."""

from __future__ import annotations

import math
from dataclasses import replace

from torch import Tensor

from vae_conformance.binding.behaviour import noise_control, with_behaviour
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.drawing import second_parameter
from vae_conformance.binding.findings import Findings
from vae_conformance.binding.heads import ASKED_HEADS, DECLARED_HEADS, Head, agree, named_head, read_sampler
from vae_conformance.binding.interface import trainable
from vae_conformance.binding.loss_choice import LossChoice
from vae_conformance.binding.loss_trial import Trial
from vae_conformance.binding.loss_values import code_path
from vae_conformance.binding.losses import Loss
from vae_conformance.binding.own_objective import with_objective
from vae_conformance.binding.passes import gaussian
from vae_conformance.binding.probing import COUNTS
from vae_conformance.binding.standings import report_rest
from vae_conformance.binding.wiring import Wiring
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.target.data_range import normalised_range
from vae_spec.subject import Facts, InputKind, Likelihood, Noise, Objective, Part, Standing, SubjectFault

REFERENCE_PACKAGE = "vae_reference"
"""The package whose systems the reference-only claims concern; known by name, never imported."""
_DECLARED_KINDS = {("rows", 1): InputKind.ROW, ("waves", 2): InputKind.SERIES}
"""What the choice of a data set says of an item with so many axes."""


class Assembly:
    """Puts the findings together: the loss, the second head, the likelihood, and the facts."""

    def __init__(self, found: Findings, options: RunOptions, latent_shape: tuple[int, ...]) -> None:
        self.found = found
        self.options = options
        raw = found.raw if found.raw is not None else (found.x,)
        self.wiring = Wiring(
            found.encode,
            found.draw,
            found.decode or found.steered,
            found.layout,
            None,
            Head.LOGVAR,
            latent_shape,
            tuple(tuple(one.shape[1:]) for one in raw),
            found.form,
            found.draw_form,
            found.joint,
            code_path(found),
            found.site,
        )
        data = None if options.input_range else normalised_range(found.target.namespace)
        # An output in [0, 1] is compared with data in [0, 1], or its loss is a mistake that shows there.
        prepared = None if data is None or found.end != "unit" else (data.low, data.high)
        usual = (-1.0, 1.0) if found.end == "symmetric" else (0.0, 1.0)
        usual = COUNTS if found.counts else usual
        self.range = options.input_range or (usual if data is None or prepared is not None else (data.low, data.high))
        parameters = sum(value.numel() for value in trainable(found.model).values())
        self.facts = Facts(
            found.target.name,
            found.shape,
            self.range,
            math.prod(latent_shape),
            None,
            effective_beta=options.effective_beta,
            objective=Objective(options.objective or Objective.ELBO),
            autoregressive=options.decoder == "autoregressive",
            parameters=parameters,
            parts=found.parts,
            given_weights=found.target.weights is not None,
            prepared=prepared,
            counts=found.counts,
            tokens=found.target.vocabulary > 0,
            declared=() if data is None else (f"data of [0, 1] are put into [{data.low:.4g}, {data.high:.4g}] ({data.account})",),
            declared_kind=_DECLARED_KINDS.get((options.dataset, len(found.shape))),
            reference=found.target.namespace.__name__.partition(".")[0] == REFERENCE_PACKAGE,
        )

    def subject(self) -> InProcessSubject:
        """The Subject, with everything that was found."""
        x = self._in_range(self.found.x)
        # The output that forward gave; a wild or badly scaled one is for the claims to judge.
        raw = self.found.raw if self.found.raw is not None else (x,)
        trial = Trial(self._build(self.facts).prepared(x), raw, self.wiring.latent_shape)
        choice = LossChoice(self.found, self.options, self._with_loss, trial, x)
        loss, likelihood = choice.loss()
        self.wiring = replace(self.wiring, loss=loss)
        self.facts = replace(
            self.facts,
            likelihood=likelihood,
            likelihood_declared=self.options.likelihood is not None,
            own_beta=loss.own_beta,
            kl_alone=loss.kl_alone,
            kl_turned=loss.turned,
        )
        # A loss that stands in, or fails, says nothing of the model's head.
        kl = choice.reading(loss)[1] if not loss.supplied and self.found.parts[Part.LOSS].standing is Standing.PRESENT else None
        self._read_head(kl)
        self._settle_own_draw()
        declared = self.options.objective is not None
        self.facts = with_objective(self._build, self.facts, self.found, x, closed=kl is not None, declared=declared)
        self.facts = with_behaviour(self._build(self.facts), self.found)
        self.found.parts[Part.NOISE_CONTROL] = noise_control(self._build(self.facts), self.found)
        report_rest(self.found, self.facts, loss)
        return self._build(replace(self.facts, notes=(*self.found.target.notes, *self.found.notes), assumed=self.found.target.assumed))

    def _with_loss(self, loss: Loss, head: Head, likelihood: Likelihood | None) -> InProcessSubject:
        return self._build(replace(self.facts, likelihood=likelihood), replace(self.wiring, loss=loss, head=head))

    def _build(self, facts: Facts, wiring: Wiring | None = None) -> InProcessSubject:
        subject = InProcessSubject(self.found.model, self.found.target.make, wiring or self.wiring, facts, self.found.device)
        subject.caller, target = self.found.caller, self.found.target
        subject.rebuild = target.rebuild if "latent_dim" in target.accepts else None
        return subject

    def _in_range(self, x: Tensor) -> Tensor:
        low, high = self.range
        return x if self.found.counts else low + (high - low) * x

    def _read_head(self, kl: Head | None) -> None:
        sampler = None
        subject = self._build(self.facts)
        if self.found.parts[Part.DRAW].standing is Standing.PRESENT:
            try:
                sampler = read_sampler(lambda mu, second: subject.draw(mu, second, Noise(seed=3)), self.facts.latent_dim)
            except (SubjectFault, RuntimeError, IndexError):
                sampler = None
        inside = self.found.inside_head
        if sampler is not None and inside is not None and sampler is not inside:
            form = replace(self.found.draw_form, takes=sampler, given=inside)
            self.wiring = replace(self.wiring, draw_form=form)
            self.found.notes.append(f"forward makes a {sampler} of the second head before it calls the sampling step")
            sampler = inside
        if self.options.second_head is not None:
            self.wiring = replace(self.wiring, head=DECLARED_HEADS[self.options.second_head])
            return
        self._refuse_doubt(sampler or inside, kl)
        self._say_spread(sampler)
        head, note = agree(sampler or inside, kl)
        self.wiring = replace(self.wiring, head=head)
        if note:
            self.found.notes.append(note)

    def _settle_own_draw(self) -> None:
        """Where the suite draws for a model without a sampling step, it reads the second head for what it is."""
        composition, head = self.wiring.joint.composition, self.wiring.head
        if composition is None or self.found.draw is not None or head is Head.LOGVAR:
            return

        def draw(model: object, mu: Tensor, second: Tensor) -> Tensor:
            return gaussian(model, mu, head.to_logvar(second))

        self.wiring = replace(self.wiring, joint=replace(self.wiring.joint, composition=replace(composition, draw=draw)))

    def _refuse_doubt(self, sampler: Head | None, kl: Head | None) -> None:
        """Refuse a second head whose name says one thing and whose draws another, where no KL settles which of them is wrong."""
        says = named_head(self._head_names())
        if kl is not None or sampler is None or says in (None, sampler) or self.options.objective is not None:
            return
        raise Unbound(
            f"{self.found.target.name}: what the second head is cannot be told: its name says {says}, the draws follow a {sampler},"
            " and there is no KL to settle it",
            f"if the draws are right, add --second-head {ASKED_HEADS[sampler]}; if the name is, add --second-head {ASKED_HEADS[says]}",
        )

    def _head_names(self) -> list[str]:
        """What the second head is called where it is given a name."""
        layout, part = self.found.layout, self.found.draw_part
        names = [] if layout is None or layout.logvar is None else [str(step) for step in layout.logvar]
        if part is not None and self.wiring.draw_form.takes is None:
            names.append(second_parameter(part, self.wiring.draw_form))
        return names

    def _say_spread(self, sampler: Head | None) -> None:
        report = self.found.parts[Part.DRAW]
        if sampler is not None and report.standing is Standing.PRESENT:
            spread = f"; probe: its draws spread as a {sampler} says"
            self.found.parts[Part.DRAW] = replace(report, known_by=report.known_by + spread)
