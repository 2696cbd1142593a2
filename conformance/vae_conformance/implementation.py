"""The Implementation record: what binding would find of an implementation by itself, settled by hand. Imports nothing heavy."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, fields
from pathlib import Path
from typing import Any

from vae_conformance.config.pyproject import read_table
from vae_conformance.errors import Unbound, WrongRecord

PARTS: Mapping[str, tuple[str, ...]] = {
    "encode": ("model", "x"),
    "sample": ("model", "mu", "logvar"),
    "decode": ("model", "z"),
    "forward": ("model", "x"),
    "loss": ("model", "x_hat", "x", "mu", "logvar"),
}
"""What a record may give as functions, and what each is called with."""
LOSS_KEYWORDS = ("z", "beta")
"""What a loss is given besides, by these names, where it has parameters of these names."""

Part = Callable[..., Any]


@dataclass(frozen=True)
class Implementation:
    """An implementation, with whatever of it is settled by hand; what is left out is found as ever.

    The functions are called with what `build` gave. As soon as one of `encode`, `sample` and `decode` is given and `forward` is not, the
    forward pass is put together from these three; a model's own then has to be given, as `forward=lambda model, x: model(x)`.

    Attributes:
        build: the class, or a function that builds the model; called anew for every initialisation. Where the model is no
            `torch.nn.Module`, its networks may stand in a tuple, in a dict, or in attributes.
        name: how reports call it.
        encode: encode(model, x) gives mu and the second head, each of shape (batch, latent_dim), or a Gaussian.
        sample: sample(model, mu, logvar) gives z, of mu's shape; its last argument is the second head as `encode` gives it.
        decode: decode(model, z) gives what the loss is fed, one output an item.
        forward: forward(model, x) gives (x_hat, mu, logvar), or anything else that binding can read.
        loss: loss(model, x_hat, x, mu, logvar, beta=1.0) gives one number, (total, reconstruction, kl), or a dict of these; it is given
            beta, and the code z, where it has parameters of these names. A text is the name of one of the file's own losses.
        effective_beta, likelihood, objective, decoder, second_head, input_shape, input_range: what is declared, as on the command line.

    Raises:
        WrongRecord: a field is not what it must be; a `ValueError`, and in a run exit code 2.
    """

    build: Callable[..., object]
    _: KW_ONLY
    name: str = ""
    encode: Part | None = None
    sample: Part | None = None
    decode: Part | None = None
    forward: Part | None = None
    loss: Part | str | None = None
    effective_beta: float | None = None
    likelihood: str | None = None
    objective: str | None = None
    decoder: str | None = None
    second_head: str | None = None
    input_shape: int | Sequence[int] | str | None = None
    input_range: Sequence[float] | str | None = None

    def __post_init__(self) -> None:
        name: Any = self.name
        if not isinstance(name, str):
            raise self._wrong("name", f"{name!r} is not a text", "it is what reports call the implementation")
        self._check_build()
        for part, arguments in PARTS.items():
            given = getattr(self, part)
            if given is not None and not (part == "loss" and isinstance(given, str)):
                self._check_part(part, given, arguments)
        _ = self.declared

    @property
    def parts(self) -> Mapping[str, Part]:
        """The functions that are given, by the names of their fields."""
        return {part: given for part in PARTS if callable(given := getattr(self, part))}

    @property
    def declared(self) -> Mapping[str, Any]:
        """What is declared, checked, by the names of `RunOptions`.

        Raises:
            WrongRecord: a value is not what it must be.
        """
        rest = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name not in ("build", "name", *self.parts)}
        table = {name.replace("_", "-"): value for name, value in rest.items() if value is not None}
        try:
            return read_table(table, self._place, tuple(table), Path())
        except Unbound as error:
            raise WrongRecord(error.message, error.hint or "the values are those of the option of this name") from error

    @property
    def loss_keywords(self) -> tuple[str, ...]:
        """Which of `LOSS_KEYWORDS` a loss that is given takes."""
        try:
            names = inspect.signature(self.parts["loss"]).parameters
        except (KeyError, TypeError, ValueError):
            return ()
        return tuple(name for name in LOSS_KEYWORDS if name in names)

    def _check_build(self) -> None:
        build: Any = self.build
        if not callable(build):
            what = f"{build!r} is a {type(build).__name__}, neither a class nor a function that builds a model"
            raise self._wrong("build", what, "write Implementation(build=VAE)")
        if not inspect.isclass(build) and hasattr(build, "state_dict"):
            kind = type(build).__name__
            raise self._wrong(
                "build",
                f"this is a model that is ready, a {kind}, and cannot be initialised anew",
                f"give its class, or a function that builds it: build=lambda: {kind}(...)",
            )

    def _check_part(self, part: str, given: object, arguments: tuple[str, ...]) -> None:
        call = f"{part}({', '.join(arguments)}{', beta=1.0' if part == 'loss' else ''})"
        if not callable(given):
            allowed = " nor the name of a loss" if part == "loss" else ""
            raise self._wrong(part, f"{given!r} is no function{allowed}", f"give a function that is called as {call}")
        try:
            signature = inspect.signature(given)
        except (TypeError, ValueError):
            return
        taken = dict.fromkeys((name for name in LOSS_KEYWORDS if part == "loss" and name in signature.parameters), 0)
        try:
            signature.bind(*arguments, **taken)
        except TypeError as error:
            raise self._wrong(part, f"it takes {signature}, and cannot be called as {call}", f"write it as {call}") from error

    def _wrong(self, field: str, what: str, hint: str) -> WrongRecord:
        return WrongRecord(f"{self._place} {field}: {what}", hint)

    @property
    def _place(self) -> str:
        name = self.name or getattr(self.build, "__qualname__", "") or type(self.build).__name__
        return f"the Implementation record of {name}:"
