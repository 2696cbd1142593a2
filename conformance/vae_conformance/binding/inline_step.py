"""The sampling step of a model that samples inline: a pass is handed mu and the second head, and the code is read where it is decoded.

Between the layers that give the two heads and the part that takes the code stands the sampling step, whoever wrote it into which
method. It is used where behaviour confirms it: there, under one seed, the code moves as mu does, and the second head moves it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from vae_conformance.binding.doors import injections
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.injection import answering
from vae_conformance.binding.interface import DECODE_NAMES, candidates
from vae_conformance.binding.layout import at, same
from vae_conformance.binding.passes import call_forward, forward_of, has_forward, noting
from vae_conformance.binding.result_doors import result_doors
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Noise, Part, Raw, Standing, SubjectFault

_FEW = 2
"""How many items the pass is run on where the number of codes is the heads' alone: BatchNorm takes no fewer in training mode."""


class _Taken(BaseException):
    """The code is known, and the rest of the pass is of no use; nothing but the step itself is to catch it."""


class Heads(Protocol):
    """A way to hand a running pass mu and the second head."""

    @property
    def places(self) -> str:
        """Where, for the report."""

    def given(self, model: Any, raw: Raw | None, mu: Tensor, second: Tensor, /) -> AbstractContextManager[None]:
        """Inside the block a pass goes on with these."""


@dataclass(frozen=True)
class InlineStep:
    """Draws by a pass of the model that ends where its code is decoded.

    Attributes:
        model: the model.
        x: items to run it on; which, makes no difference.
        heads: where mu and the second head are handed in.
        site: the part that takes the code, by its dotted name.
        few: whether the number of items is free; else it is that of the codes.
    """

    model: Any
    x: Tensor
    heads: Heads
    site: str
    few: bool

    def __call__(self, mu: Tensor, second: Tensor) -> Tensor:
        """The code that is decoded for heads of the shape (B, ...).

        Raises:
            SubjectFault: no code arrives.
        """
        count = _FEW if self.few else len(mu)
        x = self.x[torch.arange(count, device=self.x.device) % len(self.x)]
        with self.heads.given(self.model, None, mu, second), _arriving(self.model, self.site) as codes, suppress(_Taken):
            call_forward(self.model, x)
        if not codes:
            raise SubjectFault("sampling step", f"gives no code that {self.site} is handed")
        return codes[0]


@contextmanager
def _arriving(model: Any, site: str) -> Iterator[list[Tensor]]:
    """What a part is handed first, before anything is made of it; the pass ends there."""
    codes: list[Tensor] = []

    def take(*arguments: Any) -> None:
        if arguments and isinstance(arguments[0], Tensor):
            codes.append(arguments[0])
            raise _Taken

    def taken(own: Callable[..., Any], *arguments: Any) -> Any:
        take(*arguments)
        return own(*arguments)

    part = part_of(model, site)
    with ExitStack() as stack:
        if isinstance(part, nn.Module):
            hook = part.register_forward_pre_hook(lambda _module, arguments: take(*arguments), prepend=True)
            stack.callback(hook.remove)
        else:
            stack.enter_context(answering(model, site, taken))
        yield codes


def find_inline_step(found: Findings, latent_shape: tuple[int, ...]) -> None:
    """Where no part is the sampling step, bind what stands inline, where its code can be seen and behaves as one."""
    inline = found.parts[Part.DRAW].standing is Standing.REPLACED
    if not inline or found.layout is None or found.pair is None or not has_forward(found.model):
        return
    step = next((step for step in _steps(found) if _confirmed(found, step, latent_shape)), None)
    if step is None:
        found.site = _site_by_noise(found)
        return

    def draw(mu: Tensor, second: Tensor) -> Tensor:
        return step(mu, second)

    # People who are sent to the sampling step are sent to forward, where it stands.
    draw.__wrapped__ = forward_of(found.model)  # type: ignore[attr-defined]
    found.draw, found.site = draw, step.site
    account = f"inline, from {step.heads.places} to {step.site}"
    found.report(Part.DRAW, Standing.PRESENT, account, known_by="probe: under one seed the code moves as mu does")


def _steps(found: Findings) -> Iterator[InlineStep]:
    # What is done to the heads before they are returned, such as a clamp, is no part of the step.
    ways: tuple[Heads, ...] = (*result_doors(found), *injections(found))
    for heads in ways:
        for site in _sites(found, heads):
            for few in (True, False):
                yield InlineStep(found.model, found.x, heads, site, few)


def _sites(found: Findings, heads: Heads) -> list[str]:
    """The parts that are handed as many numbers as a code has, while the heads are given: decoders by their names first."""
    assert found.pair is not None
    mu, second = _probes(found, tuple(found.pair[0].shape[1:]), 0)
    try:
        _result, handed = _handed(found, heads.given(found.model, None, mu, second))
    except SubjectFault:
        return []
    return [name for name, value in handed.items() if value.numel() == mu.numel()]


def _site_by_noise(found: Findings) -> str | None:
    """The part that is handed mu where there is no noise, and something else where there is; None where no part is."""
    layout = found.layout
    if layout is None or layout.mu is None:
        return None
    try:
        result, silent = _handed(found, noise=Noise.none())
        _result, noisy = _handed(found, noise=Noise(seed=1))
    except SubjectFault:
        return None
    mu = at(result, layout.mu)
    there = (name for name, value in silent.items() if name in noisy and same(value, mu) and not same(noisy[name], mu))
    return next(there, None)


def _handed(
    found: Findings, given: AbstractContextManager[None] | None = None, *, noise: Noise | None = None
) -> tuple[Any, dict[str, Tensor]]:
    """One pass in training mode, and the tensor that each part was handed first, decoders by their names before the others."""
    decoders = [part.name for part in candidates(found.model, DECODE_NAMES)]
    modules = [name for name, _module in found.model.named_modules() if name] if isinstance(found.model, nn.Module) else []
    names = tuple(dict.fromkeys((*decoders, *modules)))

    x = found.x.clone()  # what stands inside the block is counted among a pass's operations

    def run() -> tuple[Any, dict[str, Any]]:
        with given or nullcontext(), noting(found.model, names) as noted:
            result = found.joint(found.model, x)
        return result, noted

    result, noted = found.call("forward", run, train=True, noise=noise)
    first = {name: noted[name][0] for name in names if noted.get(name)}
    return result, {name: value for name, value in first.items() if isinstance(value, Tensor) and value.dim() > 1}


def _probes(found: Findings, latent_shape: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor]:
    """Heads to probe with: a standard deviation or a variance is above 0, a log-variance may lie anywhere."""
    mu = torch.randn((BATCH, *latent_shape), generator=torch.Generator().manual_seed(seed)).to(found.device)
    return mu, 0.1 * mu.abs() + 0.5


def _confirmed(found: Findings, step: InlineStep, latent_shape: tuple[int, ...]) -> bool:
    """Whether under one seed the code moves as mu does, and with the second head, at any batch size.

    What does not follow the second head may have been handed it too late.
    """
    mu, second = _probes(found, latent_shape, 7)
    other, _second = _probes(found, latent_shape, 8)

    def drawn(mu: Tensor, second: Tensor) -> Tensor:
        z: Tensor = found.call("sampling step", step, mu.clone(), second.clone(), train=True, noise=Noise())
        return z

    try:
        first, moved, wider, alone = (drawn(*heads) for heads in ((mu, second), (other, second), (mu, second + 0.25), (mu[:1], second[:1])))
    except SubjectFault:
        return False
    if first.numel() != mu.numel() or not first.shape == moved.shape == wider.shape or alone.shape != first[:1].shape:
        return False
    follows = torch.allclose((moved - first).reshape(mu.shape), other - mu, rtol=1e-3, atol=1e-4)
    return follows and not torch.equal(first, wider)
