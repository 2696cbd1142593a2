"""Run claims from options to a record: in child processes, or in this process for a Python object."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, perf_counter
from typing import TYPE_CHECKING

from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.runner.events import ClaimVerdict, Emit, NotBound
from vae_conformance.runner.record import RunRecord, assemble
from vae_conformance.runner.run_state import RunState
from vae_conformance.runner.supervisor import Supervisor
from vae_conformance.runner.worker_process import CommandOf, worker_command
from vae_conformance.target.spec import check_weights

if TYPE_CHECKING:
    from vae_conformance.runner.session import Session
    from vae_conformance.target.target import Target


class Stopped(KeyboardInterrupt):
    """The user or a signal stopped a run; `record` is that of the claims decided until then."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self.record = record


def run_in_children(
    options: RunOptions,
    *,
    workers: int,
    on_event: Emit = lambda _event: None,
    command_of: CommandOf = worker_command,
    inspect: bool = False,
) -> RunRecord:
    """Judge the target of the options in child processes, and return the record; see `Supervisor` for the arguments.

    Raises:
        Stopped: the user or a signal stopped the run after some claims were decided.
        KeyboardInterrupt: the same before any was.
    """
    started = monotonic()
    try:
        options.target.check()
        if options.weights is not None:
            check_weights(Path(options.weights))
        if options.data is not None and options.profile != "exact":
            from vae_conformance.data.image_files import read_images  # noqa: PLC0415  imports NumPy, and only this option needs it

            read_images(Path(options.data))
        if options.download and not inspect and options.profile != "exact":
            from vae_conformance.data import datasets  # noqa: PLC0415  imports PyTorch, and only this option needs it

            # Before any claim is asked, so that the download does not count towards its time limit.
            datasets.download(options.dataset, options.data_root)
        supervisor = Supervisor(options, workers=workers, on_event=on_event, command_of=command_of, inspect=inspect)
        try:
            state = supervisor.run()
        except KeyboardInterrupt:
            if not supervisor.state.verdicts:
                raise
            raise Stopped(assemble(supervisor.state, options, duration_s=monotonic() - started)) from None
    except Unbound as error:
        state = RunState(not_bound=NotBound(error.message, error.hint))
    return assemble(state, options, duration_s=monotonic() - started)


class Judge:
    """Evaluates claims of one implementation in this process, and restores the process's settings.

    Without a `target`, that of the options is loaded at the first claim.
    """

    def __init__(self, options: RunOptions, target: Target | None = None) -> None:
        self.options = options
        self._target = target
        self._session: Session | None = None
        self._state = RunState()

    def ask(self, claim: str, fix_first: Sequence[str] = ()) -> ClaimVerdict:
        """Return the verdict on one claim; a trained claim is left out if there are violated claims to `fix_first`.

        Raises:
            Unbound: the implementation cannot be loaded or bound.
        """
        started = perf_counter()
        with _own_settings():
            if self._session is None:
                from vae_conformance.runner.session import Session  # noqa: PLC0415  imports torch

                self._session = Session(self.options, self._state.note, target=self._target)
            self._session.bind()
            verdict = self._session.verdict(claim, fix_first)
        self._state.note(self._session.record(claim, verdict, perf_counter() - started))
        return self._state.verdicts[claim]

    def report_on(
        self, *claims: str, options: RunOptions | None = None, not_bound: Unbound | None = None, duration_s: float = 0.0
    ) -> RunRecord:
        """Return the record of these claims, as far as they were asked."""
        known = self._state.verdicts
        state = RunState(
            bound=self._state.bound,
            promised=claims,
            verdicts={claim: known[claim] for claim in claims if claim in known},
            not_bound=None if not_bound is None else NotBound(not_bound.message, not_bound.hint),
            trained=self._state.trained,
        )
        return assemble(state, options or self.options, duration_s=duration_s)


@contextmanager
def _own_settings() -> Iterator[None]:
    """Use one thread and ignore warnings within the block; restore the caller's settings on exit."""
    import torch  # noqa: PLC0415  slow to import
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  used with torch

    from vae_conformance.guard.bernoulli_grey import grey_values_accepted  # noqa: PLC0415  imports torch

    threads = torch.get_num_threads()
    try:
        with warnings.catch_warnings(), threadpool_limits(1), grey_values_accepted():
            warnings.simplefilter("ignore")
            torch.set_num_threads(1)
            yield
    finally:
        torch.set_num_threads(threads)
