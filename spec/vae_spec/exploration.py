"""Property-based checks with Hypothesis: a claim's check judges one example, and this module searches for a simple counterexample.

Reproducible from the run's seed: Hypothesis is seeded by the context, without database and deadline. It draws the structure of an example
(batch size, magnitudes, kinds of data); the values come from generators seeded by hashing the run's seed, the claim and the example, so
that neither global state nor shrinking affects them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import hypothesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from vae_spec.context import ClaimContext
from vae_spec.lazy import torch
from vae_spec.outcomes import NONE, Numbers, Verdict, holds, violated
from vae_spec.subject import SubjectFault

Example = TypeVar("Example")

FEW_EXAMPLES = 20
"""Largest number of examples if each costs several calls of the implementation, or a pass through the whole network."""
_CALLS_AFTER_A_FAILURE = 48
"""Number of examples that the search for a simpler counterexample may try. Chosen, not measured: a little more than the 40 on which a
property is tried by default, so that there a violation takes little more than twice as long as its absence."""


def _closed_backend() -> str:
    """Return the name of a Hypothesis backend that depends only on its seed.

    Recent releases also draw constants found in the source code of all imported modules, including the implementation's own, and cache
    them in a folder in the current directory. The same seed would then give different examples in another process.
    """
    try:
        from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider  # noqa: PLC0415  may not be there
    except ImportError:
        return "hypothesis"
    if not hasattr(HypothesisProvider, "_maybe_draw_constant"):
        return "hypothesis"

    class ClosedProvider(HypothesisProvider):
        """Provider that draws no constants from source code."""

        def _maybe_draw_constant(self, *_args: object, **_kwargs: object) -> None:
            return None

    AVAILABLE_PROVIDERS["vae-spec"] = ClosedProvider
    return "vae-spec"


_BACKEND = _closed_backend()
_EXAMPLES: dict[tuple[int, int, str], list[Any]] = {}
"""Examples by the seed, their number and the strategy; see `_drawn`."""


class _Falsified(Exception):
    """One example violates the property; raised to make Hypothesis shrink it."""


class _Enough(BaseException):
    """The counterexample has been simplified long enough. Not an Exception, so that Hypothesis does not catch it."""


PAST_ITS_LIMIT = "seconds, more than"
"""The name of the time limit among a verdict's measurements, if the code exceeded it."""


FIX_FIRST = "fix this first: nothing else can be said of this claim before it runs"


def fault_verdict(fault: SubjectFault) -> Verdict:
    """Return the verdict for a failure of the implementation's own code."""
    return violated(
        f"{fault.operation}: {fault.what}",
        measured={"operation": fault.operation} | ({} if fault.limit is None else {PAST_ITS_LIMIT: fault.limit}),
        expected={"operation": "returns finite tensors in time"},
        diagnosis=fault.diagnosis,
        hint=FIX_FIRST,
    )


def explore(
    context: ClaimContext,
    strategy: st.SearchStrategy[Example],
    examine: Callable[[Example], Verdict | None],
    *,
    anchors: Iterable[Example] = (),
    examples: int | None = None,
    simplify: bool = True,
) -> Verdict | None:
    """Run `examine` on examples of the strategy and return the verdict on the simplest counterexample found, or None.

    Args:
        context: the claim and the seed.
        strategy: draws an example.
        examine: returns None if the example satisfies the property, otherwise a verdict.
        anchors: examples that are tried first, as they are.
        examples: the number of examples; the context's number by default.
        simplify: whether to search for a simpler counterexample; False for statistical checks, where a simpler one may be due to chance.
    """
    if found := next(filter(None, map(examine, anchors)), None):
        return found

    def judged(example: Example) -> Verdict | None:
        try:
            return examine(example)
        except SubjectFault as fault:
            return fault_verdict(fault)

    count = examples or context.examples
    verdicts = map(judged, _drawn(context, strategy, count))
    satisfied, first = next(((place, verdict) for place, verdict in enumerate(verdicts) if verdict is not None), (count, None))
    if first is None or not simplify:
        return first
    failures: list[Verdict] = []
    tried = 0

    def run(example: Example) -> None:
        # Hypothesis gives the same examples again, and their verdicts are known.
        nonlocal tried
        tried += 1
        if tried <= satisfied:
            return
        if tried > satisfied + 1 + _CALLS_AFTER_A_FAILURE:
            raise _Enough
        verdict = judged(example) if failures else first
        if verdict is not None:
            failures.append(verdict)
            raise _Falsified

    try:
        _search(context, strategy, count, run, Phase.generate, Phase.shrink)
    except _Enough:
        pass
    except Exception:
        # A falsified property raises _Falsified, or Flaky if the implementation's noise is not reproducible.
        if not failures:
            raise
    return failures[-1] if failures else first


def _drawn(context: ClaimContext, strategy: st.SearchStrategy[Example], count: int) -> Sequence[Example]:
    """Return the examples that Hypothesis tries unless one fails. They depend on the seed alone, so they are drawn once in a process."""
    key = context.rng_seed("hypothesis"), count, repr(strategy)
    if key not in _EXAMPLES:
        found: list[Example] = []

        def note(example: Example) -> None:
            found.append(example)

        _search(context, strategy, count, note, Phase.generate)
        _EXAMPLES[key] = found
    return _EXAMPLES[key]


def _search(
    context: ClaimContext, strategy: st.SearchStrategy[Example], count: int, run: Callable[[Example], None], *phases: Phase
) -> None:
    """Run a property on examples of the strategy."""
    search = hypothesis.settings(
        max_examples=count,
        backend=_BACKEND,
        database=None,
        deadline=None,
        print_blob=False,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        phases=phases,
    )
    hypothesis.seed(context.rng_seed("hypothesis"))(search(hypothesis.given(strategy)(run)))()


def for_all(
    context: ClaimContext,
    strategy: st.SearchStrategy[Example],
    examine: Callable[[Example], Verdict | None],
    conclusion: str,
    *,
    smallest_effect: str,
    anchors: Sequence[Example] = (),
    examples: int | None = None,
    simplify: bool = True,
    measured: Numbers = NONE,
    expected: Numbers = NONE,
) -> Verdict:
    """Return the verdict on the counterexample that `explore` finds with the same arguments, or that the claim holds on all examples.

    If it holds, the message is `conclusion`, and the verdict reports the number of examples, `measured` besides, and what was `expected`
    of these. An error of `smallest_effect` would have been detected.
    """
    if counterexample := explore(context, strategy, examine, anchors=anchors, examples=examples, simplify=simplify):
        return counterexample
    tried: Numbers = {"examples": examples or context.examples}
    return holds(conclusion, measured={**tried, **measured}, expected=expected, smallest_effect=smallest_effect)


def generator(context: ClaimContext, *labels: object) -> torch.Generator:
    """Return a separate random generator, seeded by the context and the labels of the example."""
    return torch.Generator().manual_seed(context.rng_seed(*labels))
