"""Decoding through forward, for a model whose decoder stands inline there: the code that forward decodes is put in the place of its own.

There are four doors to that place. The sampling step gives the code; or the part that takes it is handed it; or the encoder gives it for
mu, and there is no noise; or the noise is what the draw mu + sigma * eps needs to give it. A door is used where behaviour confirms it: the
output then follows the code, and neither the batch nor the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vae_conformance.binding.doors import injection_of, output_part
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.heads import Head
from vae_conformance.binding.injection import Injection, answering, replaced
from vae_conformance.binding.interface import as_raw
from vae_conformance.binding.layout import ForwardLayout, at, same
from vae_conformance.binding.passes import Joint, forward_of, has_forward
from vae_conformance.binding.probing import decoder_end, output_range
from vae_conformance.guard.random_calls import DROPPING, RandomCalls
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Noise, Part, Raw, Standing, SubjectFault

_OBJECTIONS = {
    "decoder-sees-x": ": whatever code it is handed, its output follows the batch too",
    "decoder-ignores-z": ": whatever code it is handed, its output stays the same",
}


class Door(Protocol):
    """A way to have forward decode a given code."""

    @property
    def account(self) -> str:
        """How forward comes to decode it, for the report."""

    def open(self, model: Any, x: Tensor, z: Tensor, /) -> AbstractContextManager[None]:
        """Inside the block forward decodes z, of the shape (B, ...), when it is run on x."""


@dataclass(frozen=True)
class StepDoor:
    """The sampling step gives the code: a method or a layer by its dotted name, or a function by the namespace that forward finds it in."""

    name: str
    namespace: dict[str, Any] | None = None

    @property
    def account(self) -> str:
        """For the report."""
        return "forward with its draw replaced by z"

    @contextmanager
    def open(self, model: Any, _x: Tensor, z: Tensor, /) -> Iterator[None]:
        """The step gives z, whatever it is handed."""
        give = replaced(model, self.name, lambda: z) if self.namespace is None else _shadowed(self.namespace, self.name, z)
        with give:
            yield


@contextmanager
def _shadowed(namespace: dict[str, Any], name: str, z: Tensor) -> Iterator[None]:
    """A function of a module gives z inside the block."""
    before = namespace[name]
    namespace[name] = lambda *_args, **_kwargs: z
    try:
        yield
    finally:
        namespace[name] = before


@dataclass(frozen=True)
class SiteDoor:
    """The part that takes the code, by its dotted name, is handed it in the place of its first argument."""

    name: str

    @property
    def account(self) -> str:
        """For the report."""
        return f"forward with z handed to {self.name}"

    @contextmanager
    def open(self, model: Any, _x: Tensor, z: Tensor, /) -> Iterator[None]:
        """The part takes z, in the shape of what it was to take."""

        def decoded(own: Callable[..., Any], code: Tensor, *others: Any) -> Any:
            return own(z.reshape(len(z), *code.shape[1:]), *others)

        with answering(model, self.name, decoded):
            yield


@dataclass(frozen=True)
class PosteriorDoor:
    """The encoder gives the code for mu, and there is no noise.

    Attributes:
        injection: where the posterior is handed in.
        second: the second head meanwhile: one of no spread, whichever of its meanings it has.
    """

    injection: Injection
    second: float

    @property
    def account(self) -> str:
        """For the report."""
        return "forward with mu replaced by z, without noise"

    @contextmanager
    def open(self, model: Any, _x: Tensor, z: Tensor, /) -> Iterator[None]:
        """The encoder gives z and no spread."""
        with self.injection.given(model, None, z, torch.full_like(z, self.second)), RandomCalls(Noise.none()):
            yield


@dataclass(frozen=True)
class NoiseDoor:
    """The noise is (z - mu) / sigma.

    Attributes:
        pair: mu and the second head, from a pass over a batch.
        head: what the second head means.
    """

    pair: Callable[[Tensor], tuple[Tensor, Tensor]]
    head: Head

    @property
    def account(self) -> str:
        """For the report."""
        return "forward under the noise (z - mu) / sigma"

    @contextmanager
    def open(self, _model: Any, x: Tensor, z: Tensor, /) -> Iterator[None]:
        """What is drawn leads to z."""
        devices = [x.device] if x.device.type == "cuda" else []
        # The pass that shows mu and sigma is to draw what the one that decodes will draw.
        with torch.random.fork_rng(devices=devices), torch.no_grad():
            mu, second = self.pair(x.clone())
        with GivenNoise((z - mu) / torch.exp(0.5 * self.head.to_logvar(second))):
            yield


class GivenNoise(TorchFunctionMode):
    """Gaussian calls of as many numbers give this noise, with its gradients: they are replaced above autograd."""

    def __init__(self, noise: Tensor) -> None:
        super().__init__()
        self.noise = noise

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        """Run one function, or replace what it draws."""
        drawn = func(*args, **(kwargs or {}))
        if func in (torch.randn, torch.randn_like) and drawn.numel() == self.noise.numel():
            return self.noise.reshape(drawn.shape).to(drawn)
        if func in (torch.normal, torch.Tensor.normal_) and isinstance(drawn, Tensor) and drawn.numel() == self.noise.numel():
            given = dict(zip(("mean", "std"), args[1:] if func is torch.Tensor.normal_ else args, strict=False)) | (kwargs or {})
            value = given.get("mean", 0.0) + given.get("std", 1.0) * self.noise.reshape(drawn.shape).to(drawn)
            return drawn.copy_(value) if func is torch.Tensor.normal_ else value
        return drawn


@dataclass(frozen=True)
class Steering:
    """Decodes a code by a pass of the model.

    Attributes:
        model: the model.
        joint, layout: how a pass is run, and where its result holds the output.
        x: items to run it on; which, makes no difference.
        door: where the code is put in.
        awake: whether modules of the author's own classes are in training mode meanwhile, for a model that draws nothing in eval mode; the
            library's own, such as BatchNorm and Dropout, stay in the mode that was asked for.
    """

    model: Any
    joint: Joint
    layout: ForwardLayout
    x: Tensor
    door: Door
    awake: bool = False

    def __call__(self, z: Tensor) -> Any:
        """What forward gives for codes of the shape (B, ...)."""
        x = self.x[torch.arange(len(z), device=self.x.device) % len(self.x)]
        with ExitStack() as stack:
            if self.awake:
                stack.enter_context(_awake(self.model))
            stack.enter_context(self.door.open(self.model, x, z))
            return at(self.joint(self.model, x), self.layout.raw)


@contextmanager
def _awake(model: Any) -> Iterator[None]:
    own = [one for one in (model.modules() if isinstance(model, nn.Module) else ()) if not type(one).__module__.startswith("torch.")]
    before = [one.training for one in own]
    for one in own:
        one.training = True
    try:
        yield
    finally:
        for one, training in zip(own, before, strict=True):
            one.training = training


def steer_decoder(found: Findings, latent_shape: tuple[int, ...]) -> None:
    """Where no part decodes a code, have forward do it, through the first door that its behaviour confirms."""
    if (
        found.parts[Part.DECODE].standing is not Standing.MISSING
        or found.layout is None
        or found.pair is None
        or not has_forward(found.model)
    ):
        return
    told: list[str] = []
    for awake in (False, True):
        for door in _doors(found):
            steering = Steering(found.model, found.joint, found.layout, found.x, door, awake)
            objection = _objection(found, steering, latent_shape)
            if objection is None:
                _take(found, steering, latent_shape)
                return
            told += [objection] if objection and not isinstance(door, NoiseDoor) else []
    account = f"{found.parts[Part.DECODE].account}, and no code can be put in the place of the one that forward decodes"
    found.report(Part.DECODE, Standing.MISSING, account + (_OBJECTIONS[told[0]] if told else ""), told[0] if told else None)


def _doors(found: Findings) -> Iterator[Door]:
    if isinstance(found.draw, str):
        yield StepDoor(found.draw)
    elif found.draw is not None and found.draw_part is not None:
        yield StepDoor(found.draw_part.name, vars(found.target.namespace))
    if found.site is not None:
        yield SiteDoor(found.site)
    injection = injection_of(found)
    if injection.takes_code:
        # A standard deviation of no spread is 0, a logarithm of one far below.
        yield from (PosteriorDoor(injection, second) for second in (-80.0, 0.0))
    yield from (NoiseDoor(_pair_of(found), head) for head in Head)


def _pair_of(found: Findings) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    layout, form, encode = found.layout, found.form, found.encode
    assert layout is not None

    def pair(x: Tensor) -> tuple[Tensor, Tensor]:
        if layout.mu is not None and layout.logvar is not None:
            result = found.joint(found.model, x)
            return at(result, layout.mu), at(result, layout.logvar)
        if encode is None or form is None:
            raise SubjectFault("encode", "is missing")
        return form.read(part_of(found.model, encode)(x))

    return pair


def _objection(found: Findings, steering: Steering, latent_shape: tuple[int, ...]) -> str | None:
    """What speaks against a door: the mistake that explains it, or an empty text; None where nothing does.

    Nothing does where the output follows the code, is not the code itself, and follows neither the batch nor the seed, in both modes.
    Dropout in training mode follows the seed, and nothing is to be told from it there.
    """
    generator = torch.Generator().manual_seed(5)
    z, other = (torch.randn((BATCH, *latent_shape), generator=generator).to(found.device) for _ in range(2))
    turned = Steering(found.model, found.joint, steering.layout, found.x.flip(0), steering.door, steering.awake)
    try:
        for train in (False, True):
            if train and _drops(found):
                continue
            answers = [
                _output(found, found.call("decode", one, code, train=train, seed=seed))
                for one, code, seed in ((steering, z, 0), (turned, z, 0), (steering, z, 1), (steering, other, 0))
            ]
            first, by_batch, by_seed, by_code = answers
            if same(first.flatten(1), z.flatten(1)) or not same(first, by_seed):
                return ""
            if same(first, by_code):
                return "decoder-ignores-z" if same(first, by_batch) else ""
            if not same(first, by_batch):
                return "decoder-sees-x"
    except SubjectFault:
        return ""
    return None


def _output(found: Findings, result: Any) -> Tensor:
    raw = as_raw(result)
    if raw is None or raw[0].dim() < 2 or len(raw[0]) != BATCH or raw[0].numel() % found.x.numel():
        raise SubjectFault("decode", "does not give one output an item")
    return raw[0]


def _drops(found: Findings) -> bool:
    watch = RandomCalls(Noise())

    def run() -> None:
        with watch:
            found.forward(found.x)

    found.call("forward", run, train=True)
    return bool(DROPPING & set(watch.names))


def _take(found: Findings, steering: Steering, latent_shape: tuple[int, ...]) -> None:
    z = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(5)).to(found.device)

    def decode(z: Tensor) -> Any:
        return steering(z)

    # People who are sent to the decoder are sent to forward, where it stands.
    decode.__wrapped__ = forward_of(found.model)  # type: ignore[attr-defined]
    found.steered, found.decoded = decode, found.call("decode", decode, z)
    raw: Raw | None = as_raw(found.decoded)
    found.raw = found.raw or raw
    found.output_part = output_part(found)
    known = "probe: its output follows z, and neither the batch nor the seed"
    found.report(Part.DECODE, Standing.PRESENT, steering.door.account, known_by=known)
    try:
        found.end = output_range(*found.call("decode", decoder_end, decode, z))
    except SubjectFault:
        found.end = "free"
