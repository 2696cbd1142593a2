"""Properties over examples that Hypothesis draws: a claim's check says what one example shows, and this finds a simple counterexample.

Reproducible from the run's seed: Hypothesis is seeded by the trial, has no database and no deadline. It draws the structure of an example
(batch size, magnitudes, kinds of data); the numbers inside come from generators that are seeded by hashing the run's seed, the claim and
the example, so that neither global state nor shrinking decides them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

import hypothesis
import torch
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from vae_spec.outcomes import Number, Verdict, holds, violated
from vae_spec.subject import SubjectFault
from vae_spec.trial import Trial

Example = TypeVar("Example")

FEW_EXAMPLES = 20
"""At most so many examples where each costs several calls of the implementation, or a pass through the whole network."""
_CALLS_AFTER_A_FAILURE = 48
"""How many examples the search for a simpler counterexample may cost: about as many as a property is tried on, so that a violation takes no
more than twice as long as its absence."""


def _closed_backend() -> str:
    """A Hypothesis backend that draws from its seed alone.

    Recent releases also draw constants that they find in the sources of all imported modules, the implementation's own among them, and keep
    them in a folder in the current directory. Then the same seed would give other examples in another process.
    """
    try:
        from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider  # noqa: PLC0415  may not be there
    except ImportError:
        return "hypothesis"
    if not hasattr(HypothesisProvider, "_maybe_draw_constant"):
        return "hypothesis"

    class ClosedProvider(HypothesisProvider):
        """Draws no constants from anybody's source code."""

        def _maybe_draw_constant(self, *_args: object, **_kwargs: object) -> None:
            return None

    AVAILABLE_PROVIDERS["vae-spec"] = ClosedProvider
    return "vae-spec"


_BACKEND = _closed_backend()


class _Falsified(Exception):
    """One example does not satisfy the property; Hypothesis takes it from here."""


class _Enough(BaseException):
    """The counterexample has been simplified for long enough. Not an Exception, so that Hypothesis lets it through."""


PAST_ITS_LIMIT = "seconds, more than"
"""The name of the time limit among what was measured, where code ran past it."""


MEND_FIRST = "mend this first: nothing else can be said of this claim before it runs"


def fault_verdict(fault: SubjectFault) -> Verdict:
    """The verdict where the implementation's own code failed."""
    return violated(
        f"{fault.operation}: {fault.what}",
        measured={"operation": fault.operation} | ({} if fault.limit is None else {PAST_ITS_LIMIT: fault.limit}),
        expected={"operation": "returns finite tensors in time"},
        diagnosis=fault.diagnosis,
        hint=MEND_FIRST,
    )


def explore(
    trial: Trial,
    strategy: st.SearchStrategy[Example],
    examine: Callable[[Example], Verdict | None],
    *,
    anchors: Iterable[Example] = (),
    examples: int | None = None,
    simplify: bool = True,
) -> Verdict | None:
    """Try `examine` on examples of the strategy; the verdict on the simplest counterexample found, or None.

    Args:
        trial: names the claim and the seed.
        strategy: draws an example.
        examine: gives None where the example is in order, and otherwise the verdict that it shows.
        anchors: examples that are tried first, as they are.
        examples: how many to try; the trial's number where not given.
        simplify: whether to look for a simpler counterexample; not for statistical checks, where a simpler one may be a lucky one.
    """
    if found := next(filter(None, map(examine, anchors)), None):
        return found
    failures: list[Verdict] = []
    calls_left = _CALLS_AFTER_A_FAILURE

    def run(example: Example) -> None:
        nonlocal calls_left
        if failures:
            calls_left -= 1
            if calls_left < 0:
                raise _Enough
        try:
            verdict = examine(example)
        except SubjectFault as fault:
            verdict = fault_verdict(fault)
        if verdict is not None:
            failures.append(verdict)
            if not simplify:
                raise _Enough
            raise _Falsified

    search = hypothesis.settings(
        max_examples=examples or trial.examples,
        backend=_BACKEND,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if simplify else [Phase.generate],
    )
    try:
        hypothesis.seed(trial.rng_seed("hypothesis"))(search(hypothesis.given(strategy)(run)))()
    except _Enough:
        pass
    except Exception:
        # A falsified property surfaces as _Falsified, or as Flaky where an implementation's noise cannot be repeated.
        if not failures:
            raise
    return failures[-1] if failures else None


def for_all(
    trial: Trial,
    strategy: st.SearchStrategy[Example],
    examine: Callable[[Example], Verdict | None],
    said: str,
    *,
    smallest_effect: str,
    anchors: Sequence[Example] = (),
    examples: int | None = None,
    simplify: bool = True,
    measured: Mapping[str, Number] | None = None,
    expected: Mapping[str, Number] | None = None,
) -> Verdict:
    """The counterexample that `explore` finds, or that the claim holds: `said`, with how many examples it was tried on."""
    if counterexample := explore(trial, strategy, examine, anchors=anchors, examples=examples, simplify=simplify):
        return counterexample
    tried: Mapping[str, Number] = {"examples": examples or trial.examples}
    return holds(said, measured={**tried, **(measured or {})}, expected=expected, smallest_effect=smallest_effect)


def generator(trial: Trial, *labels: object) -> torch.Generator:
    """A random generator of its own, seeded by the trial and whatever names the example."""
    return torch.Generator().manual_seed(trial.rng_seed(*labels))
