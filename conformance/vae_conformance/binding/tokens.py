"""Sequences of tokens: the model takes them as one-hot rows, which its embeddings multiply in place of looking up integers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from vae_conformance.binding.probing import lengths
from vae_conformance.target.target import Target

_LENGTHS = (12, 20)
"""Lengths of a sequence that are tried where no attribute of the model gives one."""
_OF_IDS = re.compile(r"'indices' to have one of the following scalar types: Long")


def asks_for_tokens(words: str) -> bool:
    """Return whether a failure is that of an embedding that was given real numbers."""
    return _OF_IDS.search(words) is not None


class _Rows(nn.Embedding):
    """An embedding that takes one-hot rows too."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  as PyTorch names it
        return input.to(self.weight) @ self.weight if input.is_floating_point() else super().forward(input)


def of_rows(target: Target, model: object) -> Iterator[tuple[Target, tuple[int, int]]]:
    """Yield the target that takes one-hot rows, with the shape of an item for each likely length; nothing without an embedding."""
    books = [module for module in model.modules() if type(module) is nn.Embedding] if isinstance(model, nn.Module) else []
    if not books or target.vocabulary:
        return
    vocabulary = books[0].num_embeddings

    def turn(made: Any) -> Any:
        for module in made.modules():
            if type(module) is nn.Embedding:
                module.__class__ = _Rows
        return made

    words = f"it takes sequences of tokens: they are one-hot rows of {vocabulary} values, which its embeddings multiply"
    turned = replace(target.turned(turn), vocabulary=vocabulary, loading=(*target.loading, words))
    for length in dict.fromkeys((*lengths(model), *_LENGTHS)):
        yield turned, (length, vocabulary)


def one_hot(x: Tensor) -> Tensor:
    """Return rows with a 1 at their largest entries, of the shape of x."""
    return F.one_hot(x.argmax(-1), x.shape[-1]).to(x)
