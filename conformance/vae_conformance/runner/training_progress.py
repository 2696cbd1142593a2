"""The training progress of a run: the number of trainings known to be needed and of those done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vae_spec.claim import Experiment

if TYPE_CHECKING:
    from vae_conformance.experiments.laboratory import Laboratory


class Agenda:
    """The known trainings of a run.

    `expected` are the experiments that its claims will need, each with the number of seeds of the first look.
    """

    def __init__(self, laboratory: Laboratory, expected: Iterable[tuple[Experiment, int]]) -> None:
        self._laboratory = laboratory
        self._expected = tuple(expected)
        self._keys: set[str] = set()

    def look(self, experiment: Experiment, count: int) -> None:
        """Add the trainings of a claim's look at this many seeds; later looks at more seeds are not known in advance."""
        for wanted, seeds in {*self._expected, (experiment, count)}:
            self._keys.update(key for group in self._laboratory.keys(wanted, seeds) for key in group.values())
        self._expected = ()

    @property
    def progress(self) -> tuple[int, int]:
        """The number of trainings done, by any process or earlier run, and of those known to be needed."""
        return sum(map(self._laboratory.made, self._keys)), len(self._keys)
