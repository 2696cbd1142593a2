"""Calling somebody's code: every failure becomes one `SubjectFault` in words, and what has hung once is not called again."""

from __future__ import annotations

import linecache
import math
import re
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from vae_conformance.guard.time_limit import TimeLimitExceeded, time_limit, warnings_aside
from vae_spec.subject import SubjectFault

_PATTERNS = (
    (re.compile(r"cuda|nvidia|get_device|device index must not be negative", re.IGNORECASE), "cuda-always"),
    (re.compile(r"before Module\.__init__|has no attribute 'parameters'|maximum recursion depth"), "not-a-module"),
    (re.compile(r"elements of input should be between 0 and 1"), "decoder-range"),
    (re.compile(r"elements of target should be between 0 and 1"), "data-out-of-range"),
    (re.compile(r"more than 1 value per channel"), "batch-coupled-encoder"),
    (re.compile(r"at non-singleton dimension 0|shape '\[\d+, [^]]*\]' is invalid|batch_size"), "batch-size-frozen"),
    (
        re.compile(
            r"shapes cannot be multiplied|must match the (size|existing size)|is invalid for input of size|is different to the input size"
        ),
        "hard-coded-shape",
    ),
)


def _users_line(trace: TracebackType | None) -> str:
    """The innermost line of the traceback that stands in the user's own code: not this package's, not an installed library's."""
    own = str(Path(__file__).parent.parent)
    for frame in reversed(traceback.extract_tb(trace)):
        if frame.filename.startswith(own) or "site-packages" in frame.filename or frame.filename.startswith("<"):
            continue
        if not Path(frame.filename).exists() and not linecache.getline(frame.filename, frame.lineno or 0):
            continue
        return f" (line {frame.lineno} of {Path(frame.filename).name}: {frame.line})"
    return ""


def describe(error: BaseException) -> str:
    """An exception in one line: its type, the first line of its message, and where in the user's code it came from."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r}){_users_line(error.__traceback__)}"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"raised {type(error).__name__}: {first}{_users_line(error.__traceback__)}"


def diagnose(error: BaseException) -> str | None:
    """The mistake that an exception's message points to."""
    text = f"{type(error).__name__}: {error}"
    return next((mistake for pattern, mistake in _PATTERNS if pattern.search(text)), None)


HANGING = 10
"""A call that is cut off hangs where it took so many times as long as the longest before it, and more than this share of the limit."""


@dataclass
class Spent:
    """What the calls of one operation took, since somebody began to count.

    Attributes:
        calls: how many came to their end, or were cut off.
        seconds: all of them together.
        longest: seconds of the longest.
    """

    calls: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    def note(self, seconds: float) -> None:
        """One call more."""
        self.calls += 1
        self.seconds += seconds
        self.longest = max(self.longest, seconds)


class Caller:
    """Wraps calls into the implementation.

    A limit that is over while a call runs is the call's fault where the limit is its own, or where the call itself took most of it or
    hangs, by the calls before it. Otherwise many calls have used up a limit of somebody else's, which then hears of it.

    Attributes:
        limit: seconds that one call may take; no limit of its own by default, where a claim's or a training's holds.
        spent: what was spent on each operation since `count_anew`.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self.spent: dict[str, Spent] = {}
        self._hung: dict[str, str] = {}

    def count_anew(self) -> None:
        """Forget what calls have taken so far."""
        self.spent = {}

    @contextmanager
    def calling(self, operation: str) -> Iterator[None]:
        """Turn whatever goes wrong inside into a `SubjectFault`.

        Raises:
            SubjectFault: the code inside raised, tried to exit, or ran out of its time now or before.
            TimeLimitExceeded: somebody else's limit is over, and this call is one of many that took no longer than others.
        """
        if operation in self._hung:
            raise SubjectFault(operation, self._hung[operation], limit=self.limit)
        began = time.monotonic()
        try:
            with time_limit(self.limit, operation), warnings_aside():
                yield
        except SubjectFault:
            raise
        except TimeLimitExceeded as late:
            took = time.monotonic() - began
            own = late.what == operation and late.seconds == self.limit
            if not (own or self._hangs(operation, took, late.seconds)):
                raise
            self._hung[operation] = f"did not return within {late.seconds if own else round(took, 1) or 0.1:g} s"
            raise SubjectFault(operation, self._hung[operation], limit=late.seconds) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise
            raise SubjectFault(operation, describe(error), diagnose(error)) from error
        finally:
            self.spent.setdefault(operation, Spent()).note(time.monotonic() - began)

    def _hangs(self, operation: str, took: float, limit: float) -> bool:
        """Whether a call that was cut off after so many seconds is to blame for the end of a limit."""
        before = self.spent.get(operation, Spent()).longest
        return took > limit / 2 or (took > limit / HANGING and took > HANGING * before)
