"""Read the weights of a trained model without executing code from the file, and load them into the implementation."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import pickle
import re
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.errors import Unbound
from vae_conformance.guard.seeds import seeded
from vae_conformance.guard.time_limit import warnings_aside
from vae_conformance.target.checkpoint import Weights, some
from vae_conformance.target.spec import check_weights
from vae_conformance.target.target import Target
from vae_spec.mistakes import MISTAKES
from vae_spec.outcomes import Outcome, Verdict

ENTRIES = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights", "params")
"""The entries under which checkpoints hold the weights, the likeliest first."""
PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "vae.")
"""The prefixes that DataParallel, Lightning, torch.compile and wrappers add to the names of the weights."""
_SAVE = "save the state dict alone: torch.save(model.state_dict(), 'weights.pt')"


def with_weights(target: Target, path: Path) -> Target:
    """Return the target as a ready instance with the weights of a file, to be judged as it is.

    Raises:
        Unbound: the file cannot be read, holds no weights, or its weights do not fit this implementation.
    """
    weights = read_weights(path)
    with seeded(0, torch.device("cpu")):
        model: Any = deepcopy(target.instance) if target.make is None else target.make()
    if not isinstance(model, nn.Module):
        raise Unbound(f"{target.name} is no torch.nn.Module, and takes no weights", "derive the class from torch.nn.Module")
    weights = fitted(weights, model, target.name)
    try:
        model.load_state_dict(dict(weights.state))
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise Unbound(f"{target.name} does not take the weights of {path}: {first}", "see its load_state_dict") from error
    return replace(
        target,
        make=None,
        instance=model,
        rebuild=None,
        accepts=frozenset(),
        weights=weights,
        code=target.code.and_also(weights.sha256),
    )


def of_given_weights(verdict: Verdict, data: str) -> Verdict:
    """Adapt the verdict of a trained claim to given weights, whose training was not observed.

    The diagnosed mistake becomes a mere possibility in the hint: the weights may have been trained by other code, and if this code
    makes the mistake, the exact claims detect it.
    `data` is the name of the data that the weights were judged on.
    """
    if verdict.outcome is not Outcome.VIOLATED:
        return verdict
    suspect = MISTAKES.get(verdict.diagnosis or "")
    hints = [
        verdict.hint,
        "how the weights were trained cannot be seen",
        "" if suspect is None else f"one mistake that leaves such weights behind: {suspect.what} ({suspect.id})",
        f"were they trained on other data than {data}, name it with --dataset or --data",
    ]
    return replace(verdict, diagnosis=None, hint="; ".join(filter(None, hints)))


def read_weights(path: Path) -> Weights:
    """Read a file written by `torch.save` or safetensors, without executing code from it.

    Raises:
        Unbound: it does not exist, cannot be read safely, or holds no state dict.
    """
    check_weights(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Unbound(f"the weights {path} cannot be read: {error.strerror}", "check the path given with --weights") from error
    loaded = _safetensors(path, content) if path.suffix == ".safetensors" else _saved_by_torch(path, content)
    entry, state = _state_dict(path, loaded)
    return Weights(path.name, hashlib.sha256(content).hexdigest(), state, entry)


def _saved_by_torch(path: Path, content: bytes) -> Any:
    try:
        with warnings_aside():
            return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if (named := re.search(r"GLOBAL ([\w.]+\w)", str(error))) is not None:
            raise Unbound(
                f"{path} holds more than tensors ({named[1]}): unpickling it could run any code, so it is refused",
                f"where it was saved, {_SAVE}",
            ) from error
        raise Unbound(f"{path} is no file of weights: only what torch.save writes can be read, without code in it", _SAVE) from error
    except Exception as error:
        raise Unbound(f"{path} is no file that torch.save wrote, or it is damaged", _SAVE) from error


def _safetensors(path: Path, content: bytes) -> Any:
    if importlib.util.find_spec("safetensors") is None:
        raise Unbound(
            f"reading {path} takes the package safetensors, which is not installed",
            f"install it (python -m pip install safetensors), or {_SAVE}",
        )
    load = importlib.import_module("safetensors.torch").load
    try:
        return load(content)
    except Exception as error:
        raise Unbound(f"{path} is no file of safetensors, or it is damaged", _SAVE) from error


def _state_dict(path: Path, loaded: Any) -> tuple[str, Mapping[str, Tensor]]:
    """Return the entry that holds the state dict, and the state dict."""
    if _is_state(loaded):
        return "", loaded
    if isinstance(loaded, Mapping):
        for entry in ENTRIES:
            if _is_state(loaded.get(entry)):
                return entry, loaded[entry]
        keys = some([str(key) for key in loaded]) or "nothing"
        raise Unbound(f"{path} holds no state dict: a dict with {keys}, and tensors by name under none of {', '.join(ENTRIES)}", _SAVE)
    raise Unbound(f"{path} holds no state dict, but a {type(loaded).__name__}", _SAVE)


def _is_state(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(key, str) and isinstance(entry, Tensor) for key, entry in value.items() if not str(key).endswith("_extra_state"))
    )


def fitted(weights: Weights, model: nn.Module, name: str) -> Weights:
    """Return the weights renamed to the model's own names.

    Raises:
        Unbound: their names or shapes differ from the model's.
    """
    own = model.state_dict()
    readings = [_without(weights, prefix) for prefix in _prefixes(weights.state)]
    # The reading that fits; if none does, the one with the most names in common.
    chosen = max(readings, key=lambda one: (one.state.keys() == own.keys(), len(one.state.keys() & own.keys())))
    _check(chosen.state, own, weights.name, name)
    return chosen


def _without(weights: Weights, prefix: str) -> Weights:
    state = {key.removeprefix(prefix): value for key, value in weights.state.items() if key.startswith(prefix)}
    return replace(weights, state=state, prefix=prefix, aside=tuple(key for key in weights.state if not key.startswith(prefix)))


def _prefixes(names: Iterable[str]) -> list[str]:
    """Return the empty prefix, and each concatenation of known prefixes that some name begins with."""
    found = [""]
    for taken in found:
        found += [taken + one for one in PREFIXES if any(name.startswith(taken + one) for name in names)]
    return found


def _check(state: Mapping[str, Any], own: Mapping[str, Any], file: str, name: str) -> None:
    lacking, foreign = [key for key in own if key not in state], [key for key in state if key not in own]
    other = [
        f"{key} is {_shape(state[key])} there and {_shape(own[key])} here"
        for key in own
        if key in state and isinstance(own[key], Tensor) and state[key].shape != own[key].shape
    ]
    if not (lacking or foreign or other):
        return
    parts = [f"the model has {some(lacking)}, and the file has not"] if lacking else []
    parts += [f"the file has {some(foreign)}, and the model has not"] if foreign else []
    parts += [some(other, "; ")] if other else []
    raise Unbound(
        f"the weights of {file} do not fit {name}: {'; '.join(parts)}",
        "name the class that was trained; where its constructor takes sizes, add a function that builds it with those of the training",
    )


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"
