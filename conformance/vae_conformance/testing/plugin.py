"""The pytest plug-in: options, one test a claim, verdicts as events and as failures in words.

Nothing heavy is imported before a run with `--vae` needs it, so that the plug-in costs other people's test runs nothing.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from vae_conformance.config.options import OPTIONS, RunOptions, read_words
from vae_conformance.target.spec import parse_target

if TYPE_CHECKING:
    from vae_conformance.runner.session import Session

_SESSION = pytest.StashKey["Session"]()
_OPTIONS = pytest.StashKey[RunOptions]()
_TAKEN = ("profile", "seed", "only")
"""Options of the command that pytest takes too."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("vae-conformance", "conformance of a variational autoencoder")
    group.addoption(
        "--vae",
        metavar="TARGET",
        help="the implementation: file.py[:Name], package.module:object, or an entry point's name",
    )
    for name in _TAKEN:
        group.addoption(f"--vae-{OPTIONS[name].key}", **{**OPTIONS[name].argument, "default": None})
    group.addoption("--vae-options", default="", help="all options as JSON, from the command")
    group.addoption("--vae-events", default="", help="the file that events are appended to")
    group.addoption("--vae-skip", default="", help="claims that are decided already")
    group.addoption("--vae-inspect", action="store_true", help="bind and report, ask nothing")


def pytest_configure(config: pytest.Config) -> None:
    """Note what the user asked for."""
    config.addinivalue_line("markers", "trained: claims that look at trained runs")
    if not (config.getoption("--vae") or config.getoption("--vae-options")):
        return
    text = config.getoption("--vae-options")
    if text:
        options = RunOptions.from_json(text)
    else:
        given = {name: config.getoption(f"--vae-{name}") for name in _TAKEN}
        options = RunOptions(parse_target(config.getoption("--vae")), **read_words(given))
    config.stash[_OPTIONS] = options


def emit(config: pytest.Config, event: dict[str, Any]) -> None:
    """Append one event; a single write, so that the lines of several processes do not mix."""
    path = config.getoption("--vae-events")
    if not path:
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(event) + "\n").encode())
    finally:
        os.close(descriptor)


def session_of(config: pytest.Config) -> Session | None:
    """The session of this process: the bound subject and its laboratory; None without `--vae`."""
    options = config.stash.get(_OPTIONS, None)
    if options is None:
        return None
    if config.stash.get(_SESSION, None) is None:
        from vae_conformance.runner.session import Session  # noqa: PLC0415  imports torch

        config.stash[_SESSION] = Session(options, lambda event: emit(config, event))
    return config.stash[_SESSION]


def claims_of_area(config: pytest.Config, area: str) -> list[str]:
    """The ids of an area's claims that this run asks and that are not decided yet."""
    options = config.stash.get(_OPTIONS, None)
    if options is None:
        return []
    from vae_conformance.runner.selection import selected  # noqa: PLC0415  imports torch

    skipped = set(config.getoption("--vae-skip").split(","))
    return [claim.id for claim in selected(options) if claim.area == area and claim.id not in skipped]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each claim of the module's area."""
    if "claim_id" not in metafunc.fixturenames or not hasattr(metafunc.module, "AREA"):
        return
    ids = claims_of_area(metafunc.config, metafunc.module.AREA)
    metafunc.parametrize("claim_id", ids, ids=ids)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say which claims this run asks, or what is wrong with the question."""
    config = session.config
    options = config.stash.get(_OPTIONS, None)
    if options is None or (_hands_out(config) and not options.only and not options.expected_failures):
        return  # nothing can be wrong, so this process need not import what its workers import at the same time
    from vae_conformance.errors import Unbound  # noqa: PLC0415
    from vae_conformance.runner.selection import selected  # noqa: PLC0415  imports torch

    try:
        chosen = selected(options)
    except Unbound as error:
        emit(config, {"event": "unbound", "message": error.message, "hint": error.hint})
        pytest.exit(f"{error.message}\n{error.hint}", returncode=2)
    if config.getoption("--vae-inspect"):
        _inspect(config)
    if not _hands_out(config) and _speaks(config):
        emit(config, {"event": "promised", "claims": [claim.id for claim in chosen]})


def _hands_out(config: pytest.Config) -> bool:
    """Whether this process only hands out tests to workers of pytest-xdist."""
    return str(config.getoption("dist", "no")) != "no" and not hasattr(config, "workerinput")


def _speaks(config: pytest.Config) -> bool:
    """Whether this is the one process, or the first of the workers, which speaks for all."""
    return bool(getattr(config, "workerinput", {"workerid": "gw0"})["workerid"] == "gw0")


def _inspect(config: pytest.Config) -> None:
    """Bind, report, and end."""
    from vae_conformance.errors import Unbound  # noqa: PLC0415

    session = session_of(config)
    try:
        if session is not None:
            session.bind()
    except Unbound as error:
        emit(config, {"event": "unbound", "message": error.message, "hint": error.hint})
        pytest.exit(error.message, returncode=2)
    emit(config, {"event": "finished"})
    pytest.exit("inspected", returncode=0)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Trained claims first, so that several workers begin with what takes longest; last where the first violation ends the run.

    Of the trained ones those first that look at trainings of their own, which no other worker can take a share of. Where the first
    violation ends the run, those first that are nearest to the cause: they name the mistake.
    """
    options = config.stash.get(_OPTIONS, None)
    if options is None:
        return
    from vae_spec.diagnosis import nearness  # noqa: PLC0415  loaded in every pytest of its environment
    from vae_spec.registry import CLAIMS  # noqa: PLC0415  imports torch

    def place(item: pytest.Item) -> tuple[bool, bool, int]:
        claim = CLAIMS.get(getattr(getattr(item, "callspec", None), "params", {}).get("claim_id", ""))
        trained = item.get_closest_marker("trained") is not None
        near = nearness(claim.id) if claim is not None and options.fail_fast else 0
        return trained is options.fail_fast, claim is None or not claim.reference_only, near

    items.sort(key=place)


@pytest.fixture
def judge_claim(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that asks one claim and fails, skips or passes the test by its verdict."""
    config = request.config
    session = session_of(config)
    if session is None:
        pytest.skip("name an implementation with --vae TARGET")

    def judge(claim_id: str) -> None:
        from vae_conformance.errors import Unbound  # noqa: PLC0415

        started = time.perf_counter()
        try:
            session.bind()
            emit(config, {"event": "started", "claim": claim_id})
            verdict = session.verdict(claim_id)
        except Unbound as error:
            emit(config, {"event": "unbound", "message": error.message, "hint": error.hint})
            request.session.shouldstop = "the target cannot be bound"
            pytest.fail(f"{error.message}\n{error.hint}", pytrace=False)
        record = session.record(claim_id, verdict, time.perf_counter() - started)
        emit(config, record)
        _conclude(request, session, claim_id, record)

    return judge


def _conclude(request: pytest.FixtureRequest, session: Session, claim_id: str, record: dict[str, Any]) -> None:
    """Turn a verdict into a test's outcome."""
    outcome = str(record["outcome"])
    text = f"{claim_id} {record['level']} {outcome}\n{record['message']}" + (f"\n{record['hint']}" if record["hint"] else "")
    if outcome in ("violated", "error") and session.options.fail_fast and _gates(record, session.options):
        request.session.shouldfail = f"{claim_id} is {outcome}"
    if outcome == "not-applicable":
        pytest.skip(record["message"])
    if outcome == "holds":
        return
    reason = session.options.expected_failures.get(claim_id)
    if reason is not None and outcome == "violated":
        pytest.xfail(reason)
    if _gates(record, session.options) or outcome == "error":
        pytest.fail(text, pytrace=False)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Say that everything that was promised has been asked."""
    config = session.config
    if config.stash.get(_OPTIONS, None) is None or hasattr(config, "workerinput"):
        return
    complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    stopped_by_us = exitstatus == pytest.ExitCode.INTERRUPTED and config.stash[_OPTIONS].fail_fast
    if complete or stopped_by_us:
        emit(config, {"event": "finished"})


def _gates(record: dict[str, Any], options: RunOptions) -> bool:
    from vae_conformance.exit_codes import gates  # noqa: PLC0415  the specification comes with it, which other people's test runs do without
    from vae_spec.outcomes import Level  # noqa: PLC0415  the same

    return gates(Level(record["level"]), options.gate)
