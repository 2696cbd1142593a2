"""Assembly: from findings to a Subject. The loss, the second head, the likelihood and the facts are told by probing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import Tensor

from vae_conformance.binding.author_weights import author_weights
from vae_conformance.binding.behaviour import noise_control, with_behaviour
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.distributions import gives_logits
from vae_conformance.binding.drawing import second_parameter
from vae_conformance.binding.estimates import estimates_kl
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.heads import ASKED_HEADS, DECLARED_HEADS, Head, agree, named_head, read_kl, read_sampler
from vae_conformance.binding.interface import trainable
from vae_conformance.binding.likelihood_scale import follows, kl_grows, likelihoods_of, scale_of
from vae_conformance.binding.loss_binding import kl_of_the_model, losses
from vae_conformance.binding.loss_doubt import ask_for_keyword, refuse_unread, tells_nothing
from vae_conformance.binding.loss_trial import Trial, try_loss
from vae_conformance.binding.loss_values import code_path
from vae_conformance.binding.losses import Loss, supplied_loss
from vae_conformance.binding.objective.training_loop import contradicts, loss_of_loop
from vae_conformance.binding.passes import gaussian
from vae_conformance.binding.returns import Returns
from vae_conformance.binding.rivals import preferred
from vae_conformance.binding.standings import report_rest
from vae_conformance.binding.wiring import Wiring
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.target.adapter import settled
from vae_conformance.target.data_range import normalised_range
from vae_spec.subject import Facts, Likelihood, Noise, Objective, Part, Standing, SubjectFault

NEUTRAL_HEADS = (Head.LOGVAR, Head.STD)
"""The meanings under which a loss is probed before its own is known: sigma = 1 is a second head of 0, or one of 1, where at 0 there may be
no divergence at all."""
REFERENCE_PACKAGE = "vae_reference"
"""The package whose systems the reference-only claims concern; known by name, never imported."""
_BY_ORDER = {"raw": "output", "x": "input", "mu": "mu", "logvar": "second head"}
"""What arguments are called that are told by their order."""


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
        self.tried: list[tuple[str, str]] = []
        self.declared = Likelihood(options.likelihood) if options.likelihood else None
        data = None if options.input_range else normalised_range(found.target.namespace)
        # An output in [0, 1] is compared with data in [0, 1], or its loss is a mistake that shows there.
        prepared = None if data is None or found.end != "unit" else (data.low, data.high)
        usual = (-1.0, 1.0) if found.end == "symmetric" else (0.0, 1.0)
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
            declared=() if data is None else (f"data of [0, 1] are put into [{data.low:.4g}, {data.high:.4g}] ({data.account})",),
            reference=found.target.namespace.__name__.partition(".")[0] == REFERENCE_PACKAGE,
        )

    def subject(self) -> InProcessSubject:
        """The Subject, with everything that was found."""
        loss, likelihood = self._loss()
        self.wiring = replace(self.wiring, loss=loss)
        self.facts = replace(
            self.facts,
            likelihood=likelihood,
            likelihood_declared=self.options.likelihood is not None,
            own_beta=loss.own_beta,
            kl_alone=loss.kl_alone,
        )
        self._read_head()
        self._settle_own_draw()
        self._read_objective()
        self.facts = with_behaviour(self._build(self.facts), self.found)
        self.facts = replace(self.facts, learned_scale=self._learns_scale())
        self._read_scale()
        self._read_weights()
        self.found.parts[Part.NOISE_CONTROL] = noise_control(self._build(self.facts), self.found)
        report_rest(self.found, self.facts, loss)
        return self._build(replace(self.facts, notes=(*self.found.target.notes, *self.found.notes), assumed=self.found.target.assumed))

    def _build(self, facts: Facts, head: Head | None = None) -> InProcessSubject:
        wiring = self.wiring if head is None else replace(self.wiring, head=head)
        subject = InProcessSubject(self.found.model, self.found.target.make, wiring, facts, self.found.device)
        subject.caller, target = self.found.caller, self.found.target
        subject.rebuild = target.rebuild if "latent_dim" in target.accepts else None
        return subject

    def _loss(self) -> tuple[Loss, Likelihood | None]:
        x = self._build(self.facts).prepared(self._in_range(self.found.x))
        # The output that forward gave; a wild or badly scaled one is for the claims to judge.
        trial = Trial(x, self.found.raw if self.found.raw is not None else (x,), self.wiring.latent_shape)
        loss, failed = self._chosen(trial)
        if loss is None:
            return self._instead(failed, trial)
        loss = preferred(self.found, loss, trial, self.options.loss)
        loop = None if self.options.loss is not None or loss.driven else loss_of_loop(self.found, trial)
        if loop is not None and contradicts(self.found, loop, loss, trial):
            self.found.notes.append(f"{loop.account} compute another loss than {loss.account}: what they differentiate is judged")
            loss = loop
        taken = ", ".join(name or _BY_ORDER[role] for role, name in loss.roles.items())
        shown = loss.account if loss.driven else f"{loss.account}({taken})"
        self.found.report(Part.LOSS, Standing.PRESENT, f"{shown} gives {loss.returns}", known_by=loss.known_by)
        if loss.sign < 0:
            self.found.notes.append(f"{loss.name} is the ELBO itself, to be maximised: its negative is taken for the loss")
        return loss, self._likelihood_of(loss)

    def _likelihood_of(self, loss: Loss) -> Likelihood | None:
        self.wiring = replace(self.wiring, loss=loss)
        return self.declared or self._detect_likelihood()

    def _chosen(self, trial: Trial) -> tuple[Loss | None, tuple[Loss, SubjectFault] | None]:
        """The first loss that answers, in the order of arguments and the sign that fit best; and the first that fails."""
        failed: tuple[Loss, SubjectFault] | None = None
        best: tuple[float, Loss] | None = None
        for candidate in losses(self.found, self.options.loss):
            if self.options.loss is not None and candidate.name != self.options.loss:
                continue
            if best is not None and (best[0] >= 2 or candidate.account != best[1].account):
                break
            try:
                answering = try_loss(self.found, candidate, trial)
            except SubjectFault as fault:
                self.tried.append((candidate.name, f"with {candidate.kind} {fault.what}"))
                if failed is None and candidate.answers_for and not tells_nothing(fault):
                    failed = candidate, fault
                continue
            if answering is None:
                self.tried.append((candidate.name, f"with {candidate.kind} gives nothing that follows the posterior as a loss does"))
            for loss in () if answering is None else answering.signs():
                likelihood = self._likelihood_of(loss)
                # Of a loss and its negative that fit alike, the one whose KL grows is to be minimised.
                grows = loss.sign < 0 and kl_grows(self._build(self.facts), trial.raw, trial.x)
                fits = (likelihood is not None) + (self._kl_head() is not None) + grows / 2
                # What forward returns beside a loss, or without one, follows both too.
                told = fits > 0 or not (loss.driven and loss.name == "forward")
                if told and (best is None or fits > best[0]):
                    best = fits, loss
        return (None if best is None else best[1]), failed

    def _instead(self, failed: tuple[Loss, SubjectFault] | None, trial: Trial) -> tuple[Loss, Likelihood | None]:
        """Where no loss answers: the one that fails, two terms that a script adds, the model's own KL, or the ELBO."""
        if self.options.loss is not None and failed is None:
            refuse_unread(self.found, self.tried, self.options.loss)
            raise Unbound(f"{self.found.target.name} has no loss named {self.options.loss} that can be called")
        if failed is None and settled(self.found.model, ("loss",)) is not None:
            raise Unbound(
                f"{self.found.target.name}: what the loss of the Implementation record returns is no loss that follows the posterior",
                "return one number, (total, reconstruction, kl), or a dict of these",
            )
        if self.options.loss is None and (loop := loss_of_loop(self.found, trial)) is not None:
            self.found.report(Part.LOSS, Standing.PRESENT, f"{loop.account} give {loop.returns}", known_by=loop.known_by)
            return loop, self._likelihood_of(loop)
        if failed is not None:
            candidate, wrong = failed
            ask_for_keyword(self.found, candidate, wrong)
            self.found.report(Part.LOSS, Standing.FAILING, f"{candidate.account} {wrong.what}", wrong.diagnosis)
            # PyTorch's Bernoulli losses name their own range when they refuse an output.
            refused = Likelihood.BERNOULLI if wrong.diagnosis in ("decoder-range", "data-out-of-range") else None
            return replace(candidate, returns=Returns.TERMS), self.declared or refused
        refuse_unread(self.found, self.tried)
        supplied = self.declared or self._natural_likelihood()
        if (own := kl_of_the_model(self.found, supplied)) is not None:
            self.found.report(Part.LOSS, Standing.PRESENT, own.account, known_by=own.known_by)
            self.found.notes.append(own.account)
            return own, supplied
        loss = supplied_loss(supplied)
        self.found.report(Part.LOSS, Standing.REPLACED, loss.account)
        self.found.notes.append(loss.account)
        return loss, supplied

    def _in_range(self, x: Tensor) -> Tensor:
        low, high = self.range
        return low + (high - low) * x

    def _natural_likelihood(self) -> Likelihood:
        if len(self.wiring.raw_shapes) == 2:
            return Likelihood.GAUSSIAN
        if gives_logits(self.found.decoded):
            return Likelihood.BERNOULLI_LOGITS
        return Likelihood.BERNOULLI if self.found.end == "unit" and self.range == (0.0, 1.0) else Likelihood.SQUARED_ERROR

    def _detect_likelihood(self) -> Likelihood | None:
        """The first likelihood that the reconstruction term follows, of those that fit the decoder's range."""
        order = likelihoods_of(self.found.end, pair=len(self.wiring.raw_shapes) == 2)
        subjects = ((one, self._build(replace(self.facts, likelihood=one), head)) for head in NEUTRAL_HEADS for one in order)
        return next((one for one, subject in subjects if follows(subject, one, BATCH)), None)

    def _kl_head(self) -> Head | None:
        """What the KL takes the second head for; None where it does not tell."""
        x = self._in_range(self.found.x[:2])
        raw = tuple(one[:2] for one in self.found.raw) if self.found.raw is not None else (x,)

        def total(head: Head) -> Callable[[Tensor, Tensor], float]:
            subject = self._build(self.facts, head)

            def of(mu: Tensor, second: Tensor) -> float:
                try:
                    return float(subject.terms(raw, x, mu, head.to_logvar(second)).total)
                except (SubjectFault, RuntimeError):
                    return math.nan

            return of

        return next((found for head in NEUTRAL_HEADS if (found := read_kl(total(head), self.facts.latent_dim)) is not None), None)

    def _read_head(self) -> None:
        sampler = kl = None
        subject = self._build(self.facts)
        loss = self.wiring.loss
        if self.found.parts[Part.DRAW].standing is Standing.PRESENT:
            try:
                sampler = read_sampler(lambda mu, second: subject.draw(mu, second, Noise(seed=3)), self.facts.latent_dim)
            except (SubjectFault, RuntimeError, IndexError):
                sampler = None
        if loss is not None and not loss.supplied and self.found.parts[Part.LOSS].standing is Standing.PRESENT:
            kl = self._kl_head()
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

    def _read_objective(self) -> None:
        """Whether the KL is estimated from the draw, where nothing else is declared."""
        loss, raw = self.wiring.loss, self.found.raw
        works = self.found.parts[Part.LOSS].standing is Standing.PRESENT
        if self.facts.objective is not Objective.ELBO or loss is None or loss.supplied or not works or raw is None:
            return
        if estimates_kl(self._build(self.facts), tuple(one.detach() for one in raw), self._in_range(self.found.x)):
            self.facts = replace(self.facts, objective=Objective.ELBO_MONTE_CARLO)
            self.found.notes.append("the KL is log q(z | x) - log p(z) at the draw: a Monte Carlo estimate, without a closed form to check")

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

    def _learns_scale(self) -> bool:
        """Whether the likelihood's variance is learned: an output of the decoder, or a parameter inside the loss."""
        if self.facts.likelihood is not None and self.facts.likelihood.own_variance:
            return True
        if self.found.parts[Part.LOSS].standing is not Standing.PRESENT or self.found.raw is None:
            return False
        try:
            learned = self._build(self.facts).loss_depends_on_parameters(
                tuple(one.detach() for one in self.found.raw), self._in_range(self.found.x)
            )
        except SubjectFault:
            return False
        if learned:
            self.found.notes.append("the likelihood's variance is learned inside the loss")
        return learned

    def _read_scale(self) -> None:
        """Whether the loss holds the normaliser of a Gaussian or a Laplace distribution of another scale than 1."""
        facts, works = self.facts, self.found.parts[Part.LOSS].standing is Standing.PRESENT
        if not works or facts.effective_beta is not None:
            return
        if (scale := scale_of(self._build(facts), self._in_range(self.found.x[:1]))) is not None:
            self.facts = replace(facts, effective_beta=scale)
            named = f"b = {scale:.4g}" if facts.likelihood is Likelihood.LAPLACE else f"sigma^2 = {scale:.4g}"
            known = "which it learns, at first " if facts.learned_scale else ""
            self.found.notes.append(f"the loss holds the normaliser of its likelihood, with {known}{named}: that is what its KL weighs")

    def _read_weights(self) -> None:
        """Weights that the author has put before the terms, where no weight is declared and the loss is the author's own."""
        facts, loss, works = self.facts, self.wiring.loss, self.found.parts[Part.LOSS].standing is Standing.PRESENT
        given = facts.effective_beta is not None or facts.objective is not Objective.ELBO
        if given or not works or loss is None or loss.supplied or loss.kl_alone:
            return
        weights = author_weights(self._build(facts))
        if weights is not None and not (weights.modified and self.options.objective):
            read: dict[str, Any] = {"objective": Objective.MODIFIED} if weights.modified else {"effective_beta": weights.effective_beta}
            self.facts = replace(facts, declared=(*facts.declared, *weights.accounts), **read)
