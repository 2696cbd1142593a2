"""The command `reproduce`: all experiments of both teaching documents with the reference.

Unlike `run`, it works in its own process, since the code that it trains is the project's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vae_conformance.config.options import RunOptions
from vae_conformance.data import datasets
from vae_conformance.errors import Unbound
from vae_conformance.exit_codes import ExitCode, Standing, exit_code
from vae_conformance.reproduction.findings import TARGETS, Findings
from vae_conformance.reproduction.folder import NUMBERS, put, refuse_foreign
from vae_conformance.reproduction.numbers import render_numbers
from vae_conformance.reproduction.page import render_page
from vae_conformance.reproduction.sections import Section, sections
from vae_conformance.reproduction.trainings import ALWAYS, SEEDS, jobs, make_all
from vae_conformance.runner.events import Bound, ClaimVerdict, Event, Progress
from vae_conformance.runner.selection import selected
from vae_conformance.runner.session import Session
from vae_conformance.target.spec import parse_target
from vae_spec.claim import Experiment
from vae_spec.evidence import Group
from vae_spec.judging import precondition
from vae_spec.outcomes import Outcome
from vae_spec.subject import SubjectFault

PAGE = "README.md"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Reproduction:
    """The result of a reproduction."""

    findings: Findings
    sections: Sequence[Section]
    code: ExitCode


@dataclass
class _System:
    """One of the two systems: its session, with the implementation and environment that the session reported."""

    options: RunOptions
    bound: Bound | None = None

    def __post_init__(self) -> None:
        self.say: Say = lambda _text: None
        self.session = Session(self.options, self._take)

    def _take(self, event: Event) -> None:
        if isinstance(event, Bound):
            self.bound = event
        elif isinstance(event, Progress):
            self.say(f"{event.claim}: {event.text}")

    def experiments(self) -> tuple[Experiment, ...]:
        """Return the documents' own experiments, and those of the claims about the reference alone that apply to this system."""
        facts = self.session.bind().facts
        claims = [claim for claim in selected(self.options) if claim.experiment is not None and claim.reference_only]
        more = [claim.experiment for claim in claims if claim.experiment is not None and precondition(claim, facts) is None]
        return tuple(dict.fromkeys([*ALWAYS[self.options.target.text], *more]))


def reproduce(options: RunOptions, out: Path, *, workers: int, say: Say) -> Reproduction:
    """Train both systems, ask all claims, draw the figures, and write the folder.

    Args:
        options: data set, its folder, seed and store; the target is ignored and the profile is `full`.
        out: the folder of the results, created or replaced when everything is done.
        workers: the number of processes that train.
        say: called with one line of progress from time to time.

    Raises:
        Unbound: the data set is not available, or `out` holds something that this command did not create.
        OSError: the results cannot be written.
    """
    started = time.monotonic()
    refuse_foreign(out)
    if options.download:
        datasets.download(options.dataset, options.data_root)
    datasets.load(options.dataset, options.data_root)
    findings = replace(_found(options, workers, say), duration_s=time.monotonic() - started)
    say("drawing figures")
    documents = sections(findings)
    code = verdict_of(findings)
    put(out, _files(findings, documents, code))
    return Reproduction(findings, documents, code)


def _found(options: RunOptions, workers: int, say: Say) -> Findings:
    """Make all trainings, then ask all claims."""
    systems = [_System(replace(options, target=parse_target(target), profile="full")) for target in TARGETS]
    experiments = [system.experiments() for system in systems]
    pixels = systems[0].session.bind().facts.pixels
    make_all(jobs([system.options for system in systems], experiments, pixels), workers, say)
    groups: dict[Experiment, Sequence[Group]] = {}
    problems: dict[Experiment, str] = {}
    for system, asked in zip(systems, experiments, strict=True):
        system.session.laboratory().maker.say = say
        for experiment in asked:
            try:
                groups[experiment] = system.session.laboratory().groups(experiment, SEEDS)
            except (Unbound, SubjectFault) as error:
                problems[experiment] = str(error)
    answers = {(system.options.target.text, one.claim): one for system in systems for one in _answers(system, say)}
    bound = {system.options.target.text: system.bound for system in systems if system.bound is not None}
    return Findings(options.dataset, options.seed, groups, problems, answers, bound)


def _answers(system: _System, say: Say) -> list[ClaimVerdict]:
    """Ask every claim of the full profile of one system."""
    claims = selected(system.options)
    system.say = say
    answers = []
    for index, claim in enumerate(claims):
        say(f"claims of {system.options.target}: {index} of {len(claims)}, {claim.id}")
        begun = time.monotonic()
        verdict = system.session.verdict(claim.id)
        answers.append(system.session.record(claim.id, verdict, time.monotonic() - begun))
    return answers


def verdict_of(findings: Findings) -> ExitCode:
    """Return the exit code for both systems together, by the rules of a run in which required and expected claims gate."""
    statuses = {f"{target} {claim}": Standing(answer.level, answer.outcome) for (target, claim), answer in findings.answers.items()}
    return exit_code(statuses, statuses, "expected")


def _files(findings: Findings, documents: Sequence[Section], code: ExitCode) -> dict[str, bytes]:
    """Return the contents of the folder by file name."""
    files = {figure.file: content for section in documents for figure, content in section.figures}
    names = [*files, PAGE, NUMBERS]
    files[PAGE] = render_page(findings, documents, code).encode()
    files[NUMBERS] = render_numbers(findings, documents, code, names).encode()
    return files


def summary(done: Reproduction, out: Path) -> str:
    """Return the final terminal output: the outcomes of each section, the claims that do not hold, and the page's path."""
    lines = []
    for section in done.sections:
        outcomes = [section.outcome(claim) for claim in section.answers]
        each = ", ".join(f"{outcomes.count(outcome)} {outcome.replace('-', ' ')}" for outcome in dict.fromkeys(sorted(outcomes)))
        name = f"{section.chapter.document.title}, {section.chapter.section}"
        lines.append(f"{name:36} {each or 'no claims'}")
    lines += [
        f"{claim} of {target} ({answer.level}): {answer.outcome}: {answer.message.splitlines()[0]}"
        for (target, claim), answer in done.findings.answers.items()
        if answer.outcome not in {Outcome.HOLDS, Outcome.NOT_APPLICABLE}
    ]
    lines += [f"written to {out / PAGE}", f"exit code {int(done.code)}: {done.code.meaning}"]
    return "\n".join(lines) + "\n"
