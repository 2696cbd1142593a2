"""A pytest hook that prints the kill matrix at the end of a session that ran its tests."""

from __future__ import annotations

import pytest

from kill_matrix import claims_without_a_kill, table


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
