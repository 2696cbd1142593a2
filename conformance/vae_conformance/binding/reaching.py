"""Steering an encoder towards a posterior, or a decoder towards an image, by its weights: whether it can give one at all."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress

import torch
from torch import Tensor

from vae_conformance.binding.adam import Adam
from vae_conformance.binding.bound_model import BoundModel
from vae_conformance.binding.heads import Head
from vae_conformance.binding.interface import trainable
from vae_conformance.binding.watching import in_mode
from vae_conformance.guard.seeds import seeded
from vae_spec.subject import Mode, Reached, SubjectFault

NEAR = 0.5
"""A mean distance from the target at which both heads have reached it."""
BIAS_STEPS, BIAS_RATE = 60, 0.3
"""Steps of Adam on the heads' biases alone, which go straight to a target however deep the network is."""
SLOWER = (1, 3, 10)
"""How many times slower it is tried again where steps miss: long ones can lead where a network learns no more, or beyond a clamp, and
deep networks need short ones, which take them there at once."""
NEAR_IMAGE = 0.02
"""A mean distance from an image, as a share of the data's range, at which a decoder has reached it."""
PATIENCE = 120
"""After so many steps that lead no hundredth nearer, no more are taken."""
ASTRAY = 2
"""Steps that lead so many times as far away as they began are too long: no more are taken."""


_OF_SIGMA = (Head.STD, Head.VARIANCE, Head.PRECISION)

Pair = tuple[Tensor, Tensor]
"""Mu and logvar."""


def reach(subject: BoundModel, look: Callable[[], Pair], target: Pair, *, steps: int, rate: float, seed: int) -> Reached:
    """Take Adam's steps on the encoder from a fresh initialisation; the present state is put back.

    First on the biases of its heads; where these miss, on all that is trained, and with shorter steps.

    Args:
        subject: whose encoder.
        look: gives mu and logvar in the present state, attached.
        target: mu and logvar to go to.
        steps: at most; more of shorter ones.
        rate: Adam's learning rate.
        seed: of the initialisation, and of what is drawn on the way.

    Raises:
        SubjectFault: the implementation's code fails in its fresh state, or however carefully it is steered.
    """
    before = subject.state()
    nearest: Reached | None = None
    try:
        subject.load(subject.fresh(seed))
        with in_mode(subject.model, Mode.TRAIN), seeded(seed, subject.device), suppress(SubjectFault), subject.caller.calling("encode"):
            if (shifted := _shifted(subject, look, target, steps)) is not None:
                return shifted
        for slower in SLOWER:
            subject.load(subject.fresh(seed))
            with in_mode(subject.model, Mode.TRAIN), seeded(seed, subject.device):
                with subject.caller.calling("encode"):
                    look()
                try:
                    reached = _steered(subject, look, target, steps * slower, rate / slower)
                except SubjectFault as fault:
                    # Weights that nobody has trained may overflow: that is the steering's fault, unless going slowly leads there too.
                    if (slower == SLOWER[-1] and nearest is None) or fault.limit is not None:
                        raise
                    continue
            if nearest is None or _missed(reached, target) < _missed(nearest, target):
                nearest = reached
            if _missed(nearest, target) < NEAR:
                break
        assert nearest is not None, "the last attempt reaches something or raises"
        return nearest
    finally:
        subject.load(before)


def _shifted(subject: BoundModel, look: Callable[[], Pair], target: Pair, steps: int) -> Reached | None:
    """Return what the biases of the heads lead to, if that is the target in the mean over the items.

    The logarithm of a deviation or a variance is not moved evenly by a bias.
    """
    mu, logvar = (one.to(subject.device) for one in target)
    biases = [] if subject.wiring.head in _OF_SIGMA else _biases(subject, look())
    if not biases:
        return None
    optimiser = Adam(biases, lr=BIAS_RATE)
    for _ in range(min(steps, BIAS_STEPS)):
        here = look()
        errors = (here[0] - mu).mean(0), (here[1] - logvar).mean(0)
        if max(float(error.detach().abs().mean()) for error in errors) < NEAR:
            return Reached(here[0].detach(), here[1].detach())
        slopes = torch.autograd.grad(torch.stack([error.square().mean() for error in errors]).sum(), biases, allow_unused=True)
        for bias, slope in zip(biases, slopes, strict=True):
            bias.grad = slope
        optimiser.step()
    return None


def _biases(subject: BoundModel, here: Pair) -> list[Tensor]:
    """Return the trainable vectors whose entries each move latent dimensions of one half alone, as the biases of the heads do."""
    vectors = [value for value in trainable(subject.model).values() if value.dim() == 1]
    heads = [head.sum(0) for head in here if head.requires_grad]
    half = max(here[0].shape[1] // 2, 1)
    apart = [True] * len(vectors)
    moving = [False] * len(vectors)
    for head in heads:
        whole, part = (torch.autograd.grad(one.sum(), vectors, retain_graph=True, allow_unused=True) for one in (head, head[:half]))
        for number, (both, first) in enumerate(zip(whole, part, strict=True)):
            if both is not None and first is not None:
                moving[number] = True
                apart[number] &= bool(((first == 0) | torch.isclose(first, both, rtol=1e-4)).all())
    return [vector for vector, moves, own in zip(vectors, moving, apart, strict=True) if moves and own]


def _distance(here: Pair, target: Pair) -> float:
    """The mean distance of the head that is further away."""
    return max(float((one.detach() - other.to(one)).abs().mean()) for one, other in zip(here, target, strict=True))


def _missed(reached: Reached, target: Pair) -> float:
    away = _distance((reached.mu, reached.logvar), target)
    return away if math.isfinite(away) else math.inf


def _steered(subject: BoundModel, look: Callable[[], Pair], target: Pair, steps: int, rate: float) -> Reached:
    # A deviation is steered to a deviation: its logarithm has a pole between the two signs that it may have.
    wired = subject.wiring.head
    head = wired if wired in _OF_SIGMA else Head.LOGVAR
    mu, logvar = (one.to(subject.device) for one in target)
    goal = mu, head.from_logvar(logvar)
    optimiser = Adam(list(trainable(subject.model).values()), lr=rate)
    nearest, since = float("inf"), 0
    first: float | None = None
    for _ in range(steps):
        with subject.caller.calling("encode"):
            here = look()
            away = _distance(here, (mu, logvar))
            nearest, since = (away, 0) if away < 0.99 * nearest else (nearest, since + 1)
            first = away if first is None else first
            if away < NEAR or since > PATIENCE or away > ASTRAY * first:
                break
            errors = here[0] - goal[0], head.from_logvar(here[1]) - goal[1]
            optimiser.zero_grad()
            torch.stack([error.square().mean() for error in errors]).sum().backward()
            optimiser.step()
    with subject.caller.calling("encode"):
        reached = look()
    return Reached(reached[0].detach(), reached[1].detach())


def reach_data(
    subject: BoundModel, look: Callable[[], tuple[Tensor, Tensor]], target: tuple[Tensor, Tensor], *, steps: int, rate: float, seed: int
) -> Tensor:
    """Take Adam's steps on the decoder from a fresh initialisation, and return its data; the present state is restored.

    Args:
        subject: whose decoder.
        look: gives the decoder's raw output in the present state, attached, and the data that it stands for.
        target: the raw output to go to, and its data.
        steps: at most.
        rate: Adam's learning rate.
        seed: of the initialisation, and of what is drawn on the way.

    Raises:
        SubjectFault: the implementation's code fails.
    """
    before, (low, high) = subject.state(), subject.facts.input_range
    raw_goal, goal = target
    try:
        subject.load(subject.fresh(seed))
        optimiser = Adam(list(trainable(subject.model).values()), lr=rate)
        with in_mode(subject.model, Mode.TRAIN), seeded(seed, subject.device), subject.caller.calling("decode"):
            for _ in range(steps):
                raw, data = look()
                if float((data - goal.to(data)).abs().mean()) < NEAR_IMAGE * (high - low):
                    break
                optimiser.zero_grad()
                (raw - raw_goal.to(raw).reshape(raw.shape)).square().mean().backward()
                optimiser.step()
            return look()[1]
    finally:
        subject.load(before)
