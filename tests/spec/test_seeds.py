"""Decisions over seeds, and the numbers of a run that they are made on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from fakes import facts
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vae_spec.calibration import EVERYWHERE, FIXED_SCALE, NEAREST, PAIRED, Scope, calibration, families, rule, seed_spread
from vae_spec.context import derive_seed
from vae_spec.outcomes import Outcome
from vae_spec.statistics.comparisons import COMPARISONS
from vae_spec.statistics.functionals import FUNCTIONALS
from vae_spec.statistics.seeds import LEVEL, LOOKS, Rule, SeedDecision, Side, combine, decide
from vae_spec.subject import Likelihood

quick = settings(max_examples=80, deadline=None, database=None, derandomize=True)
ABOVE = Rule("R2", 0.2, Side.ABOVE, 0.05)
BELOW = Rule("drift", 0.2, Side.BELOW, 0.05)
Z = float(stats.norm.isf(LEVEL / len(LOOKS)))

# decisions ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seeds", LOOKS)
@pytest.mark.parametrize(
    ("distance", "outcome"),
    [
        (1.02, Outcome.HOLDS),
        (0.98, Outcome.INCONCLUSIVE),
        (0.0, Outcome.INCONCLUSIVE),
        (-0.98, Outcome.INCONCLUSIVE),
        (-1.02, Outcome.VIOLATED),
    ],
)
@pytest.mark.parametrize("side", Side)
def test_the_border_lies_at_the_level_of_one_look(seeds: int, distance: float, outcome: Outcome, side: Side) -> None:
    border = distance * Z * 0.05 / math.sqrt(seeds)
    found = decide([0.2 + (border if side is Side.ABOVE else -border)] * seeds, Rule("R2", 0.2, side, 0.05))
    assert found.outcome is outcome
    assert (found.seeds, found.standard_error) == (seeds, pytest.approx(0.05 / math.sqrt(seeds)))


def test_all_looks_together_keep_the_level() -> None:
    """On the border itself, a claim is called held (or violated) in no more than the level's share of all runs."""
    rng = np.random.default_rng(derive_seed("looks"))
    values = 0.2 + 0.05 * rng.standard_normal((4000, LOOKS[-1]))
    decided = sum(any(decide(list(run[:look]), ABOVE).outcome is Outcome.HOLDS for look in LOOKS) for run in values)
    # 4000 runs at 1e-3: 4 expected by the union bound, 13 once in ten thousand repetitions.
    assert decided <= 13


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("one", [ABOVE, BELOW])
def test_a_value_that_is_not_finite_lies_on_the_wrong_side(bad: float, one: Rule) -> None:
    found = decide([0.9, bad, 0.9], one)
    assert found.outcome is Outcome.VIOLATED
    assert math.isnan(found.mean)


def test_what_is_no_number_is_said_in_words_and_names_no_mistake() -> None:
    absent, low = decide([math.nan] * 3, ABOVE), decide([0.0] * 3, ABOVE)
    verdict = combine([absent], conclusion="it does", diagnosis="kl-sign")
    assert verdict.message == "R2 is no finite number over 3 seeds; more than 0.2 is expected"
    assert verdict.diagnosis is None
    assert combine([low], conclusion="it does", diagnosis="kl-sign").diagnosis == "kl-sign"
    assert combine([absent, low], conclusion="it does", diagnosis="kl-sign").diagnosis == "kl-sign"


def test_seeds_that_spread_more_than_calibrated_count_with_their_own_spread() -> None:
    calm, wild = [0.4, 0.41, 0.42], [0.2, 0.4, 0.63]
    assert decide(calm, ABOVE).outcome is Outcome.HOLDS
    assert decide(wild, ABOVE).outcome is Outcome.INCONCLUSIVE
    assert decide(calm, ABOVE).standard_error == pytest.approx(0.05 / math.sqrt(3))
    assert decide(wild, ABOVE).standard_error == pytest.approx(np.std(wild, ddof=1) / math.sqrt(3))


def test_one_seed_has_the_calibrated_spread() -> None:
    assert decide([0.5], ABOVE) == SeedDecision(ABOVE, Outcome.HOLDS, 0.5, 0.05, 1)


@quick
@given(values=st.lists(st.floats(-10, 10), min_size=1, max_size=10), spread=st.floats(1e-6, 5), bound=st.floats(-10, 10))
def test_mirrored_values_are_decided_alike(values: list[float], spread: float, bound: float) -> None:
    above = decide(values, Rule("x", bound, Side.ABOVE, spread))
    below = decide([-value for value in values], Rule("x", -bound, Side.BELOW, spread))
    assert above.outcome is below.outcome


@quick
@given(values=st.lists(st.floats(-10, 10), min_size=1, max_size=10), better=st.floats(0, 5))
def test_better_values_are_never_judged_worse(values: list[float], better: float) -> None:
    order = [Outcome.VIOLATED, Outcome.INCONCLUSIVE, Outcome.HOLDS]
    before, after = decide(values, ABOVE), decide([value + better + 1e-9 for value in values], ABOVE)
    assert order.index(after.outcome) >= order.index(before.outcome)


@pytest.mark.parametrize(
    ("values", "one", "words"),
    [
        ([0.1] * 3, Rule("R2", 0.2, Side.ABOVE, 0.001), "R2 is 0.1 ± 0.00058 over 3 seeds, <= 0.2"),
        ([0.3] * 3, Rule("R2", 0.2, Side.BELOW, 0.001), "R2 is 0.3 ± 0.00058 over 3 seeds, >= 0.2"),
        ([0.3] * 3, Rule("R2", 0.2, Side.ABOVE, 0.001), "R2 0.3 ± 0.00058 (more than 0.2 expected)"),
        ([0.1] * 3, Rule("R2", 0.2, Side.BELOW, 0.001), "R2 0.1 ± 0.00058 (less than 0.2 expected)"),
    ],
)
def test_a_decision_in_words(values: Sequence[float], one: Rule, words: str) -> None:
    assert decide(values, one).describe() == words


# several rules ------------------------------------------------------------------------------------


def decision(outcome: Outcome, mean: float = 0.5, rule_: Rule = ABOVE, seeds: int = 3) -> SeedDecision:
    return SeedDecision(rule_, outcome, mean, 0.01, seeds)


@pytest.mark.parametrize(
    ("outcomes", "combined"),
    [
        ([Outcome.HOLDS, Outcome.HOLDS], Outcome.HOLDS),
        ([Outcome.HOLDS, Outcome.INCONCLUSIVE], Outcome.INCONCLUSIVE),
        ([Outcome.VIOLATED, Outcome.INCONCLUSIVE], Outcome.VIOLATED),
        ([Outcome.HOLDS, Outcome.VIOLATED], Outcome.VIOLATED),
    ],
)
def test_violated_by_any_held_by_all_otherwise_open(outcomes: list[Outcome], combined: Outcome) -> None:
    assert combine([decision(outcome) for outcome in outcomes], conclusion="it is so").outcome is combined
    assert combine([decision(outcome) for outcome in reversed(outcomes)], conclusion="it is so").outcome is combined


def test_a_verdict_carries_every_number() -> None:
    found = combine(
        [decision(Outcome.HOLDS, 0.45), decision(Outcome.HOLDS, 0.1, BELOW, seeds=2)],
        conclusion="it is so",
        diagnosis="kl-sign",
    )
    assert found.measured == {
        "R2": 0.45,
        "R2, standard error": 0.01,
        "drift": 0.1,
        "drift, standard error": 0.01,
        "seeds": 2,
    }
    assert found.expected == {"R2": "> 0.2", "drift": "< 0.2"}
    assert found.message.startswith("it is so: R2 0.45")
    assert found.smallest_effect == "2 calibrated standard deviations away from the border"
    assert found.diagnosis is None


def test_a_violated_verdict_speaks_of_the_broken_rules_alone() -> None:
    found = combine([decision(Outcome.HOLDS, 0.45), decision(Outcome.VIOLATED, 0.4, BELOW)], conclusion="it is so", diagnosis="kl-sign")
    assert found.message == "drift is 0.4 ± 0.01 over 3 seeds, >= 0.2"
    assert found.diagnosis == "kl-sign"


def test_an_open_verdict_says_what_is_open() -> None:
    found = combine(
        [decision(Outcome.HOLDS, 0.45), decision(Outcome.INCONCLUSIVE, 0.21, BELOW)],
        conclusion="it is so",
        diagnosis="kl-sign",
    )
    assert "drift 0.21" in found.message
    assert "R2" not in found.message
    assert found.diagnosis is None


# calibration --------------------------------------------------------------------------------------


def test_every_functional_that_claims_use_is_calibrated_with_a_spread_that_decides() -> None:
    found = calibration()
    assert set(found) == set(FUNCTIONALS) | set(COMPARISONS)
    for functional, by_name in found.items():
        assert len(by_name) >= 10
        assert all(math.isfinite(one.mean) and one.sd >= 0 for one in by_name.values()), functional


def test_the_spread_is_pooled_over_the_sound_implementations_nearest_to_the_bound() -> None:
    by_mean = sorted(calibration()["held-out R2"].values(), key=lambda one: one.mean)
    lowest, highest = by_mean[:NEAREST], by_mean[-NEAREST:]
    pooled = [float(np.sqrt(np.mean([one.sd**2 for one in near]))) for near in (lowest, highest)]
    assert seed_spread("held-out R2", 0.15, Side.ABOVE) == pytest.approx(pooled[0])
    assert seed_spread("held-out R2", 0.95, Side.BELOW) == pytest.approx(pooled[1])
    assert rule("held-out R2", 0.15, Side.ABOVE) == Rule("held-out R2", 0.15, Side.ABOVE, seed_spread("held-out R2", 0.15, Side.ABOVE))


@pytest.mark.parametrize("scope", [EVERYWHERE, PAIRED, FIXED_SCALE, Scope(pixel_variance=False)])
def test_a_scope_excludes_and_covers_alike(scope: Scope) -> None:
    everything = families("held-out R2")
    covered = families("held-out R2", scope)
    assert set(covered) <= set(everything)
    assert (set(covered) == set(everything)) == (scope == EVERYWHERE)
    few = facts(latent_dim=2, likelihood=Likelihood.GAUSSIAN, learned_scale=True)
    assert (scope.excludes(few) is None) == (scope == EVERYWHERE)
    assert scope.excludes(facts(latent_dim=16)) is None


def test_an_unknown_functional_is_an_error() -> None:
    with pytest.raises(KeyError, match="no such number"):
        seed_spread("no such number", 0.0, Side.ABOVE)


def test_seeds_that_each_lie_beyond_the_bound_decide_however_much_they_spread():
    below = Rule("late change", 0.05, Side.BELOW, 0.001)
    assert decide([0.5, 3e9, 7e21], below).outcome is Outcome.VIOLATED
    assert decide([0.04, 3e9, 7e21], below).outcome is Outcome.INCONCLUSIVE
    above = Rule("R2", 0.15, Side.ABOVE, 0.01)
    assert decide([0.2, 5.0, 90.0], above).outcome is Outcome.HOLDS
