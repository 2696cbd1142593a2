"""The report as JSON, following the schema that ships with the package."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from importlib.resources import files
from typing import Any

import msgspec

from vae_conformance.report.summary import whole_verdict
from vae_conformance.runner.events import FoundImplementation
from vae_conformance.runner.record import SCHEMA_VERSION, ClaimReport, RunRecord

_OF_A_CLAIM = (
    *("id", "title", "statement", "level", "gates", "source", "outcome", "measured", "expected", "message", "hint", "diagnosis"),
    *("locations", "reason", "decision", "smallest_effect", "level_of_error", "duration_s"),
)


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the report."""
    text = files("vae_conformance").joinpath("report", "schema", f"report-{SCHEMA_VERSION}.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def render_json(report: RunRecord) -> str:
    """Render the report as JSON text that ends with a newline."""
    return dump(as_document(report))


def dump(document: object) -> str:
    """Serialise to indented, standard JSON: non-finite numbers become the strings "nan", "inf" and "-inf"."""
    return json.dumps(_finite(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_document(report: RunRecord) -> dict[str, Any]:
    """Return the report as a dictionary that follows the schema."""
    options, environment = report.options, report.environment
    return {
        "schema_version": SCHEMA_VERSION,
        "verdict": report.exit_code.verdict,
        "exit_code": int(report.exit_code),
        "problem": None if report.problem is None else asdict(report.problem),
        "implementation": implementation_document(report),
        "environment": {
            **{name: environment.get(name) for name in ("python", "torch", "device", "threads")},
            "seed": options.seed,
            "profile": options.profile,
            "dataset": report.data_name,
            "gate": options.gate,
            "only": list(options.only),
            "duration_s": round(report.duration_s, 3),
        },
        "claims": [_claim(claim) for claim in report.claims],
        "missing": list(report.missing),
        "diagnoses": [asdict(diagnosis) | {"confidence": round(diagnosis.confidence, 4)} for diagnosis in report.diagnoses],
        "words": whole_verdict(report),
        "unasked": asdict(report.unasked),
        "postponed": asdict(report.postponed),
        "summary": {outcome.value: count for outcome, count in report.summary.items()},
        "error_budget": dict(report.error_budget),
    }


def implementation_document(report: RunRecord) -> dict[str, Any]:
    """Return what is known of the implementation: only its target if it was never bound."""
    found = {} if report.implementation is None else msgspec.to_builtins(report.implementation, enc_hook=float)
    return {**dict.fromkeys(FoundImplementation.__struct_fields__), **found, "target": report.options.target.text}


def _claim(claim: ClaimReport) -> dict[str, Any]:
    known = msgspec.to_builtins(claim.verdict, enc_hook=float) | {
        "id": claim.id,
        "gates": claim.gates,
        "locations": [asdict(location) for location in claim.locations],
        "reason": claim.reason,
        "duration_s": round(claim.verdict.duration_s, 3),
    }
    return {name: known[name] for name in _OF_A_CLAIM}


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {str(name): _finite(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
