"""Calling somebody's code: every failure becomes one `SubjectFault` in words, and what has hung once is not called again."""

from __future__ import annotations

import linecache
import math
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from vae_conformance.time_limit import TimeLimitExceeded, time_limit, warnings_aside
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


class Caller:
    """Wraps calls into the implementation.

    Attributes:
        limit: seconds that one call may take; no limit of its own by default, where a claim's or a training's holds.
    """

    def __init__(self, limit: float = math.inf) -> None:
        self.limit = limit
        self._hung: dict[str, str] = {}

    @contextmanager
    def calling(self, operation: str) -> Iterator[None]:
        """Turn whatever goes wrong inside into a `SubjectFault`.

        Raises:
            SubjectFault: the code inside raised, tried to exit, or ran out of its time now or before.
        """
        if operation in self._hung:
            raise SubjectFault(operation, self._hung[operation], limit=self.limit)
        try:
            with time_limit(self.limit, operation), warnings_aside():
                yield
        except SubjectFault:
            raise
        except TimeLimitExceeded as late:
            self._hung[operation] = f"did not return within {late.seconds:g} s"
            raise SubjectFault(operation, self._hung[operation], limit=late.seconds) from None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if isinstance(error, GeneratorExit):
                raise
            raise SubjectFault(operation, describe(error), diagnose(error)) from error
