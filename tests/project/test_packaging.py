"""The distribution: what the wheel installs, what it leaves out, and that every version is pinned."""

from __future__ import annotations

import configparser
import re
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from pathspec import GitIgnoreSpec

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCES = {"vae_reference": "reference", "vae_spec": "spec", "vae_conformance": "conformance"}
ACCELERATORS = ("nvidia-", "cuda-", "triton")
"""What PyTorch's builds for accelerators need: PyTorch pins it exactly, and it differs between platforms."""


def project() -> dict[str, Any]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def ignored() -> GitIgnoreSpec:
    """What .gitignore names."""
    return GitIgnoreSpec.from_lines((ROOT / ".gitignore").read_text(encoding="utf-8").splitlines())


def built(builder: type[WheelBuilder | SdistBuilder], folder: Path) -> Path:
    """The one file that a builder makes of the working tree."""
    (made,) = builder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return Path(made)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The content of the wheel by path."""
    with zipfile.ZipFile(built(WheelBuilder, tmp_path_factory.mktemp("wheel"))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The paths of the files of the source distribution, without its top folder."""
    with tarfile.open(built(SdistBuilder, tmp_path_factory.mktemp("sdist"))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def metadata_folder(wheel: dict[str, bytes]) -> str:
    """The name of the wheel's dist-info folder."""
    (folder,) = {name.partition("/")[0] for name in wheel if ".dist-info/" in name}
    return folder


def pins() -> dict[str, Version]:
    """The constraints: exact versions by canonical name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    found = {canonicalize_name(name): Version(version) for name, version in pairs}
    assert len(found) == len(pairs), "a package is pinned twice"
    return found


def requirements() -> list[Requirement]:
    """Everything that pyproject.toml asks for, to build, to run and for its extras."""
    declared = project()
    texts = [*declared["build-system"]["requires"], *declared["project"]["dependencies"]]
    for extra in declared["project"]["optional-dependencies"].values():
        texts += extra
    return [Requirement(text) for text in texts]


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel: dict[str, bytes]) -> None:
    top = {name.partition("/")[0] for name in wheel}
    assert top == {*SOURCES, metadata_folder(wheel)}


@pytest.mark.parametrize("package", SOURCES)
def test_the_wheel_has_every_file_of_a_package_as_it_is(package: str, wheel: dict[str, bytes]) -> None:
    root = ROOT / SOURCES[package]
    files = {path.relative_to(root).as_posix(): path for path in (root / package).rglob("*") if path.is_file()}
    kept = {name: path.read_bytes() for name, path in files.items() if not ignored().match_file(name)}
    assert kept == {name: content for name, content in wheel.items() if name.startswith(f"{package}/")}


@pytest.mark.parametrize("package", SOURCES)
def test_a_source_root_holds_nothing_but_its_package(package: str) -> None:
    assert {path.name for path in (ROOT / SOURCES[package]).iterdir()} - {"__pycache__"} == {package}


@pytest.mark.parametrize(
    "path",
    [
        *(f"{package}/py.typed" for package in SOURCES),
        "vae_conformance/report/schema/report-2.schema.json",
        *(f"vae_conformance/report/html/templates/report.{ending}" for ending in ("html", "css", "js")),
        "vae_spec/calibration.json",
        "vae_conformance/testing/suite/__init__.py",
        "vae_conformance/testing/suite/test_claims.py",
    ],
)
def test_the_data_is_there(path: str, wheel: dict[str, bytes]) -> None:
    assert path in wheel


def test_the_entry_points_are_there_and_lead_to_files_of_the_wheel(wheel: dict[str, bytes]) -> None:
    parser = configparser.ConfigParser(delimiters=["="])
    parser.read_string(wheel[f"{metadata_folder(wheel)}/entry_points.txt"].decode())
    found = {group: dict(parser[group]) for group in parser.sections()}
    declared = project()["project"]
    assert found == {"console_scripts": declared["scripts"], **declared["entry-points"]}
    assert {"vae-conformance"} == found["console_scripts"].keys()
    names = {"reference", "autoencoder", "tiny", "convolutional", "beta", "free-bits", "infovae", "autoregressive"}
    assert found["vae_conformance.implementations"].keys() == names
    for value in (value for group in found.values() for value in group.values()):
        module = value.partition(":")[0].replace(".", "/")
        assert {f"{module}.py", f"{module}/__init__.py"} & wheel.keys()


def test_the_metadata_says_what_pyproject_says(wheel: dict[str, bytes]) -> None:
    found = Parser().parsestr(wheel[f"{metadata_folder(wheel)}/METADATA"].decode())
    declared = project()["project"]
    assert (found["Name"], found["Version"]) == (declared["name"], declared["version"])
    needed = {str(Requirement(text)) for text in found.get_all("Requires-Dist", []) if "extra ==" not in text}
    assert needed == {str(Requirement(text)) for text in declared["dependencies"]}
    assert set(found.get_all("Provides-Extra", [])) == declared["optional-dependencies"].keys()


def test_the_changelog_knows_the_version() -> None:
    heading = f"## [{project()['project']['version']}]"
    assert heading in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_nothing_ignored_is_shipped(wheel: dict[str, bytes], sdist: set[str]) -> None:
    assert ignored().match_file("spec/vae_spec/__pycache__/claim.cpython-311.pyc")
    assert not list(ignored().match_files([*wheel, *sdist]))


def test_the_source_distribution_can_be_tested(sdist: set[str]) -> None:
    needed = {"tox.ini", "constraints.txt", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE"}
    needed |= {"tests/project/test_packaging.py", "docs/claims.md", "mkdocs.yml", "benchmarks/run_all.py", "spec/vae_spec/calibration.json"}
    assert needed <= sdist


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_what_pyproject_asks_for_is_pinned_within_its_bounds(requirement: Requirement) -> None:
    assert requirement.specifier.contains(pins()[canonicalize_name(requirement.name)])


def test_pytorch_is_pinned_to_the_release_that_the_claims_were_calibrated_with() -> None:
    assert (pins()["torch"], pins()["torchvision"]) == (Version("2.13.0"), Version("0.28.0"))


def test_a_pin_is_a_plain_release() -> None:
    assert not [name for name, version in pins().items() if version.local or version.is_prerelease]
    assert canonicalize_name(project()["project"]["name"]) not in pins()


def test_everything_that_the_project_brings_along_is_pinned() -> None:
    waiting = [requirement for requirement in requirements() if requirement.name != "hatchling"]
    seen: dict[str, str] = {}
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or name.startswith(ACCELERATORS):
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another extra
            continue
        seen[name] = found.version
        inner = [Requirement(text) for text in found.requires or ()]
        waiting += [one for one in inner if one.marker is None or one.marker.evaluate({"extra": ""})]
    assert {"torch", "numpy", "pytest"} <= seen.keys()
    assert not seen.keys() - pins().keys()


def test_tox_hands_the_pins_to_every_environment_and_installs_nothing_unpinned() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini", encoding="utf-8")
    own = {name: parser[name]["set_env"] for name in parser.sections() if "set_env" in parser[name]}
    assert "PIP_CONSTRAINT = {tox_root}{/}constraints.txt" in own.pop("pins")
    assert {"testenv", "testenv:.pkg"} <= own.keys()
    assert all("{[pins]set_env}" in text for text in own.values())
    for name in parser.sections():
        for line in parser[name].get("deps", "").split():
            assert canonicalize_name(re.split(r"[<>=!~\[]", line)[0]) in pins()
