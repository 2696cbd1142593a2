"""What Lightning's module is without its trainer, for files whose Lightning is not installed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


class Settings(dict[str, Any]):
    """Constructor arguments, as entries and as attributes."""

    def __getattr__(self, name: str) -> Any:
        """Return an entry."""
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class LightningModule(nn.Module):
    """Substitutes `lightning.LightningModule` as a base class: it keeps hyperparameters and logs nothing.

    The counters of a training that has not begun are 0.
    """

    current_epoch = 0
    global_step = 0

    def __init__(self, *_arguments: object, **_keywords: object) -> None:
        super().__init__()
        self.hparams = Settings()

    def save_hyperparameters(self, *names: str | dict[str, Any], ignore: str | Iterable[str] = (), **_keywords: object) -> None:
        """Keep the arguments of the constructor that calls this: all of them, those named, or the entries of dicts."""
        given = {name: value for name, value in sys._getframe(1).f_locals.items() if name not in ("self", "__class__")}  # noqa: SLF001
        given |= given.pop("kwargs", {})
        left_out = {ignore} if isinstance(ignore, str) else set(ignore)
        chosen = [one for one in names if isinstance(one, str)]
        for entries in (one for one in names if isinstance(one, dict)):
            self.hparams.update(entries)
        if chosen or not names:
            self.hparams.update({name: value for name, value in given.items() if name not in left_out and (not chosen or name in chosen)})

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        first = next(self.parameters(), None)
        return torch.device("cpu") if first is None else first.device

    def log(self, *_arguments: object, **_keywords: object) -> None:
        """Log nothing."""

    log_dict = print = log
