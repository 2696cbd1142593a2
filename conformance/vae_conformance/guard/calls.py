"""Calls into user code: every failure becomes one readable `SubjectFault`, and an operation that hung is not called again."""

from __future__ import annotations

import dis
import inspect
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
    """Return the innermost traceback line in the user's own code: neither in this package nor in an installed library."""
    own = str(Path(__file__).parent.parent)
    for frame in reversed(traceback.extract_tb(trace)):
        if frame.filename.startswith(own) or "site-packages" in frame.filename or frame.filename.startswith("<"):
            continue
        if not Path(frame.filename).exists() and not linecache.getline(frame.filename, frame.lineno or 0):
            continue
        return f" (line {frame.lineno} of {Path(frame.filename).name}: {frame.line})"
    return ""


def describe(error: BaseException) -> str:
    """Describe an exception in one line: its type, the first line of its message, and the line of the user's code that raised it."""
    if isinstance(error, SystemExit):
        return f"called sys.exit({error.code!r}){_users_line(error.__traceback__)}"
    first = (str(error).strip().splitlines() or [""])[0]
    return f"raised {type(error).__name__}: {first}{_users_line(error.__traceback__)}"


def diagnose(error: BaseException) -> str | None:
    """Return the id of the mistake that an exception's message points to, or None."""
    text = f"{type(error).__name__}: {error}"
    return next((mistake for pattern, mistake in _PATTERNS if pattern.search(text)), None)


_CALLING = ("torch", "nn", "modules", "module.py")
"""The end of the path of the file in which PyTorch passes a module's arguments on."""


def tells_nothing(fault: SubjectFault) -> bool:
    """Return whether a failing call says nothing of the implementation's code.

    Its signature does not take the arguments that the call passed, so that it never ran; or an attribute is missing that a method other
    than the constructor sets, and nothing has called that method.
    """
    error = fault.__cause__
    if isinstance(error, AttributeError):
        return _is_set_elsewhere(error)
    if not isinstance(error, TypeError):
        return False
    own = str(Path(__file__).parent.parent)
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    return all(file.startswith(own) or file.endswith("contextlib.py") or Path(file).parts[-4:] == _CALLING for file in files)


def _is_set_elsewhere(error: AttributeError) -> bool:
    return any(
        line.opname == "STORE_ATTR" and line.argval == error.name
        for kind in type(error.obj).__mro__
        if not kind.__module__.startswith("torch.")
        for name, method in vars(kind).items()
        if name != "__init__" and inspect.isfunction(method)
        for line in dis.get_instructions(method)
    )


HANGING = 10
"""A call that was cut off counts as hanging if it took HANGING times as long as any call before it, and over 1 / HANGING of the limit."""


@dataclass
class Spent:
    """Time spent in the calls of one operation since the last reset.

    Attributes:
        calls: number of calls that returned, raised or were cut off.
        seconds: their total duration.
        longest: duration of the longest call, in seconds.
    """

    calls: int = 0
    seconds: float = 0.0
    longest: float = 0.0

    def note(self, seconds: float) -> None:
        """Record one call."""
        self.calls += 1
        self.seconds += seconds
        self.longest = max(self.longest, seconds)


class Caller:
    """Wrapper of calls into the implementation.

    A limit that expires during a call is the call's fault if the limit is its own, if the call took most of it, or if the call hangs,
    judging by earlier calls. Otherwise many calls together have used up an outer limit, and the exception propagates to its owner.

    Attributes:
        limit: seconds that one call may take; infinite by default, so that only the limit of the claim or the training applies.
        spent: time spent on each operation since `count_anew`.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self.spent: dict[str, Spent] = {}
        self._hung: dict[str, str] = {}

    def count_anew(self) -> None:
        """Reset the time spent."""
        self.spent = {}

    @contextmanager
    def calling(self, operation: str) -> Iterator[None]:
        """Turn any failure within the block into a `SubjectFault`.

        Raises:
            SubjectFault: the block raised, tried to exit, or exceeded its time limit in this call or an earlier one.
            TimeLimitExceeded: an outer limit expired, and this call took no longer than the many others.
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
        """Return whether a call that was cut off after `took` seconds is to blame for the expired limit."""
        before = self.spent.get(operation, Spent()).longest
        return took > limit / 2 or (took > limit / HANGING and took > HANGING * before)
