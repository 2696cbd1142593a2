"""The configuration file: where it is found, what it may say, and that the command line wins."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from vae_conformance.config.options import OPTIONS, RunOptions
from vae_conformance.config.pyproject import find_configuration, load_options, read_configuration, target_file
from vae_conformance.errors import Unbound

FULL = """
[tool.vae-conformance]
profile = "exact"
dataset = "mnist"
data-root = "data"
download = true
gate = "required"
effective-beta = 0.5
likelihood = "gaussian"
objective = "modified"
decoder = "autoregressive"
input-shape = [1, 28, 28]
input-range = [-1, 1]
device = "cuda:0"
time-limit = 5
[tool.vae-conformance.expected-failures]
KL-02 = "weighed on purpose"
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("a/b.py", "a/b.py"),
        ("a/b.py:VAE", "a/b.py"),
        ("package.module:VAE", None),
        ("reference", None),
        ("a:b.py:C", "a:b.py"),
    ],
)
def test_which_targets_are_files(target: str, file: str | None) -> None:
    assert target_file(target) == (None if file is None else Path(file))


def test_a_file_takes_the_nearest_configuration_and_others_that_of_the_current_folder(tmp_path: Path) -> None:
    outer = write(tmp_path, "")
    inner = write(tmp_path / "course" / "alice", "")
    assert find_configuration("course/alice/vae.py:VAE", tmp_path) == inner
    assert find_configuration("course/bob/vae.py", tmp_path) == outer
    assert find_configuration("package.module:VAE", tmp_path) == outer
    assert find_configuration("package.module:VAE", tmp_path / "course") is None


def test_everything_can_be_configured(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    options = load_options("vae.py", {}, tmp_path)
    assert (options.profile, options.dataset, options.gate, options.likelihood, options.device) == (
        "exact",
        "mnist",
        "required",
        "gaussian",
        "cuda:0",
    )
    assert options.data_root == str(tmp_path / "data")
    assert (options.objective, options.decoder, options.download) == ("modified", "autoregressive", True)
    assert (options.effective_beta, options.time_limit) == (0.5, 5.0)
    assert (options.input_shape, options.input_range) == ((1, 28, 28), (-1.0, 1.0))
    assert options.expected_failures == {"KL-02": "weighed on purpose"}


def test_the_command_line_wins_and_expected_failures_add_up(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    given = {"profile": "full", "expected_failures": {"KL-02": "newer reason", "REP-01": "also"}}
    options = load_options("vae.py", given, tmp_path)
    assert options.profile == "full"
    assert options.gate == "required"
    assert options.expected_failures == {"KL-02": "newer reason", "REP-01": "also"}


def test_every_field_is_an_option_but_what_follows_from_others() -> None:
    assert {entry.name for entry in dataclasses.fields(RunOptions)} - OPTIONS.keys() == {"target", "training_time_limit"}
    assert all(getattr(RunOptions("t"), name) == option.default for name, option in OPTIONS.items())


def test_without_a_table_the_defaults_stand(tmp_path: Path) -> None:
    write(tmp_path, "[project]\nname = 'x'\n")
    assert load_options("vae.py", {}, tmp_path).profile == "quick"


def test_a_training_may_take_as_long_as_a_claim(tmp_path: Path) -> None:
    assert load_options("reference", {"time_limit": 900.0}, tmp_path).training_time_limit == 900.0


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("profil = 'quick'", "profil"),
        ("profile = 'fast'", "profile"),
        ("profile = 3", "profile"),
        ("effective-beta = '1'", "effective-beta"),
        ("effective-beta = true", "effective-beta"),
        ("effective-beta = -1", "effective-beta"),
        ("effective-beta = nan", "effective-beta"),
        ("input-shape = [1, 0]", "input-shape"),
        ("input-shape = [true]", "input-shape"),
        ("input-shape = {}", "input-shape"),
        ("input-range = [1, 0]", "input-range"),
        ("time-limit = 0", "time-limit"),
        ("objective = 'free-bits'", "objective"),
        ("objective = ''", "objective"),
        ("decoder = true", "decoder"),
        ("download = 'yes'", "download"),
        ("download = 1", "download"),
        ("expected-failures = ['KL-02']", "expected-failures"),
        ("expected-failures = {KL-02 = ''}", "expected-failures"),
        ("expected-failures = {KL2 = 'why'}", "expected-failures"),
        ("seed = 3", "seed"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_key(tmp_path: Path, line: str, key: str) -> None:
    path = write(tmp_path, f"[tool.vae-conformance]\n{line}\n")
    with pytest.raises(Unbound) as caught:
        read_configuration(path)
    assert str(path) in caught.value.message
    assert key in caught.value.message


@pytest.mark.parametrize("text", ["[tool", "[tool]\nvae-conformance = 3\n", "\xff"])
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pyproject.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(Unbound, match=r"pyproject\.toml"):
        read_configuration(path)
