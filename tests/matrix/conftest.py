"""Pytest hooks of the kill matrix: the longest entries start first, and the matrix is printed at the end."""

from __future__ import annotations

import pytest

from kill_matrix import claims_for, claims_without_a_kill, table


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the entries with the most trainings first, so that no worker is left with a long one at the end."""
    items.sort(key=_trainings, reverse=True)


def _trainings(item: pytest.Item) -> int:
    """Return how many experiments a test of the matrix may train, counting those paired with further runs twice."""
    if item.get_closest_marker("matrix") is None or not isinstance(item, pytest.Function) or "entry" not in item.fixturenames:
        return 0
    experiments = {claim.experiment for claim in claims_for(item.callspec.params["entry"])} - {None}
    return sum(2 if experiment.paired else 1 for experiment in experiments)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the kill matrix, and the claims that rejected nothing, if the matrix's tests ran."""
    outcomes = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name == "matrix":
                    outcomes[value["entry"]] = value["outcomes"]
    if not outcomes:
        return
    terminalreporter.section("kill matrix: X violated, . holds, - not applicable, ? inconclusive, blank not asked")
    terminalreporter.write_line(table(outcomes))
    idle = claims_without_a_kill(row for name, row in outcomes.items() if name.startswith("broken"))
    terminalreporter.write_line(f"claims that rejected no broken entry: {', '.join(sorted(idle)) or 'none'}")
