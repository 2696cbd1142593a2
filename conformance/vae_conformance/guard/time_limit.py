"""Time limits for user code, and the translation of its failures into one message.

`time_limit` guards every call into an implementation; `user_code` guards loading and constructing one, where any
failure ends the run; `undisturbed` guards importing one.
"""

from __future__ import annotations

import ctypes
import io
import math
import re
import signal
import sys
import threading
import time
import traceback
import warnings
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import torch

from vae_conformance.errors import Unbound, WrongRecord, unparsable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

REPEAT = 1.0
"""Seconds between alarms once the limit has expired, for code that swallows the first."""

_INSTALL_NAMES = {
    "cv2": "opencv-python",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "pl_bolts": "lightning-bolts",
}


class TimeLimitExceeded(BaseException):
    """A block exceeded its time limit. Not an `Exception`, so that `except Exception` in user code does not swallow it.

    Attributes:
        what: the operation that ran.
        seconds: its limit.
    """

    def __init__(self, what: str, seconds: float) -> None:
        super().__init__(f"{what} took longer than {seconds:g} s")
        self.what = what
        self.seconds = seconds


def time_limit(seconds: float, what: str) -> AbstractContextManager[object]:
    """Return a context manager that raises `TimeLimitExceeded(what, seconds)` after `seconds`, and every second from then on.

    Limits nest: the first to expire ends its own block, and an outer timer continues with its remaining time. On the main
    thread of systems with SIGALRM the alarm also interrupts blocking calls; elsewhere it is raised at the next bytecode.

    Raises:
        ValueError: `seconds` is not positive. Infinity means no limit.
    """
    if not seconds > 0:
        raise ValueError(f"a time limit must be positive, not {seconds}")
    if math.isinf(seconds):
        return nullcontext()
    on_main_thread = threading.current_thread() is threading.main_thread()
    return _Alarm(seconds, what) if on_main_thread and hasattr(signal, "setitimer") else _Watcher(seconds, what)


class _Alarm:
    """Time limit implemented with SIGALRM."""

    def __init__(self, seconds: float, what: str) -> None:
        self.seconds = seconds
        self.what = what

    def __enter__(self) -> None:
        now = time.monotonic()
        remaining, self.outer_interval = signal.getitimer(signal.ITIMER_REAL)
        self.outer_deadline = now + remaining if remaining > 0 else math.inf
        self.deadline = now + self.seconds
        self.outer_handler = signal.signal(signal.SIGALRM, self._ring)
        self._arm()

    def __exit__(self, *_fault: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.outer_handler)
        if self.outer_deadline < math.inf:
            signal.setitimer(signal.ITIMER_REAL, max(self.outer_deadline - time.monotonic(), 1e-6), self.outer_interval)

    def _arm(self) -> None:
        now = time.monotonic()
        pending = [deadline - now for deadline in (self.deadline, self.outer_deadline) if now < deadline < math.inf]
        signal.setitimer(signal.ITIMER_REAL, min(pending, default=REPEAT), REPEAT)

    def _ring(self, number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code is _Alarm.__exit__.__code__:
            return  # the block is over: an exception here would leave the timer running
        now = time.monotonic()
        if now >= self.outer_deadline:
            self.outer_deadline = now + self.outer_interval if self.outer_interval else math.inf
            self._arm()
            if callable(self.outer_handler):
                self.outer_handler(number, frame)
        if now >= self.deadline:
            raise TimeLimitExceeded(self.what, self.seconds)
        self._arm()


class _Watcher:
    """Time limit implemented with a thread that raises in the thread that entered."""

    def __init__(self, seconds: float, what: str) -> None:
        self.seconds = seconds
        self.over = threading.Event()
        self.lock = threading.Lock()
        # The interpreter takes a class here and calls it without arguments.
        self.fault = type(
            "TimeLimitExceeded", (TimeLimitExceeded,), {"__init__": lambda fault: TimeLimitExceeded.__init__(fault, what, seconds)}
        )

    def __enter__(self) -> None:
        self.thread = ctypes.c_ulong(threading.get_ident())
        threading.Thread(target=self._watch, name="time limit", daemon=True).start()

    def __exit__(self, *_fault: object) -> None:
        self.over.set()
        with self.lock:
            ctypes.pythonapi.PyThreadState_SetAsyncExc(self.thread, None)  # clears an exception sent but not yet raised

    def _watch(self) -> None:
        wait = self.seconds
        while not self.over.wait(wait):
            with self.lock:
                if not self.over.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(self.thread, ctypes.py_object(self.fault))
            wait = REPEAT


@contextmanager
def warnings_aside() -> Iterator[None]:
    """Ignore warnings within the block, even where Python or pytest is set to raise them as errors: a warning is no fault."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def user_code(doing: str, *, limit: float, tree: Path | None, too_long: str) -> Iterator[None]:
    """Run user code within the block; any exception, and a limit that it exceeds, becomes one `Unbound`.

    Args:
        doing: name of the operation in messages ("importing student.py").
        limit: seconds.
        tree: folder of the user's code, to find the line to blame.
        too_long: hint given if the limit is exceeded.

    Raises:
        Unbound: for everything except KeyboardInterrupt and an outer time limit.
    """
    try:
        with time_limit(limit, doing), warnings_aside():
            yield
    except WrongRecord as fault:
        raise Unbound(f"{doing}: {fault.message}{_line(fault, tree)}", fault.hint) from fault
    except (Unbound, KeyboardInterrupt):
        raise
    except TimeLimitExceeded as fault:
        if fault.what != doing:
            raise
        raise Unbound(f"{doing} took longer than {limit:g} s{_line(fault, tree)}", too_long) from fault
    except SystemExit as fault:
        raise Unbound(
            f"{doing} called sys.exit({fault.code!r}){_line(fault, tree)}",
            'Put what belongs to running the script under `if __name__ == "__main__":`.',
        ) from fault
    except SyntaxError as fault:
        raise unparsable(doing, fault) from fault
    except ImportError as fault:
        raise _unimportable(doing, fault, tree) from fault
    except BaseException as fault:
        text = public_names(str(fault)) or "(no message)"
        message = f"{doing} raised {type(fault).__name__}: {text}{_line(fault, tree)}"
        raise Unbound(message, _hint(fault, doing)) from fault


@contextmanager
def undisturbed(script: str) -> Iterator[None]:
    """Import within the block as if running a script without arguments and without a terminal.

    Output goes to standard error; `sys.path`, `sys.argv`, the standard streams and torch's gradient mode are restored on
    exit.
    """
    path, entries, argv, stdin = sys.path, list(sys.path), sys.argv, sys.stdin
    sys.argv, sys.stdin = [script], io.StringIO()
    try:
        with redirect_stdout(_echo(sys.stderr)), redirect_stderr(_echo(sys.stderr)), torch.enable_grad():
            yield
    finally:
        path[:] = entries
        sys.path, sys.argv, sys.stdin = path, argv, stdin


class _Echo(io.RawIOBase):
    """Raw stream that forwards bytes to a text stream; closing it leaves that stream open."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.stream.fileno()

    def write(self, data: Any) -> int:
        if not self.stream.closed:
            self.stream.write(bytes(data).decode("utf-8", "replace"))
        return len(data)


def _echo(stream: TextIO) -> TextIO:
    """Return a separate stream that writes to `stream`, because scripts wrap and close `sys.stdout`."""
    buffer = io.BufferedWriter(_Echo(stream))
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def public_names(text: str) -> str:
    """Return `text` with modules under their own names instead of the private names under which they were loaded."""
    return re.sub(r"_vae_target_\d+", "its folder", re.sub(r"_vae_target_\d+\.", "", text))


def _unimportable(doing: str, fault: ImportError, tree: Path | None) -> Unbound:
    name = public_names(fault.name or "")
    message = f"{doing} failed: {public_names(str(fault))}{_line(fault, tree)}"
    if not isinstance(fault, ModuleNotFoundError) or not name:
        return Unbound(message, "Correct that import; a module of that name is there, but not what is asked of it.")
    top = name.partition(".")[0]
    install = _INSTALL_NAMES.get(top, top)
    return Unbound(message, f"Install it (`pip install {install}`), or, if {top} is a file of your own, put it into the same folder.")


def _hint(fault: BaseException, doing: str) -> str:
    text = str(fault) if isinstance(fault, NameError) else ""
    if "was left out" in text:
        return "Only imports, definitions and plain values were run: give that name a plain value, or move it into the class."
    if "could not be imported" in text and (missing := re.search(r"No module named '(\w+)", text)):
        install = _INSTALL_NAMES.get(missing[1], missing[1])
        return f"Install it (`pip install {install}`), or, if {missing[1]} is a file of your own, put it into the same folder."
    if "could not be imported" in text:
        return "Install what it lacks (`pip install ...`), or, if that is a file of your own, put it into the same folder."
    if text.startswith("nothing defines"):
        return "Define that name, or correct its spelling."
    return (
        "Run the same with Python alone to see the whole traceback, and fix it there. What loads data or trains belongs under"
        ' `if __name__ == "__main__":`.'
        if doing.startswith("importing")
        else "Run the same with Python alone to see the whole traceback, and fix it there."
    )


def _line(fault: BaseException, tree: Path | None) -> str:
    """Return the innermost traceback line in the user's own code, on a line of its own; empty if there is none."""
    own = [frame for frame in traceback.extract_tb(fault.__traceback__) if _belongs(Path(frame.filename), tree)]
    if not own:
        return ""
    return f"\n  {Path(own[-1].filename).name}, line {own[-1].lineno}: {(own[-1].line or '').strip()}"


def _belongs(file: Path, tree: Path | None) -> bool:
    """Return whether a file is the user's: within the folder, and neither installed there nor part of this package."""
    if tree is None or not file.is_relative_to(tree) or file.is_relative_to(Path(__file__).parent.parent):
        return False
    return "site-packages" not in file.relative_to(tree).parts
