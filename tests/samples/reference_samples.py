"""Seeded tensors for tests of the reference, and the reference package with run-time shape checks."""

import importlib
import sys
from types import ModuleType

import torch
from jaxtyping import install_import_hook
from torch import Tensor


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=generator(seed))


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed))


def tensors(raw: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    return raw if isinstance(raw, tuple) else (raw,)


def checked_reference() -> ModuleType:
    """Import the package a second time, with every shape in its signatures checked at run time."""

    def modules() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] == "vae_reference"]

    plain = {name: sys.modules.pop(name) for name in modules()}
    try:
        with install_import_hook("vae_reference", "beartype.beartype"):
            return importlib.import_module("vae_reference")
    finally:
        for name in modules():
            del sys.modules[name]
        sys.modules.update(plain)
