"""Files of weights: what wrappers put around them, and what is refused, and why."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import nn

from vae_conformance.errors import Unbound
from vae_conformance.target.target import given_target
from vae_conformance.target.weights import fitted, read_weights, with_weights


def model() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(7)
    return model().state_dict()


def prefixed(prefix: str) -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in state().items()}


def saved(folder: Path, content: object, name: str = "weights.pt") -> Path:
    torch.save(content, folder / name)
    return folder / name


@pytest.mark.parametrize(
    ("content", "entry", "prefix", "aside"),
    [
        (state(), "", "", ()),
        ({"state_dict": state(), "epoch": 3}, "state_dict", "", ()),
        ({"optimizer": {"lr": 1e-3}, "model_state_dict": state()}, "model_state_dict", "", ()),
        ({"model": state()}, "model", "", ()),
        (prefixed("module."), "", "module.", ()),
        ({"state_dict": prefixed("model."), "loops": {}}, "state_dict", "model.", ()),
        (prefixed("module._orig_mod."), "", "module._orig_mod.", ()),
        ({"state_dict": prefixed("vae.") | {"metric.total": torch.zeros(1)}}, "state_dict", "vae.", ("metric.total",)),
    ],
)
def test_wrappers_are_taken_off(content: object, entry: str, prefix: str, aside: tuple[str, ...], tmp_path: Path) -> None:
    weights = fitted(read_weights(saved(tmp_path, content)), model(), "VAE")
    assert (weights.entry, weights.prefix, weights.aside) == (entry, prefix, aside)
    assert weights.state.keys() == state().keys()
    assert all(torch.equal(weights.state[name], value) for name, value in state().items())
    for part in (entry, prefix, *aside):
        assert part in weights.account


def test_a_prefix_of_the_model_s_own_stays(tmp_path: Path) -> None:
    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model()

    own = Wrapped()
    weights = fitted(read_weights(saved(tmp_path, own.state_dict())), own, "VAE")
    assert weights.prefix == ""


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([1, 2], "holds no state dict, but a list"),
        (torch.zeros(3), "holds no state dict, but a Tensor"),
        ({"epoch": 3, "loss": 0.5}, "holds no state dict: a dict with epoch, loss, and tensors by name under none of state_dict"),
        ({}, "a dict with nothing"),
    ],
)
def test_what_is_no_state_dict_is_refused(content: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(Unbound) as caught:
        read_weights(saved(tmp_path, content))
    assert words in caught.value.message
    assert "torch.save(model.state_dict()" in caught.value.hint


class Bomb:
    """Unpickling it would make a folder."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (self.path,)


def test_code_in_a_file_is_refused_and_not_run(tmp_path: Path) -> None:
    path = saved(tmp_path, {"state_dict": state(), "more": Bomb(str(tmp_path / "made"))})
    with pytest.raises(Unbound) as caught:
        read_weights(path)
    assert caught.value.message == f"{path} holds more than tensors (posix.mkdir): unpickling it could run any code, so it is refused"
    assert caught.value.hint.startswith("where it was saved, save the state dict alone")
    assert not (tmp_path / "made").exists()


def test_a_pickled_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unbound, match=r"holds more than tensors \(torch\.nn\.modules\.container\.Sequential\)"):
        read_weights(saved(tmp_path, model()))


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 broken", b"\x80\x02."])
def test_what_torch_did_not_save_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    path.write_bytes(content)
    with pytest.raises(Unbound, match=r"is no file (of weights|that torch.save wrote)"):
        read_weights(path)


def test_a_folder_and_a_missing_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(Unbound, match="are a folder"):
        read_weights(tmp_path)
    with pytest.raises(Unbound, match="there is no file of weights"):
        read_weights(tmp_path / "nothing.pt")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"0.weight": None}, "the model has 0.weight, and the file has not"),
        ({"head.bias": torch.zeros(2)}, "the file has head.bias, and the model has not"),
        ({"0.weight": torch.zeros(3, 9)}, "0.weight is 3 x 9 there and 3 x 4 here"),
    ],
)
def test_weights_of_another_model_are_refused(changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    content = {name: value for name, value in (state() | changes).items() if value is not None}
    path = saved(tmp_path, content)
    with pytest.raises(Unbound) as caught:
        with_weights(given_target(model), path)
    assert caught.value.message == f"the weights of weights.pt do not fit test_weights_files.py:model: {words}"
    assert "builds it with those of the training" in caught.value.hint


def test_behind_a_prefix_too_it_is_said_what_is_lacking(tmp_path: Path) -> None:
    content = {name: value for name, value in prefixed("model.").items() if name != "model.0.bias"}
    with pytest.raises(Unbound, match=r"do not fit test_weights_files.py:model: the model has 0.bias, and the file has not$"):
        with_weights(given_target(model), saved(tmp_path, content))


def test_many_names_are_cut_short(tmp_path: Path) -> None:
    path = saved(tmp_path, {f"layer{index}.weight": torch.zeros(1) for index in range(9)})
    with pytest.raises(Unbound, match=r"the file has layer0.weight, layer1.weight, layer2.weight, 6 more, and the model has not"):
        with_weights(given_target(model), path)


def test_what_is_no_module_takes_no_weights(tmp_path: Path) -> None:
    def plain() -> object:
        return object()

    with pytest.raises(Unbound, match=r"is no torch\.nn\.Module, and takes no weights"):
        with_weights(given_target(plain), saved(tmp_path, state()))


def test_safetensors_are_read_where_the_library_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"stands for the library's format")
    library, reader = ModuleType("safetensors"), ModuleType("safetensors.torch")
    library.__spec__, reader.__spec__ = ModuleSpec("safetensors", None), ModuleSpec("safetensors.torch", None)
    reader.load = lambda content: state() if content.startswith(b"stands") else {}  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "safetensors", library)
        patch.setitem(sys.modules, "safetensors.torch", reader)
        assert read_weights(path).state.keys() == state().keys()
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(Unbound, match="takes the package safetensors, which is not installed"):
        read_weights(path)
