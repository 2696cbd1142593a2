"""The store of trained runs: nothing is lost on the way, what is damaged is found, and a run is made once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from evidence_samples import observations

from vae_conformance.experiments.store import MAGIC, Contents, Store, content_key, decode, default_folder, encode
from vae_spec.evidence import HeldOut, Recipe, Stationarity, TrainedRun
from vae_spec.observations import PointObservations

RECIPE = Recipe("digits", 3, 2, 1e-3, beta=0.1, seed=2**31 - 1)
RNG = np.random.default_rng(0)
CURVE = np.array([3.0, 2.0, 1.0 / 3.0])
PLAIN = TrainedRun(RECIPE, CURVE, CURVE / 2, CURVE / 7, CURVE * 1e-30)
HELD_OUT = HeldOut(500, 0.61, -0.2, 0.7, np.array([0.0, 1.5, 1e-9]), np.array([0.1, 0.9, 0.0]), 1.5, 1.4999, 30.25)
FULL = replace(
    PLAIN,
    repeat_difference=1e-8,
    repeat_steps=40,
    held_out=HELD_OUT,
    stationarity=Stationarity(0.998, 0.01, 8.25, 1024),
    samples=np.arange(10.0).reshape(5, 2),
    notes={"loss scale": 1 / 3, "scale known": 1.0},
)
DIVERGED = TrainedRun(RECIPE, CURVE[:0], CURVE[:0], CURVE[:0], CURVE[:0], diverged_at=0)
UNKNOWN = replace(FULL, held_out=replace(HELD_OUT, reported_kl=float("nan"), r2=float("-inf")), stationarity=None)
LINE = np.linspace(0.0, 1.0, 6).reshape(3, 2)
POINTS = PointObservations(0.05, 0.001, 0.9, 0.01, float("nan"), LINE, LINE, LINE)
RUNS = {
    "plain": PLAIN,
    "full": FULL,
    "diverged at once": DIVERGED,
    "not a number": UNKNOWN,
    "looked at": replace(FULL, observations=observations()),
    "points": replace(PLAIN, points=POINTS),
}


def content(value: object) -> object:
    """A record as plain values that can be compared, not-a-number included."""
    return repr({name: entry.tolist() if isinstance(entry, np.ndarray) else entry for name, entry in _flat(asdict(value)).items()})  # type: ignore[call-overload]


def _flat(values: dict[str, object], prefix: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
def test_there_and_back(run: TrainedRun) -> None:
    back = decode(encode(run), TrainedRun)
    assert content(back) == content(run)
    assert back.total.dtype == np.float64
    assert isinstance(back.recipe, Recipe)
    assert back.recipe == run.recipe


def test_put_and_get(tmp_path: Path) -> None:
    store = Store(tmp_path / "deep" / "runs")
    assert store.get("key") is None
    store.put("key", FULL)
    found = store.get("key")
    assert found is not None
    assert content(found) == content(FULL)
    assert [path.name for path in (tmp_path / "deep" / "runs").iterdir()] == ["key.run"]
    store.put("key", PLAIN)
    replaced = store.get("key")
    assert replaced is not None
    assert replaced.held_out is None


def _with_its_sum(payload: bytes) -> bytes:
    return MAGIC + hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload


def _archive(**arrays: np.ndarray) -> bytes:
    import io

    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def _of_another_form(**changes: object) -> bytes:
    """A whole entry whose records have other fields, or name arrays that are not there."""
    records = {"recipe": asdict(RECIPE), **dict.fromkeys(("total", "reconstruction", "kl", "analytic_kl"), "curve"), **changes}
    tree = msgspec.msgpack.encode({name: value for name, value in records.items() if value is not None})
    return _with_its_sum(_archive(curve=CURVE, tree=np.frombuffer(tree, dtype=np.uint8)))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda entry: b"",
    "truncated in its head": lambda entry: entry[:30],
    "truncated in its body": lambda entry: entry[:-20],
    "longer": lambda entry: entry + b"x",
    "one bit": lambda entry: entry[:-100] + bytes([entry[-100] ^ 1]) + entry[-99:],
    "another version": lambda entry: entry.replace(b"run 5", b"run 4", 1),
    "foreign": lambda entry: b"#!/bin/sh\necho hello\n" * 20,
    "a foreign archive": lambda entry: _archive(other=np.zeros(3)),
    "a foreign archive with its sum": lambda entry: _with_its_sum(_archive(other=np.zeros(3))),
    "no archive, with its sum": lambda entry: _with_its_sum(b"hello" * 50),
    "nothing, with its sum": lambda entry: _with_its_sum(b""),
    "without a curve": lambda entry: _of_another_form(kl=None),
    "a curve that is not there": lambda entry: _of_another_form(kl="other"),
    "a curve that is a number": lambda entry: _of_another_form(kl=3.0),
    "a number that is a text": lambda entry: _of_another_form(repeat_steps="3"),
    "a part of another form": lambda entry: _of_another_form(held_out={"items": 3}),
}


def test_the_entry_that_the_other_forms_are_made_from_is_whole() -> None:
    assert content(decode(_of_another_form(), TrainedRun)) == content(replace(PLAIN, reconstruction=CURVE, kl=CURVE, analytic_kl=CURVE))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_and_foreign_entries_are_taken_away_and_made_anew(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put("key", FULL)
    path = tmp_path / "key.run"
    path.write_bytes(damage(path.read_bytes()))
    assert store.get("key") is None
    assert not path.exists()
    store.put("key", FULL)
    assert store.get("key") is not None


def test_an_entry_never_runs_code(tmp_path: Path) -> None:
    import io
    import pickle

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    buffer = io.BytesIO()
    np.savez(
        buffer,
        plain=np.array([Trap()], dtype=object),
        **dict.fromkeys(("total", "reconstruction", "kl", "analytic_kl"), CURVE),
    )
    store = Store(tmp_path / "runs")
    for trap in (buffer.getvalue(), pickle.dumps(Trap())):
        (tmp_path / "runs" / "key.run").write_bytes(_with_its_sum(trap))
        assert store.get("key") is None
    assert not (tmp_path / "sprung").exists()


def _filled(folder: Path, names: str) -> Store:
    """A store with files of 0.4 MB, the first one used longest ago."""
    for age, name in enumerate(names):
        (folder / f"{name}.run").write_bytes(encode(replace(PLAIN, total=RNG.random(60_000))))
        os.utime(folder / f"{name}.run", (1000.0 + age, 1000.0 + age))
    (folder / "a.lock").touch()
    return Store(folder)


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    store = _filled(tmp_path, "abcd")
    assert store.contents().files == 4
    assert store.get("a") is not None  # used now, so that "b" was used longest ago
    deleted = store.prune(1)
    assert deleted.files == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.lock", "a.run", "d.run"]
    assert store.contents() == Contents(2, sum(path.stat().st_size for path in tmp_path.glob("*.run")))
    assert store.contents().size < 10**6 < store.contents().size + deleted.size


def test_a_written_run_prunes_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store.prune, "__defaults__", (1,))
    store = _filled(tmp_path, "abc")
    store.put("e", PLAIN)
    assert sorted(path.stem for path in tmp_path.glob("*.run")) == ["b", "c", "e"]


def test_nothing_is_left_of_a_store_of_no_size(tmp_path: Path) -> None:
    store = _filled(tmp_path, "ab")
    assert str(store.prune(0)).startswith("2 files, ")
    assert list(tmp_path.iterdir()) == []
    assert str(store.contents()) == "0 files, 0.0 MB"


def test_an_entry_that_another_worker_removes_meanwhile_is_no_failure(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "gone.run").symlink_to(tmp_path / "removed")  # listed, but no longer to be asked for its time
    store.put("a", PLAIN)
    assert store.get("a") is not None
    assert store.contents().files == 1


def test_keys_follow_their_content() -> None:
    parts = {"code": "abc", "recipe": asdict(RECIPE), "shape": (1, 8, 8)}
    assert content_key(parts) == content_key(dict(reversed(parts.items())))
    keys = {
        content_key(parts),
        *(
            content_key({**parts, **change})
            for change in (
                {"code": "abd"},
                {"shape": (8, 8)},
                {"recipe": asdict(replace(RECIPE, seed=0))},
                {"recipe": asdict(replace(RECIPE, beta=0.2))},
            )
        ),
    }
    assert len(keys) == 5
    assert all(len(key) == 64 for key in keys)


def test_the_default_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = default_folder()
    assert folder.name == "runs"
    assert "vae-conformance" in folder.parts
    assert not folder.exists()


MAKE_ONCE = """
import sys, time
from pathlib import Path
import numpy as np
from vae_conformance.experiments.store import Store
from vae_spec.evidence import Recipe, TrainedRun

folder, name = Path(sys.argv[1]), sys.argv[2]
store = Store(folder / "runs")
(folder / f"ready-{name}").touch()
while not (folder / "go").exists():
    time.sleep(0.005)
for key in ("one", "two", "three"):
    with store.lock(key):
        if store.get(key) is None:
            with (folder / "made").open("a") as log:
                log.write(key + "\\n")
            curve = np.arange(1000.0)
            time.sleep(0.02)
            store.put(key, TrainedRun(Recipe("digits", 1, 1, 1.0), curve, curve, curve, curve))
    assert store.get(key).total[-1] == 999
"""


def test_concurrent_processes_make_a_run_once(tmp_path: Path) -> None:
    children = [subprocess.Popen([sys.executable, "-c", MAKE_ONCE, str(tmp_path), str(index)]) for index in range(2)]
    try:
        while not all((tmp_path / f"ready-{index}").exists() for index in range(2)):
            assert all(child.poll() is None for child in children)
        (tmp_path / "go").touch()
        assert [child.wait(timeout=60) for child in children] == [0, 0]
    finally:
        for child in children:
            child.kill()
            child.wait()
    assert (tmp_path / "made").read_text().split() == ["one", "two", "three"]
    assert not list((tmp_path / "runs").glob(".writing-*"))
