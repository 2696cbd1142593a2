"""The Subject in this process: beside the operations on parts, those on the whole model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.inprocess import BoundParts
from vae_conformance.binding.interface import trainable
from vae_conformance.binding.own_methods import OwnMethod, find_method, find_sampling, watched_output
from vae_conformance.binding.passes import forward_of
from vae_conformance.binding.reaching import reach_data
from vae_conformance.binding.watching import projection
from vae_conformance.guard.seeds import seeded
from vae_spec.subject import Composition, Mode, Noise, OwnPurpose, OwnSamples, Raw, Slopes, SubjectFault

_LAYERS = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd, nn.RNNBase)  # noqa: SLF001  the base class of all convolutions has no other name


class InProcessSubject(BoundParts):
    """Implements `vae_spec.subject.Subject` around one instance in this process."""

    rebuild: Callable[[Mapping[str, object]], object] | None = None
    """Constructs an instance with other sizes, by `latent_dim`; None if its constructor takes none."""

    def own_samples(self, count: int, noise: Noise, *, fresh: int | None = None) -> OwnSamples | None:
        """What its own sampling method decodes and gives; see `vae_conformance.binding.own_methods`."""
        method = find_sampling(self.model, self._bound_parts(), self.device)
        before = self.state()
        if fresh is not None:
            self.load(self.fresh(fresh))
        try:
            return None if method is None else self._own_output(method, count, noise)
        except SubjectFault:
            if method is not None and method.count is None:
                return None  # a method of another purpose, that only looks as if nothing had to be known for it
            raise
        finally:
            self.load(before)

    def own_method(self, purpose: OwnPurpose, items: Sequence[Tensor], noise: Noise) -> OwnSamples | None:
        """What its own method of reconstruction or interpolation decodes and gives for batches of one item or more."""
        method = find_method(self.model, purpose, self._bound_parts(), [self._to_model(one).clone() for one in items])
        return None if method is None else self._own_output(method, 1, noise)

    def _bound_parts(self) -> tuple[object, ...]:
        return self.wiring.encode, self.wiring.draw, self.wiring.decode

    def _own_output(self, method: OwnMethod, count: int, noise: Noise) -> OwnSamples:
        encode, decode = (part if isinstance(part, str) else None for part in (self.wiring.encode, self.wiring.decode))
        with self.operation(method.name, Mode.EVAL, noise):
            return watched_output(self.model, method, count, encode, decode, self.facts.latent_dim)

    def composition(self, x: Tensor, noise: Noise) -> Composition | None:
        """The output and the parameters' gradients of a training pass, and of its parts one after another under the same noise.

        None where one of the parts is inline in the pass.
        """
        draw = self.part(self.wiring.draw, "sampling step")
        inline = getattr(draw, "__wrapped__", None) == forward_of(self.model)
        if inline or not (isinstance(self.wiring.encode, str) and isinstance(self.wiring.decode, str)):
            return None
        with self.operation("forward", Mode.TRAIN, noise, grad=True):
            whole, *_heads = self._read(self.wiring.joint(self.model, self._to_model(x)), x)
            slopes = self._slopes(whole)
        with self.operation("forward", Mode.TRAIN, noise, grad=True):
            mu, second = self._encode(x)
            z = self._drawn_from(draw, mu, second)
            parts = self._decode(z.flatten(1))
            of_parts = self._slopes(parts)
        pairs = {
            name: Slopes(float(slope.norm()), float(of_parts[name].norm()), float((slope - of_parts[name]).norm()))
            for name, slope in slopes.items()
        }
        return Composition(tuple(one.detach() for one in whole), tuple(one.detach() for one in parts), pairs)

    def _slopes(self, raw: Raw) -> dict[str, Tensor]:
        """The gradients of a fixed projection of the output with respect to each parameter; zeros without a path."""
        parameters = trainable(self.model)
        if not raw[0].requires_grad:
            return {name: torch.zeros_like(value) for name, value in parameters.items()}
        slopes = torch.autograd.grad(projection(raw[0]), list(parameters.values()), allow_unused=True)
        given = zip(parameters.items(), slopes, strict=True)
        return {name: torch.zeros_like(value) if slope is None else slope for (name, value), slope in given}

    def posterior_vjp(self, x: Tensor, mu: Tensor, logvar: Tensor) -> Tensor | None:
        """The gradient of <mu, mean> + <logvar, second head> with respect to x, in eval mode."""
        x = x.detach().clone().requires_grad_()
        with self.operation("encode", Mode.EVAL, Noise(), grad=True):
            mean, log_variance = self._posterior_attached(x)
            total = (mean * mu.to(mean)).sum() + (log_variance * logvar.to(log_variance)).sum()
            return torch.autograd.grad(total, x, allow_unused=True)[0] if total.requires_grad else None

    def changes(self, x: Tensor) -> tuple[str, ...]:
        """The operations that change in place what they are given."""
        changed = []
        for mode in Mode:
            batch = self._to_model(x).clone()
            with self.operation("forward", mode, Noise(seed=1)):
                raw, mu, second = self._read(self.wiring.joint(self.model, batch), x)
            if not torch.equal(batch, self._to_model(x)):
                changed.append("forward")
        z = self._shaped(mu.detach()).to(torch.float32).clone()
        calls: list[tuple[str, str | Callable[..., Any] | None, Tensor]] = [
            ("encode", self.wiring.encode, self._to_model(x).clone()),
            ("decode", self.wiring.decode, z),
        ]
        for name, part, given in calls:
            if part is None:
                continue
            before = given.clone()
            with self.operation(name, Mode.TRAIN, Noise(seed=1)):
                self.part(part, name)(given)
            if not torch.equal(given, before):
                changed.append(name)
        return tuple(dict.fromkeys((*changed, *self._changed_by_loss(raw, x, mu, second))))

    def _changed_by_loss(self, raw: Raw, x: Tensor, mu: Tensor, second: Tensor) -> list[str]:
        loss = self.wiring.loss
        if loss is None or loss.supplied:
            return []
        outputs = tuple(one.detach().clone() for one in raw)
        batch, mean, spread = self.prepared(x).clone(), self._shaped(mu).clone(), self._shaped(second).clone()
        neutral = self._shaped(self.wiring.head.from_logvar(torch.zeros_like(second)))
        given = (*outputs, batch, mean, spread)
        before = [one.clone() for one in given]
        with self.operation("loss", Mode.TRAIN, Noise(seed=1)):
            loss.evaluate(outputs, batch, mean, spread, neutral, None, None, copies=False)
        return ["loss"] if any(not torch.equal(one, then) for one, then in zip(given, before, strict=True)) else []

    def reach_data(self, z: Tensor, x_hat: Tensor, *, steps: int, learning_rate: float, seed: int) -> Tensor:
        """What the decoder gives for these latents after Adam's steps towards x_hat, in training mode; stops early once it is there."""

        def look() -> tuple[Tensor, Tensor]:
            raw = self._decode(z)
            return raw[0], self.data(tuple(one.detach() for one in raw))

        return reach_data(self, look, (self.raw(x_hat)[0], x_hat), steps=steps, rate=learning_rate, seed=seed)

    def latent_dim_built(self, latent_dim: int, x: Tensor) -> int | None:
        """The number of latent dimensions of an instance constructed with another one; None if it cannot be constructed or run so."""
        if self.rebuild is None:
            return None
        try:
            with self.caller.calling("construction"), seeded(0, self.device):
                made: Any = self.rebuild({"latent_dim": latent_dim})
            other = InProcessSubject(made, None, self.wiring, self.facts, self.device)
            return other.posterior(x).mu.shape[1]
        except Exception:  # noqa: BLE001  whatever the author's constructor raises: it refuses the size
            return None

    def frozen(self) -> Sequence[str]:
        """The weights of layers that are not trained and that each initialisation draws anew."""
        if self._make is None or not isinstance(self.model, nn.Module):
            return ()
        still = [
            f"{name}.{own}" if name else own
            for name, module in self.model.named_modules()
            if isinstance(module, _LAYERS)
            for own, value in module.named_parameters(recurse=False)
            if not value.requires_grad and value.dim() > 1
        ]
        if not still:
            return ()
        first, second = self.fresh(1), self.fresh(2)
        return tuple(name for name in still if name in first and not torch.equal(first[name], second[name]))
