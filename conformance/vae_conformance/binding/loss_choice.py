"""Choosing the loss: the first candidate that answers, in the order of arguments and the sign in which its numbers fit an ELBO best."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.distributions import gives_logits
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.heads import Head, read_kl
from vae_conformance.binding.loss_binding import kl_of_the_model, losses
from vae_conformance.binding.loss_doubt import ask_for_keyword, refuse_unread
from vae_conformance.binding.loss_trial import Trial, try_loss
from vae_conformance.binding.losses import BY_ORDER, Loss, supplied_loss
from vae_conformance.binding.objective.training_loop import loss_of_loop
from vae_conformance.binding.returns import Returns
from vae_conformance.binding.rivals import used_in_training
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.guard.calls import tells_nothing
from vae_conformance.target.adapter import settled
from vae_spec.elbo import reconstruction_fit
from vae_spec.subject import Likelihood, Part, Standing, SubjectFault

NEUTRAL_HEADS = (Head.LOGVAR, Head.STD)
"""The meanings under which a loss is probed before its own is known: sigma = 1 is a second head of 0, or one of 1, where at 0 there may be
no divergence at all."""


class LossChoice:
    """Chooses the loss of a model.

    Args:
        found: what is known of the model; how its loss stands is noted there.
        options: what the user declares.
        build: gives the subject with a loss, under a meaning of the second head and a likelihood.
        trial: what losses are tried with.
        x: the batch in the data's range.
    """

    def __init__(
        self,
        found: Findings,
        options: RunOptions,
        build: Callable[[Loss, Head, Likelihood | None], InProcessSubject],
        trial: Trial,
        x: Tensor,
    ) -> None:
        self.found, self.options, self.build, self.trial, self.x = found, options, build, trial, x
        self.declared = Likelihood(options.likelihood) if options.likelihood else None
        self.tried: list[tuple[str, str]] = []
        self.readings: list[tuple[Loss, tuple[Likelihood | None, Head | None]]] = []

    def loss(self) -> tuple[Loss, Likelihood | None]:
        """Find the loss, and the likelihood of its reconstruction term.

        Raises:
            Unbound: there is a loss that cannot be called, or several of which nothing says which one is meant.
        """
        loss, failed = self._chosen()
        if loss is None:
            return self._instead(failed)
        if self.options.loss is None and not loss.driven:
            loss = used_in_training(self.found, loss, self.trial)
        taken = ", ".join(loss.roles.values())
        shown = loss.account if loss.driven else f"{loss.account}({taken})"
        self.found.report(Part.LOSS, Standing.PRESENT, f"{shown} gives {loss.returns}", known_by=loss.known_by)
        if loss.sign < 0:
            self.found.notes.append(f"{loss.name} is the ELBO itself, to be maximised: its negative is taken for the loss")
        return loss, self.reading(loss)[0]

    def reading(self, loss: Loss) -> tuple[Likelihood | None, Head | None]:
        """The likelihood that a loss follows, and what its KL takes the second head for; each None where it does not tell."""
        known = next((reading for one, reading in self.readings if one is loss), None)
        if known is None:
            heads = (read_kl(self._totals(loss, head), self.trial.latent_dim) for head in NEUTRAL_HEADS)
            known = self.declared or self._likelihood(loss), next((head for head in heads if head is not None), None)
            self.readings.append((loss, known))
        return known

    def _chosen(self) -> tuple[Loss | None, tuple[Loss, SubjectFault] | None]:
        """The first loss that answers, in the order of arguments and the sign that fit best; and the first that fails."""
        failed: tuple[Loss, SubjectFault] | None = None
        best: tuple[float, Loss] | None = None
        for candidate in losses(self.found, self.options.loss):
            if self.options.loss is not None and candidate.name != self.options.loss:
                continue
            if best is not None and (best[0] >= 2 or candidate.account != best[1].account):
                break
            try:
                answering = try_loss(self.found, candidate, self.trial)
            except SubjectFault as fault:
                self.tried.append((candidate.name, f"with {candidate.kind} {fault.what}"))
                if failed is None and candidate.answers_for and not tells_nothing(fault):
                    failed = candidate, fault
                continue
            if answering is None:
                self.tried.append((candidate.name, f"with {candidate.kind} gives nothing that follows the posterior as a loss does"))
            for loss in () if answering is None else answering.signs():
                likelihood, head = self.reading(loss)
                # Of a loss and its negative that fit alike, the one whose KL grows is to be minimised.
                grows = loss.sign < 0 and self._grows(loss)
                fits = (likelihood is not None) + (head is not None) + grows / 2
                # What forward returns beside a loss, or without one, follows both too.
                counts = fits > 0 or not (loss.driven and loss.name == "forward")
                if counts and (best is None or fits > best[0]):
                    best = fits, loss
        if failed is not None and failed[0].known_by == BY_ORDER and len({what for name, what in self.tried if name == failed[0].name}) > 1:
            failed = None  # it fails otherwise in another order of its arguments: the order may be at fault
        return (None if best is None else best[1]), failed

    def _instead(self, failed: tuple[Loss, SubjectFault] | None) -> tuple[Loss, Likelihood | None]:
        """Where no loss answers: the one that fails, two terms that a script adds, the model's own KL, or the ELBO."""
        if self.options.loss is not None and failed is None:
            refuse_unread(self.found, self.tried, self.options.loss)
            raise Unbound(f"{self.found.target.name} has no loss named {self.options.loss} that can be called")
        if failed is None and settled(self.found.model, ("loss",)) is not None:
            raise Unbound(
                f"{self.found.target.name}: what the loss of the Implementation record returns is no loss that follows the posterior",
                "return one number, (total, reconstruction, kl), or a dict of these",
            )
        if self.options.loss is None and (loop := loss_of_loop(self.found, self.trial)) is not None:
            self.found.report(Part.LOSS, Standing.PRESENT, f"{loop.account} give {loop.returns}", known_by=loop.known_by)
            return loop, self.reading(loop)[0]
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

    def _natural_likelihood(self) -> Likelihood:
        if self.found.target.vocabulary:
            return Likelihood.CATEGORICAL
        if len(self.trial.raw) == 2:
            return Likelihood.GAUSSIAN
        if gives_logits(self.found.decoded):
            return Likelihood.BERNOULLI_LOGITS
        unit = self.found.end == "unit" and float(self.x.min()) >= 0 and float(self.x.max()) <= 1
        return Likelihood.BERNOULLI if unit else Likelihood.SQUARED_ERROR

    def _likelihood(self, loss: Loss) -> Likelihood | None:
        """The first likelihood that the reconstruction term follows, of those that fit the decoder's range."""
        for head in NEUTRAL_HEADS:
            for one in self._possible():
                try:
                    if reconstruction_fit(self.build(loss, head, one), one, batch=BATCH).good:
                        return one
                except (SubjectFault, RuntimeError):
                    continue
        return None

    def _possible(self) -> list[Likelihood]:
        tokens = self.found.target.vocabulary > 0
        return [Likelihood.CATEGORICAL] if tokens else likelihoods_of(self.found.end, pair=len(self.trial.raw) == 2)

    def _grows(self, loss: Loss) -> bool:
        """Whether the total is greater for means of 1 than for means of 0."""
        total, zero = self._totals(loss, Head.LOGVAR), torch.zeros(2, self.trial.latent_dim)
        return total(zero + 1, zero) > total(zero, zero)

    def _totals(self, loss: Loss, head: Head) -> Callable[[Tensor, Tensor], float]:
        """The total as a function of mu and the second head for two items; no number where it fails."""
        subject, raw, x = self.build(loss, head, None), tuple(one[:2] for one in self.trial.raw), self.x[:2]

        def of(mu: Tensor, second: Tensor) -> float:
            try:
                return float(subject.terms(raw, x, mu, head.to_logvar(second)).total)
            except (SubjectFault, RuntimeError):
                return math.nan

        return of


def likelihoods_of(end: str, *, pair: bool) -> list[Likelihood]:
    """Return the likelihoods that fit the end of a decoder, the likeliest first.

    Args:
        end: "unit" for outputs in [0, 1], "symmetric" for those in [-1, 1], "free" for any other.
        pair: whether it gives a mean and a variance.
    """
    if pair:
        return [one for one in Likelihood if one.pair]
    if end == "unit":
        return [Likelihood.BERNOULLI, Likelihood.SQUARED_ERROR, Likelihood.LAPLACE, Likelihood.CONTINUOUS_BERNOULLI]
    if end == "symmetric":
        return [Likelihood.SQUARED_ERROR, Likelihood.LAPLACE]
    plain = [Likelihood.BERNOULLI_LOGITS, Likelihood.SQUARED_ERROR, Likelihood.LAPLACE, Likelihood.BERNOULLI]
    return [*plain, Likelihood.CONTINUOUS_BERNOULLI_LOGITS, Likelihood.POISSON_LOG, Likelihood.POISSON]
