"""The session of one process of a run: it binds the subject and evaluates claims one by one."""

from __future__ import annotations

import math
import platform
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import torch
from threadpoolctl import threadpool_limits

from vae_conformance.binding.bind import bind
from vae_conformance.binding.bound_subject import InProcessSubject
from vae_conformance.binding.locations import locate_parts
from vae_conformance.config.options import RunOptions
from vae_conformance.data.datasets import data_name
from vae_conformance.errors import Unbound
from vae_conformance.experiments.trainer import StillTraining
from vae_conformance.guard.bernoulli_grey import accept_grey_values
from vae_conformance.guard.calls import Caller
from vae_conformance.guard.seeds import restored_once
from vae_conformance.guard.time_limit import TimeLimitExceeded, time_limit
from vae_conformance.guard.torchvision_operators import make_importable
from vae_conformance.runner.events import (
    Binding,
    Bound,
    ClaimVerdict,
    Emit,
    FoundImplementation,
    FoundPart,
    Loading,
    Planned,
    Probing,
    Progress,
    SuiteError,
    Trained,
    WeightsFile,
)
from vae_conformance.runner.other_sizes import Variant, variants
from vae_conformance.runner.selection import selected
from vae_conformance.target.target import Target, load_target
from vae_conformance.target.weights import of_given_weights, with_weights
from vae_spec.claim import Claim, Experiment, Profile
from vae_spec.context import ClaimContext
from vae_spec.exploration import PAST_ITS_LIMIT, fault_verdict
from vae_spec.judging import ask, judge, parts_concerned, precondition
from vae_spec.outcomes import Number, Outcome, Verdict, inconclusive, not_asked
from vae_spec.registry import CLAIMS, share
from vae_spec.statistics.seeds import LOOKS
from vae_spec.subject import SubjectFault

if TYPE_CHECKING:
    from vae_conformance.experiments.laboratory import Agenda, Laboratory

PROGRESS_SECONDS = 0.5
MANY_SEEDS = 6
"""The number of seeds of the full profile's first look."""
OTHER_SIZE_EXAMPLES = 6
"""The number of examples of a property at each other size; the model's own size gets the context's number."""
SHORTEST_SECONDS = 0.01
"""The time for other sizes if a claim's time is used up."""

_OF_A_CLAIM = ("title", "level", "statement", "decision", "why", "rank", "role", "explains", "trained")
_OF_A_VERDICT = ("outcome", "message", "hint", "diagnosis", "smallest_effect")
"""What the event of a verdict takes over from the claim, and from the verdict."""


def out_of_time(late: TimeLimitExceeded, caller: Caller) -> Verdict:
    """Return the inconclusive verdict of a claim that ran out of time although no call of the implementation hangs."""
    calls = sum(spent.calls for spent in caller.spent.values())
    message = f"not decided within its {late.seconds:g} s"
    if not calls:
        return inconclusive(f"{message}: the implementation was not called yet; --time-limit gives more")
    seconds = sum(spent.seconds for spent in caller.spent.values())
    name, longest = max(caller.spent.items(), key=lambda entry: entry[1].longest)
    return inconclusive(
        f"{message}: {calls} calls of the implementation took {seconds:.3g} s of them, the longest {longest.longest:.2g} s ({name})"
        "\nnone of them hangs, so this is no violation; give it more time with --time-limit",
        measured={
            "seconds": late.seconds,
            "calls": calls,
            "seconds in calls": round(seconds, 3),
            "longest call": round(longest.longest, 3),
        },
    )


def still_training(late: StillTraining) -> Verdict:
    """Return the inconclusive verdict of a claim whose training ran out of time although no step hangs."""
    limit = late.limit or 0.0
    enough = math.ceil(1.5 * limit * late.steps / late.done / 60) * 60
    return inconclusive(
        f"one training {late.what}: none of its steps hangs, so this is no violation"
        f"\ngive it more time with --time-limit {enough}, a faster machine, or a smaller model: a constructor's defaults decide its size",
        measured={"seconds": limit, "steps": late.done, "steps of a training": late.steps},
    )


class Session:
    """Binds an implementation once, lazily, and evaluates claims on it.

    Args:
        options: the options of the run.
        emit: called with events.
        other_sizes: whether exact claims are evaluated at other sizes too, if the model can be built with them.
        target: the loaded implementation; None to load the target of the options.
    """

    _agenda: Agenda  # created with the laboratory

    def __init__(self, options: RunOptions, emit: Emit, *, other_sizes: bool = True, target: Target | None = None) -> None:
        self.options = options
        self.emit = emit
        self._subject: InProcessSubject | None = None
        self._target = target
        self._laboratory: Laboratory | None = None
        self._variants: list[Variant] | None = None if other_sizes else []
        self._failure: Unbound | None = None
        self._last_progress = 0.0
        # One thread, so that sums have the same order for any number of workers, and workers do not slow each other.
        torch.set_num_threads(1)
        threadpool_limits(1)
        accept_grey_values()

    def bind(self) -> InProcessSubject:
        """Return the subject, loaded and bound at the first call.

        Raises:
            Unbound: the target cannot be loaded or bound.
        """
        if self._failure is not None:
            raise self._failure
        if self._subject is None:
            self.emit(Loading())
            try:
                self._check_device()
                make_importable()
                self._target = self._target or load_target(self.options.target, input_shape=self.options.input_shape)
                if self.options.weights is not None:
                    self._target = with_weights(self._target, Path(self.options.weights))
                self.emit(Probing())
                with restored_once(torch.device(self.options.device)):
                    self._subject = bind(self._target, self.options)
            except Unbound as error:
                self._failure = error
                raise
            except Exception as error:
                # Errors of the implementation's code are caught during probing, so this is an error of the suite.
                what = f"the suite itself failed while it looked for the parts of {self.options.target}: {type(error).__name__}: {error}"
                self.emit(SuiteError(what, "".join(traceback.format_exception(error))))
                raise
            self.emit(self._bound())
        return self._subject

    def _check_device(self) -> None:
        try:
            torch.zeros(1, device=self.options.device)
        except (RuntimeError, AssertionError) as error:
            raise Unbound(
                f"the device {self.options.device!r} cannot be used: {str(error).splitlines()[0]}",
                "choose another with --device, for example --device cpu",
            ) from error

    def verdict(self, claim_id: str, fix_first: Sequence[str] = ()) -> Verdict:
        """Evaluate a claim, or leave a trained one out if there is something to `fix_first`; a failure of the suite is an error verdict."""
        claim = CLAIMS[claim_id]
        subject = self.bind()
        context = ClaimContext(claim_id, self.options.seed, level=share(claim_id), target=self.options.target.text)
        subject.caller.count_anew()
        try:
            if claim.check is None:
                return self._trained(claim, subject, fix_first)
            with restored_once(subject.device):
                return self._exact(claim, subject, context)
        except Unbound:
            raise
        except TimeLimitExceeded as late:
            return out_of_time(late, subject.caller)
        except Exception as error:  # noqa: BLE001  a failure of the suite is reported, and the other claims are still asked
            detail = "".join(traceback.format_exception(error))
            return Verdict(Outcome.ERROR, f"the suite itself failed: {type(error).__name__}: {error}\n{detail}")

    def _exact(self, claim: Claim, subject: InProcessSubject, context: ClaimContext) -> Verdict:
        """Evaluate an exact claim, also at other sizes if it could hold at a single size by chance."""
        began = time.monotonic()
        with time_limit(self.options.time_limit, claim.id):
            verdict = ask(claim, subject, context)
        if not claim.at_other_sizes or verdict.outcome is not Outcome.HOLDS:
            return verdict
        left = self.options.time_limit - (time.monotonic() - began)
        return self._at_other_sizes(claim, subject, context, verdict, max(left, SHORTEST_SECONDS))

    def _at_other_sizes(self, claim: Claim, subject: InProcessSubject, context: ClaimContext, verdict: Verdict, seconds: float) -> Verdict:
        """Evaluate a claim at other sizes within the remaining time, and return the combined verdict; slowness is no violation."""
        assert self._target is not None
        asked, late = [], []
        try:
            with time_limit(seconds, f"{claim.id} at other sizes"):
                if self._variants is None:
                    self._variants = []  # built once only, so that a slow build is not repeated for the next claim
                    self._variants = variants(self._target, subject, self.options)
                late = [variant.label for variant in self._variants]
                for variant in self._variants:
                    other = ask(claim, variant.subject, replace(context, examples=OTHER_SIZE_EXAMPLES))
                    if PAST_ITS_LIMIT in other.measured:
                        continue
                    late.remove(variant.label)
                    asked.append(variant.label)
                    if other.outcome is Outcome.VIOLATED:
                        # A failure at another size only means a hard-coded size.
                        named = other.diagnosis or "hard-coded-shape"
                        return replace(other, message=f"built with {variant.label}: {other.message}", diagnosis=named)
        except TimeLimitExceeded:
            late = late or ["other sizes"]
        also = f"also with {' and with '.join(asked)}" if asked else ""
        passed_over = f"no time was left to ask it with {' and with '.join(late)}: --time-limit gives more" if late else ""
        remark = "; ".join(filter(None, (also, passed_over)))
        return replace(verdict, message=f"{verdict.message} ({remark})") if remark else verdict

    def _trained(self, claim: Claim, subject: InProcessSubject, fix_first: Sequence[str]) -> Verdict:
        """Evaluate a trained claim on an increasing number of seeds until the verdict is conclusive."""
        verdict = precondition(claim, subject.facts)
        if fix_first and (verdict is None or verdict.outcome is Outcome.VIOLATED):
            return not_asked(f"fix {', '.join(fix_first)} first; --keep-going asks it all the same")
        if verdict is not None:
            return verdict.with_hint(claim.hint) if verdict.outcome is Outcome.VIOLATED else verdict
        if claim.experiment is None:
            raise ValueError(f"{claim.id} has no experiment")
        laboratory = self._laboratory or self._announced()
        laboratory.maker.say = lambda text: self._emit_progress(claim.id, text)
        for look in self._looks(claim):
            try:
                self._agenda.look(claim.experiment, look)
                groups = laboratory.groups(claim.experiment, look)
            except StillTraining as late:
                return still_training(late)
            except SubjectFault as fault:
                return fault_verdict(fault)
            self._given(claim, laboratory.keys(claim.experiment, look))
            verdict = judge(claim, groups, subject.facts)
            if verdict.outcome is not Outcome.INCONCLUSIVE:
                break
        assert verdict is not None
        return of_given_weights(verdict, data_name(subject.facts, self.options)) if subject.facts.given_weights else verdict

    def _announced(self) -> Laboratory:
        """Return the laboratory, and emit what it is about to train."""
        laboratory = self.laboratory()
        if work := self._agenda.work():
            self.emit(Planned(**asdict(work)))
        return laboratory

    def _given(self, claim: Claim, keys: list[dict[str, str]]) -> None:
        """Emit which stored runs a claim was evaluated on, for reports; given weights have a single kind of run."""
        experiment = claim.experiment if self.options.weights is None else Experiment.IMAGES
        self.emit(Trained(claim.id, str(experiment), tuple(keys)))

    def _looks(self, claim: Claim) -> tuple[int, ...]:
        """Return the numbers of seeds of the looks; a single one for given weights.

        The full profile starts at `MANY_SEEDS`, except for reference-only claims and on large data sets, whose trainings take many
        times longer.
        """
        if self.options.weights is not None:
            return (1,)
        more = self.options.profile == Profile.FULL and self.options.images == "digits" and not claim.reference_only
        return LOOKS[LOOKS.index(MANY_SEEDS) :] if more else LOOKS

    def laboratory(self) -> Laboratory:
        """Return the laboratory of the bound subject."""
        if self._laboratory is None:
            from vae_conformance.experiments.laboratory import LAB, Agenda, Laboratory  # noqa: PLC0415  slow to import, not for exact runs

            subject = self.bind()
            assert self._target is not None
            # All of the profile's experiments on images will be needed eventually.
            asked = dict.fromkeys(
                (claim.experiment, self._looks(claim)[0])
                for claim in selected(self.options)
                if claim.experiment is not None and precondition(claim, subject.facts) is None
            )
            upcoming = dict.fromkeys(experiment for experiment, _ in asked if experiment not in LAB)
            self._laboratory = Laboratory(subject, self._target.fingerprint(), self.options, lambda _text: None, self._target, [*upcoming])
            self._agenda = Agenda(self._laboratory, asked)
        return self._laboratory

    def _emit_progress(self, claim_id: str, text: str) -> None:
        now = time.monotonic()
        if now - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = now
            self.emit(Progress(text, claim_id, *self._agenda.progress))

    def _of_weights(self, claim: Claim, verdict: Verdict) -> bool:
        """Return whether a verdict is on given weights only, whose faults have no source location, unlike a failing part."""
        return self.options.weights is not None and claim.as_it_is and not {"part", "operation"} & verdict.measured.keys()

    def record(self, claim_id: str, verdict: Verdict, seconds: float) -> ClaimVerdict:
        """Return the event of a verdict."""
        claim = CLAIMS[claim_id]
        return ClaimVerdict(
            claim=claim.id,
            source="; ".join(str(source) for source in claim.sources),
            measured=_plain(verdict.measured),
            expected=_plain(verdict.expected),
            level_of_error=share(claim_id),
            duration_s=round(seconds, 3),
            parts=() if self._of_weights(claim, verdict) else tuple(str(part) for part in parts_concerned(claim, verdict)),
            advice=claim.hint,
            rejects=() if claim.trained else claim.mistakes,
            **{name: getattr(claim, name) for name in _OF_A_CLAIM},
            **{name: getattr(verdict, name) for name in _OF_A_VERDICT},
        )

    def _bound(self) -> Bound:
        assert self._subject is not None
        assert self._target is not None
        facts, weights = self._subject.facts, self._target.weights
        places = locate_parts(self._subject.model, self._subject.wiring, self._target.sources)
        parts = {
            str(part): FoundPart(str(report.standing), report.account, places.get(part), report.known_by)
            for part, report in facts.parts.items()
        }
        return Bound(
            FoundImplementation(
                target=self.options.target.text,
                name=facts.name,
                binding=Binding(parts, facts.notes, facts.assumed, facts.declared),
                effective_beta=facts.effective_beta,
                likelihood=None if facts.likelihood is None else str(facts.likelihood),
                parameters=facts.parameters,
                input_shape=facts.input_shape,
                latent_dim=facts.latent_dim,
                weights=None if weights is None else WeightsFile(weights.name, weights.sha256),
            ),
            {
                "python": platform.python_version(),
                "torch": str(torch.__version__),
                "device": self.options.device,
                "threads": torch.get_num_threads(),
            },
            data_name(facts, self.options),
        )


def _plain(values: Mapping[str, Number]) -> Mapping[str, Number]:
    """Convert NumPy numbers to Python numbers."""
    plain: dict[str, Number] = msgspec.to_builtins(values, enc_hook=float)
    return plain
