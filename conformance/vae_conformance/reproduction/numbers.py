"""`numbers.json`, the machine-readable results of a reproduction; docs/reproduce.md describes its format."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from vae_conformance.exit_codes import ExitCode
from vae_conformance.report.json_report import dump
from vae_conformance.reproduction.findings import TARGETS, Findings
from vae_conformance.reproduction.folder import COMMAND
from vae_conformance.reproduction.sections import Section
from vae_conformance.runner.events import Bound

SCHEMA_VERSION = 1
_OF_A_CLAIM = ("title", "statement", "level", "source", "outcome", "message", "measured", "expected", "duration_s")


def render_numbers(findings: Findings, sections: Sequence[Section], code: ExitCode, files: Sequence[str]) -> str:
    """Render the document as JSON text that ends with a newline."""
    return dump(
        {
            "schema_version": SCHEMA_VERSION,
            "made_by": {"command": COMMAND, "version": version("vae-conformance")},
            "files": sorted(files),
            "verdict": code.verdict,
            "exit_code": int(code),
            "dataset": findings.dataset,
            "seed": findings.seed,
            "duration_s": round(findings.duration_s, 1),
            "systems": {name: _system(found) for name, found in findings.systems.items()},
            "problems": {str(experiment): said for experiment, said in findings.problems.items()},
            "sections": [_section(section) for section in sections],
            "claims": {target: _claims(findings, target) for target in TARGETS},
        }
    )


def _system(found: Bound) -> dict[str, Any]:
    return {"implementation": msgspec.to_builtins(found.implementation, enc_hook=float), "environment": dict(found.environment)}


def _section(section: Section) -> dict[str, Any]:
    chapter = section.chapter
    return {
        "document": chapter.document.title,
        "section": chapter.section,
        "heading": chapter.document.sections[chapter.section],
        "tables": [table.document() for table in section.content.tables],
        "figures": [{"file": figure.file, "caption": figure.caption} for figure, _content in section.figures],
        "claims": {claim: str(section.outcome(claim)) for claim in section.answers},
    }


def _claims(findings: Findings, target: str) -> dict[str, Any]:
    return {
        claim: {name: getattr(verdict, name) for name in _OF_A_CLAIM}
        for (asked, claim), verdict in findings.answers.items()
        if asked == target
    }
