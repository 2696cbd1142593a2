"""The Implementation record: an explicit description of what binding would otherwise detect. Imports nothing heavy."""

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
"""The parts that a record may give as functions, and the arguments of each."""
LOSS_KEYWORDS = ("z", "beta")
"""Arguments also passed to a loss, by keyword, if it has parameters of these names."""

Part = Callable[..., Any]


@dataclass(frozen=True)
class Implementation:
    """An explicit description of an implementation; parts that are left out are detected as usual.

    The functions are called with the object that `build` returned. If any of `encode`, `sample` and `decode` is given and `forward` is not,
    the forward pass is composed of these three; to use the model's own, pass `forward=lambda model, x: model(x)`.

    Attributes:
        build: the class, or a function that builds the model; called again for every initialisation. If the model is not a
            `torch.nn.Module`, its networks may be the items of a tuple or a dict, or attributes.
        name: its name in reports.
        encode: encode(model, x) returns mu and the second head, each of shape (batch, latent_dim), or a Gaussian.
        sample: sample(model, mu, logvar) returns z, of mu's shape; its last argument is the second head as `encode` returns it.
        decode: decode(model, z) returns the input of the loss, one output per item.
        forward: forward(model, x) returns (x_hat, mu, logvar), or anything else that binding can read.
        loss: loss(model, x_hat, x, mu, logvar, beta=1.0) returns one number, (total, reconstruction, kl), or a dict of these; beta and
            the latent z are passed if it has parameters of these names. A string names a loss defined in the file.
        effective_beta, likelihood, objective, decoder, second_head, input_shape, input_range: declarations, as on the command line.

    Raises:
        WrongRecord: a field is invalid; a `ValueError`, and exit code 2 in a run.
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
        """The given functions, by the names of their fields."""
        return {part: given for part in PARTS if callable(given := getattr(self, part))}

    @property
    def declared(self) -> Mapping[str, Any]:
        """The validated declarations, by the names of `RunOptions`.

        Raises:
            WrongRecord: a value is invalid.
        """
        rest = {entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name not in ("build", "name", *self.parts)}
        table = {name.replace("_", "-"): value for name, value in rest.items() if value is not None}
        try:
            return read_table(table, self._place, tuple(table), Path())
        except Unbound as error:
            raise WrongRecord(error.message, error.hint or "the values are those of the option of this name") from error

    @property
    def loss_keywords(self) -> tuple[str, ...]:
        """The `LOSS_KEYWORDS` that the given loss takes."""
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
