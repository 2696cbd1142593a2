"""The range into which a file's own transform puts its data."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from vae_conformance.target.data_range import normalised_range


def module(folder: Path, text: str) -> ModuleType:
    path = folder / "student.py"
    path.write_text(text, encoding="utf-8")
    made = ModuleType("student")
    made.__file__ = str(path)
    return made


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def of(text: str):
        made = module(tmp_path, text)
        monkeypatch.setattr("inspect.getsource", lambda _module: text)
        return normalised_range(made)

    return of


@pytest.mark.parametrize(
    ("call", "low", "high"),
    [
        ("transforms.Normalize((0.5,), (0.5,))", -1, 1),
        ("T.Normalize(mean=[0.5, 0.5, 0.5], std=[0.5, 0.5, 0.5])", -1, 1),
        ("Normalize(0.25, 0.5)", -0.5, 1.5),
        ("transforms.Normalize((0.5,) , std=(0.25,))", -2, 2),
    ],
)
def test_one_mean_and_one_deviation(read, call: str, low: float, high: float) -> None:
    found = read(f"if __name__ == '__main__':\n    steps = [{call}]\n")
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.account.startswith("line 2: ")


@pytest.mark.parametrize(
    "text",
    [
        "x = 1",
        "t = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))",
        "t = Normalize(mean, std)",
        "a, b = Normalize((0.5,), (0.5,)), Normalize((0.1,), (0.3,))",
        "t = Normalize((0.5,), (0,))",
        "layer = nn.Normalize(8)",
    ],
)
def test_what_says_no_range(read, text: str) -> None:
    assert read(text) is None
