"""The configuration file: where it is found, what it may say, and that the command line wins."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from vae_conformance.config.options import OPTIONS, RunOptions
from vae_conformance.config.pyproject import configuration_files, load_options, read_configuration
from vae_conformance.config.target_spec import TargetKind, TargetSpec
from vae_conformance.errors import Unbound

VAE = TargetSpec("vae.py", TargetKind.FILE, Path("vae.py"))

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
keep-going = true
[tool.vae-conformance.expected-failures]
KL-02 = "weighed on purpose"
"""


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(text, encoding="utf-8")
    return path


FILE, NOTEBOOK, MODULE, ENTRY_POINT = TargetKind.FILE, TargetKind.NOTEBOOK, TargetKind.MODULE, TargetKind.ENTRY_POINT


@pytest.mark.parametrize(
    "target",
    [
        TargetSpec("bob/vae.py:VAE", FILE, Path("bob/vae.py"), name="VAE"),
        TargetSpec("bob/vae.ipynb", NOTEBOOK, Path("bob/vae.ipynb")),
        TargetSpec("bob.vae:VAE", MODULE, Path("bob/vae.py"), "bob.vae", "VAE"),
        TargetSpec("bob", ENTRY_POINT, Path("bob/vae.py"), "bob.vae", "VAE"),
    ],
    ids=str,
)
def test_the_nearest_configuration_upwards_from_the_file_is_asked_first(tmp_path: Path, target: TargetSpec) -> None:
    current = write(tmp_path / "course", "")
    others = [] if target.is_file else [current]
    assert configuration_files(target, tmp_path / "course") == [current, *others]
    outer = write(tmp_path, "")
    current.unlink()
    assert configuration_files(target, tmp_path / "course") == [outer]
    inner = write(tmp_path / "course" / "bob", "")
    assert configuration_files(target, tmp_path / "course") == [inner]


@pytest.mark.parametrize("kind", [MODULE, ENTRY_POINT, TargetKind.UNKNOWN])
def test_without_a_file_and_for_installed_packages_it_is_that_of_the_current_folder(tmp_path: Path, kind: TargetKind) -> None:
    installed = tmp_path / "venv" / "site-packages" / "vae.py"
    write(installed.parent.parent, "")
    write(tmp_path, "")
    current = write(tmp_path / "course", "")
    for path in (None, installed):
        assert configuration_files(TargetSpec("vae:VAE", kind, path, "vae", "VAE"), tmp_path / "course") == [current]
        assert configuration_files(TargetSpec("vae:VAE", kind, path, "vae", "VAE"), tmp_path / "elsewhere") == []


def test_a_modules_own_file_without_the_table_leaves_it_to_the_current_folders(tmp_path: Path) -> None:
    write(tmp_path / "library", "[project]\nname = 'library'\n")
    write(tmp_path, FULL)
    module = TargetSpec("vae:VAE", MODULE, tmp_path / "library" / "vae.py", "vae", "VAE")
    assert load_options(module, {}, tmp_path).profile == "exact"
    file = TargetSpec("library/vae.py", FILE, Path("library/vae.py"))
    assert load_options(file, {}, tmp_path).profile == "quick"


def test_everything_can_be_configured(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    options = load_options(VAE, {}, tmp_path)
    assert (options.profile, options.dataset, options.gate, options.likelihood, options.device) == (
        "exact",
        "mnist",
        "required",
        "gaussian",
        "cuda:0",
    )
    assert options.data_root == str(tmp_path / "data")
    assert (options.objective, options.decoder, options.download, options.keep_going) == ("modified", "autoregressive", True, True)
    assert (options.effective_beta, options.time_limit) == (0.5, 5.0)
    assert (options.input_shape, options.input_range) == ((1, 28, 28), (-1.0, 1.0))
    assert options.expected_failures == {"KL-02": "weighed on purpose"}


def test_the_command_line_wins_and_expected_failures_add_up(tmp_path: Path) -> None:
    write(tmp_path, FULL)
    given = {"profile": "full", "expected_failures": {"KL-02": "newer reason", "REP-01": "also"}}
    options = load_options(VAE, given, tmp_path)
    assert options.profile == "full"
    assert options.gate == "required"
    assert options.expected_failures == {"KL-02": "newer reason", "REP-01": "also"}


def test_every_field_is_an_option_but_what_follows_from_others() -> None:
    assert {entry.name for entry in dataclasses.fields(RunOptions)} - OPTIONS.keys() == {"target", "training_time_limit"}
    assert all(getattr(RunOptions(TargetSpec("t", TargetKind.MODULE)), name) == option.default for name, option in OPTIONS.items())


def test_without_a_table_the_defaults_stand(tmp_path: Path) -> None:
    write(tmp_path, "[project]\nname = 'x'\n")
    assert load_options(VAE, {}, tmp_path).profile == "quick"


def test_a_training_may_take_as_long_as_a_claim(tmp_path: Path) -> None:
    assert load_options(VAE, {"time_limit": 900.0}, tmp_path).training_time_limit == 900.0


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
        ("keep-going = 'yes'", "keep-going"),
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
