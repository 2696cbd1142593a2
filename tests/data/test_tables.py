"""Rows and series: fixed splits, any number of columns and steps by a stated rule, and the form in which an implementation takes them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from fakes import facts
from named import named_options

from vae_conformance.data.datasets import Dataset, data_for, data_name, items_for, load, rows, waves
from vae_conformance.data.tables import (
    BANDS,
    NOISE,
    ROWS_TRAIN,
    WAVES_HELD_OUT,
    WAVES_TRAIN,
    Form,
    breast_cancer,
    columns,
    series,
    wave_parameters,
)

UNIT = (0.0, 1.0)


@pytest.fixture(scope="module", params=["rows", "waves"])
def data(request: pytest.FixtureRequest) -> Dataset:
    return load(request.param, None)


def test_the_split_is_fixed_and_touches_no_random_state(data: Dataset) -> None:
    before = torch.get_rng_state()
    again = load(data.name, None)
    assert torch.equal(torch.get_rng_state(), before)
    assert again.fingerprint == data.fingerprint
    assert (len(data.train), len(data.test)) == ((ROWS_TRAIN, 200) if data.name == "rows" else (WAVES_TRAIN, WAVES_HELD_OUT))


def test_the_rows_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_breast_cancer

    found = rows()
    everything = torch.cat([found.train, found.test])
    expected = torch.from_numpy(load_breast_cancer().data)
    assert torch.equal(everything.sort(0).values, expected.sort(0).values)
    assert set(found.test_labels.tolist()) == {0, 1}


@pytest.mark.parametrize("count", [12, 30, 100])
def test_columns_are_standardised_by_the_training_items(count: int) -> None:
    made = columns(breast_cancer()[0], count, ROWS_TRAIN)
    assert made.shape == (569, count)
    np.testing.assert_allclose(made[:ROWS_TRAIN].mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(made[:ROWS_TRAIN].std(0), 1)
    np.testing.assert_array_equal(made[:, : min(count, 30)], columns(breast_cancer()[0], 30, ROWS_TRAIN)[:, :count])


def test_further_columns_are_combinations_of_the_given_ones() -> None:
    made = columns(breast_cancer()[0], 100, ROWS_TRAIN)
    assert np.linalg.matrix_rank(made[:ROWS_TRAIN]) == 30


def test_a_series_is_a_sum_of_two_sinusoids_with_a_little_noise() -> None:
    parameters, labels = wave_parameters()
    made = series(parameters, 64, 2, WAVES_TRAIN)
    assert made.shape == (WAVES_TRAIN + WAVES_HELD_OUT, 64, 2)
    assert made[:WAVES_TRAIN].std() == pytest.approx(1)
    time = np.arange(64) / 64
    item = 5
    slow_rate, slow, slow_phase, fast_rate, fast, fast_phase = parameters[item]
    for channel in (0, 1):
        expected = slow * np.sin(2 * np.pi * slow_rate * time + slow_phase + channel * np.pi / 2)
        expected += fast * np.sin(2 * np.pi * fast_rate * time + fast_phase + channel * np.pi / 4)
        unit = (made[item, :, channel] @ expected) / (expected @ expected)
        assert np.abs(made[item, :, channel] / unit - expected).max() < 5 * NOISE
    low, high = np.array(BANDS)[labels].T
    assert ((low <= parameters[:, 0]) & (parameters[:, 0] <= high)).all()


def test_time_is_the_longer_axis() -> None:
    found = waves()
    last, first = (items_for(found, shape, UNIT, Form.STANDARDISED)[0] for shape in ((3, 50), (50, 3)))
    assert last.shape == (WAVES_TRAIN, 3, 50)
    assert torch.equal(last, first.transpose(1, 2))


def test_a_bounded_output_gets_data_in_its_range(data: Dataset) -> None:
    shape = (30,) if data.name == "rows" else (40, 1)
    plain, scaled, binary = (items_for(data, shape, (-1.0, 1.0), form)[0] for form in Form)
    assert float(plain.abs().max()) > 1.5
    inside = plain.abs() < 3
    torch.testing.assert_close(scaled[inside], plain[inside] / 3)
    assert float(scaled.abs().max()) <= 1
    assert binary.unique().tolist() == [-1.0, 1.0]
    assert abs(float(binary.mean())) < 0.01


def test_the_kind_of_input_chooses_the_data() -> None:
    given = {name: named_options("x", dataset=name) for name in ("digits", "mnist")}
    assert data_for(facts(input_shape=(1, 28, 28)), given["mnist"]) == "mnist"
    assert data_for(facts(input_shape=(30,)), given["digits"]) == data_name(facts(input_shape=(30,)), given["digits"]) == "rows"
    assert data_for(facts(input_shape=(2, 64)), given["mnist"]) == "waves"
    assert data_name(facts(input_shape=(784,)), named_options("x", data="folder/mine.npz")) == "mine.npz"
