"""Which trainings a run is known to need, and how many of them are made: what can be said of the whole while one of them goes on."""

from __future__ import annotations

from collections.abc import Iterable

from vae_conformance.experiments.laboratory import Laboratory
from vae_spec.claim import Experiment


class Agenda:
    """The trainings of a run, as far as they are known.

    Args:
        laboratory: of the run.
        ahead: the experiments that its claims will ask for, each with how many seeds they look at first.
    """

    def __init__(self, laboratory: Laboratory, ahead: Iterable[tuple[Experiment, int]]) -> None:
        self._laboratory = laboratory
        self._ahead = tuple(ahead)
        self._keys: set[str] = set()

    def look(self, experiment: Experiment, count: int) -> None:
        """Take in that a claim looks at so many seeds; whether any looks again, and at more, nobody knows before it does."""
        for wanted, seeds in {*self._ahead, (experiment, count)}:
            self._keys.update(key for group in self._laboratory.keys(wanted, seeds) for key in group.values())
        self._ahead = ()

    @property
    def standing(self) -> tuple[int, int]:
        """How many are made, by whichever process or run, and how many are known to be needed."""
        return sum(map(self._laboratory.made, self._keys)), len(self._keys)
