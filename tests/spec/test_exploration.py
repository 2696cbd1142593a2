"""Exploration of examples: reproducible, thrifty, honest about failures; the strategies and seeds under it."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from fakes import facts
from hypothesis import given, settings
from hypothesis import strategies as st

from vae_spec.context import ClaimContext, derive_seed
from vae_spec.exploration import explore, for_all, generator
from vae_spec.outcomes import Outcome, Verdict, violated
from vae_spec.registry import CLAIMS
from vae_spec.strategies import (
    GREATEST_LOGVAR,
    LARGEST_MU,
    LEAST_LOGVAR,
    CodeBatch,
    ConstantCode,
    Pixels,
    batch_sizes,
    betas,
    code_batches,
    constant_codes,
    images,
)
from vae_spec.subject import SubjectFault

quick = settings(max_examples=100, deadline=None, database=None, derandomize=True)
CONTEXT = ClaimContext("KL-01", 5)
NUMBERS = st.integers(0, 10_000)


def at_most(limit: int, calls: list[int] | None = None):
    """A property that numbers from the limit on do not have."""

    def examine(number: int) -> Verdict | None:
        if calls is not None:
            calls.append(number)
        return violated(f"{number}", measured={"number": number}) if number >= limit else None

    return examine


# exploration --------------------------------------------------------------------------------------


def test_a_property_that_holds_is_tried_on_every_example() -> None:
    calls: list[int] = []
    assert explore(CONTEXT, NUMBERS, at_most(10_001, calls)) is None
    assert len(calls) == CONTEXT.examples
    calls.clear()
    assert explore(CONTEXT, NUMBERS, at_most(10_001, calls), examples=7) is None
    assert len(calls) == 7


@pytest.mark.parametrize("seed", range(5))
def test_a_counterexample_is_found_and_simplified(seed: int) -> None:
    found = explore(ClaimContext("KL-01", seed), NUMBERS, at_most(700))
    assert found is not None
    assert found.measured["number"] == 700


def test_a_structured_counterexample_is_simplified_part_by_part() -> None:
    def examine(codes: CodeBatch) -> Verdict | None:
        return violated("large", measured={"batch": codes.batch, "mu": codes.mu_scale}) if codes.batch >= 5 and codes.mu_scale > 1 else None

    found = explore(ClaimContext("KL-01", 0, examples=200), code_batches(), examine)
    assert found is not None
    assert found.measured == {"batch": 5, "mu": 2.0}


def test_anchors_come_first_and_are_not_simplified() -> None:
    calls: list[int] = []
    found = explore(CONTEXT, NUMBERS, at_most(700, calls), anchors=(3, 9_999, 800))
    assert found is not None
    assert (found.measured["number"], calls) == (9_999, [3, 9_999])


def test_a_claim_holds_for_all_examples_or_shows_the_one_it_does_not_hold_for() -> None:
    sound = for_all(CONTEXT, NUMBERS, at_most(10_001), "small", examples=7, measured={"limit": 10_001}, smallest_effect="1")
    assert (sound.outcome, sound.message, sound.smallest_effect) == (Outcome.HOLDS, "small", "1")
    assert sound.measured == {"examples": 7, "limit": 10_001}
    assert for_all(CONTEXT, NUMBERS, at_most(700), "small", smallest_effect="1").measured["number"] == 700


@pytest.mark.parametrize("simplify", [True, False])
def test_the_same_seed_finds_the_same(simplify: bool) -> None:
    def found(context: ClaimContext) -> tuple[Verdict | None, list[int]]:
        calls: list[int] = []
        return explore(context, NUMBERS, at_most(5000, calls), simplify=simplify), calls

    assert found(CONTEXT) == found(ClaimContext("KL-01", 5))
    assert found(CONTEXT)[1] != found(ClaimContext("KL-01", 6))[1]
    assert found(CONTEXT)[1] != found(ClaimContext("KL-03", 5))[1]


def global_states() -> tuple[object, ...]:
    state = np.random.get_state()  # noqa: NPY002
    return random.getstate(), state[0], state[1].tobytes(), state[2:], torch.get_rng_state().numpy().tobytes()


@pytest.mark.parametrize("limit", [5000, 10_001])
def test_global_random_state_neither_matters_nor_changes(limit: int) -> None:
    def examine(number: int) -> Verdict | None:
        return violated(str(number), measured={"number": number}) if number >= limit else None

    seen = []
    for seed in (1, 2):
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        before = global_states()
        calls: list[int] = []
        explore(CONTEXT, NUMBERS, at_most(limit, calls))
        explore(CONTEXT, NUMBERS, examine, simplify=False)
        assert global_states() == before
        seen.append(calls)
    assert seen[0] == seen[1]


def codes_tried() -> list[ConstantCode]:
    seen: list[ConstantCode] = []
    for seed in range(12):
        explore(ClaimContext("KL-02", seed), constant_codes(), seen.append, examples=24, simplify=False)
    return seen


def test_other_modules_in_the_process_do_not_change_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run is repeated by its seed, in whatever process and beside whatever other code it stands."""
    before = codes_tried()
    source = tmp_path / "student.py"
    source.write_text(
        "NUMBERS = [" + ", ".join(f"{0.01 * k + 0.00123:.5f}, -{0.01 * k + 0.00321:.5f}" for k in range(400)) + "]\n",
        encoding="utf-8",
    )
    module = types.ModuleType("a_students_own_module")
    module.__file__ = str(source)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert codes_tried() == before


def test_exploring_leaves_no_folder_behind(tmp_path: Path) -> None:
    (tmp_path / "student.py").write_text("RATE = 0.0123\n", encoding="utf-8")
    program = (
        "import student\n"
        "from vae_spec.exploration import explore\n"
        "from vae_spec.strategies import constant_codes\n"
        "from vae_spec.context import ClaimContext\n"
        "explore(ClaimContext('KL-02', 0), constant_codes(), lambda code: None)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    left = sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__")
    assert left == ["student.py"]


@pytest.mark.parametrize("limit", [1, 3000, 9000])
def test_after_a_failure_the_number_of_calls_is_bounded(limit: int) -> None:
    calls: list[int] = []
    explore(ClaimContext("KL-01", 1, examples=200), st.tuples(NUMBERS, NUMBERS, NUMBERS).map(max), at_most(limit, calls))
    first = next(index for index, number in enumerate(calls) if number >= limit)
    assert len(calls) - first - 1 <= 48


def test_a_statistical_counterexample_is_not_simplified() -> None:
    calls: list[int] = []
    found = explore(CONTEXT, NUMBERS, at_most(100, calls), simplify=False)
    assert found is not None
    assert found.measured["number"] == calls[-1]
    assert sum(number >= 100 for number in calls) == 1


@pytest.mark.parametrize("simplify", [True, False])
def test_a_failure_that_cannot_be_repeated_is_reported_all_the_same(simplify: bool) -> None:
    failed: list[int] = []

    def examine(number: int) -> Verdict | None:
        if failed or number < 10:
            return None
        failed.append(number)
        return violated("once", measured={"number": number})

    found = explore(CONTEXT, NUMBERS, examine, simplify=simplify)
    assert found is not None
    assert found.measured["number"] == failed[0]


@pytest.mark.parametrize("simplify", [True, False])
def test_a_fault_of_the_subject_is_a_verdict(simplify: bool) -> None:
    def examine(number: int) -> Verdict | None:
        if number > 3:
            raise SubjectFault("decode", f"RuntimeError: shape {number}", "hard-coded-shape")
        return None

    found = explore(CONTEXT, NUMBERS, examine, simplify=simplify)
    assert found is not None
    assert found.outcome is Outcome.VIOLATED
    assert found.message.startswith("decode: RuntimeError: shape ")
    assert (found.diagnosis, found.measured["operation"]) == ("hard-coded-shape", "decode")
    assert found.message.endswith(" 4") or not simplify


@pytest.mark.parametrize("error", [ValueError, ZeroDivisionError, KeyboardInterrupt])
def test_an_error_of_the_suite_itself_is_not_swallowed(error: type[BaseException]) -> None:
    def examine(number: int) -> Verdict | None:
        raise error("in the check")

    with pytest.raises(error, match="in the check"):
        explore(CONTEXT, NUMBERS, examine)


def test_exploring_says_nothing_by_itself(capfd: pytest.CaptureFixture[str]) -> None:
    explore(CONTEXT, NUMBERS, at_most(50))
    explore(CONTEXT, NUMBERS, at_most(50), simplify=False)
    assert capfd.readouterr() == ("", "")


# strategies ---------------------------------------------------------------------------------------


@quick
@given(codes=code_batches(), latent_dim=st.integers(1, 40), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_batches_of_codes_keep_their_bounds(codes: CodeBatch, latent_dim: int, dtype: torch.dtype) -> None:
    mu, logvar = codes.tensors(latent_dim, torch.Generator().manual_seed(1), dtype)
    assert mu.shape == logvar.shape == (codes.batch, latent_dim)
    assert mu.dtype == logvar.dtype == dtype
    rounding = 1e-6 * LARGEST_MU
    assert LEAST_LOGVAR <= codes.logvar_low <= codes.logvar_high <= GREATEST_LOGVAR
    assert 0 <= codes.mu_scale <= LARGEST_MU
    assert float(mu.abs().max()) <= codes.mu_scale + rounding
    assert codes.logvar_low - rounding <= float(logvar.min()) <= float(logvar.max()) <= codes.logvar_high + rounding


@quick
@given(data=st.data(), low=st.floats(-10, 0))
def test_batches_of_codes_keep_a_narrower_bound_too(data: st.DataObject, low: float) -> None:
    codes = data.draw(code_batches(least_logvar=low))
    assert low <= codes.logvar_low <= codes.logvar_high <= GREATEST_LOGVAR


@quick
@given(code=constant_codes())
def test_constant_codes_stay_away_from_where_the_law_changes(code: ConstantCode) -> None:
    assert abs(code.mu) <= 4
    assert -6 <= code.logvar <= 4
    assert code.logvar == 0 or abs(code.logvar) >= 0.05


@quick
@given(beta=betas(), batch=batch_sizes())
def test_beta_and_batch_sizes_are_in_range(beta: float, batch: int) -> None:
    assert 0 <= beta <= 20
    assert 1 <= batch <= 33


@quick
@given(
    kind=st.sampled_from(list(Pixels)),
    batch=batch_sizes(),
    bounds=st.sampled_from([(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-0.4242, 2.8215)]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_images_keep_shape_range_and_dtype(kind: Pixels, batch: int, bounds: tuple[float, float], dtype: torch.dtype) -> None:
    x = images(kind, batch, facts(input_shape=(1, 4, 3), input_range=bounds), torch.Generator().manual_seed(batch), dtype)
    low, high = (float(torch.tensor(bound, dtype=dtype)) for bound in bounds)
    assert x.shape == (batch, 1, 4, 3)
    assert x.dtype == dtype
    assert low <= float(x.min()) <= float(x.max()) <= high
    ends = ((x == low) | (x == high)).double().mean()
    if kind in (Pixels.BETWEEN, Pixels.MIDDLE):
        assert ends == 0
    elif kind is not Pixels.MIXED:
        assert ends == 1
    assert kind is not Pixels.MIDDLE or float((x - (low + high) / 2).abs().max()) <= 0.2501 * (high - low)
    assert kind is not Pixels.ZEROS or bool((x == low).all())
    assert kind is not Pixels.ONES or bool((x == high).all())


def test_mixed_images_hold_both_ends_and_what_lies_between() -> None:
    x = images(Pixels.MIXED, 8, facts(input_shape=(64,)), torch.Generator().manual_seed(0))
    assert all(0.1 < float(share.double().mean()) < 0.7 for share in (x == 0, x == 1, (x > 0) & (x < 1)))


# seeds --------------------------------------------------------------------------------------------


def test_seeds_are_the_same_everywhere_and_for_good() -> None:
    assert derive_seed() == 8203414616412130826
    assert derive_seed(0, "KL-02") == 5290612720128825528
    assert derive_seed(8435, "REP-02", "x", 4) == 7353647753278479248
    assert ClaimContext("REP-02", 8435).rng_seed("x", 4) == derive_seed(8435, "REP-02", "x", 4)


def test_no_two_claims_examples_or_runs_share_a_seed() -> None:
    labels = ("hypothesis", "noise", "probe", ConstantCode(0.5, 1.0), ConstantCode(0.5, -1.0), 1, 2, 12)
    found = [ClaimContext(claim, seed).rng_seed(label) for claim in CLAIMS for seed in range(20) for label in labels]
    assert len(set(found)) == len(found)
    assert all(0 <= seed < 2**63 for seed in found)


def test_labels_are_kept_apart() -> None:
    assert len({derive_seed(1, 23), derive_seed(12, 3), derive_seed(123)}) == 3


def test_a_generator_depends_on_context_and_labels_alone() -> None:
    def first(context: ClaimContext, *labels: object) -> float:
        return float(torch.rand((), generator=generator(context, *labels)))

    torch.manual_seed(0)
    once = first(CONTEXT, "x", 4)
    torch.manual_seed(1)
    assert first(ClaimContext("KL-01", 5, examples=3), "x", 4) == once
    assert len({once, first(CONTEXT, "x", 5), first(ClaimContext("KL-01", 6), "x", 4), first(ClaimContext("KL-02", 5), "x", 4)}) == 4
    assert not math.isnan(once)
