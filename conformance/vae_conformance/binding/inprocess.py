"""A model's parts and its loss in this process, called under seeds, modes and control of the noise."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.bound_model import BoundModel
from vae_conformance.binding.distributions import pair_of
from vae_conformance.binding.heads import Head
from vae_conformance.binding.interface import as_raw, trainable
from vae_conformance.binding.layout import at
from vae_conformance.binding.reaching import reach
from vae_conformance.binding.trace.tape import Recording, record
from vae_conformance.binding.watching import as_code, gradient_norms, leaf_parameters, projection, spy
from vae_spec.elbo import LEAST_RATE, closed_form_kl, mean_of, unit_variance, with_mean
from vae_spec.subject import (
    DrawGradients,
    Mode,
    Noise,
    Objective,
    Pass,
    Posterior,
    Raw,
    Reached,
    SubjectFault,
    Term,
    TermGradients,
    Terms,
)


class BoundParts(BoundModel):
    """The operations of `vae_spec.subject.Subject` on the parts and the loss of one instance, whose states are swapped in and out."""

    def _to_model(self, x: Tensor) -> Tensor:
        return self.prepared(x).to(self.device, torch.float32)

    def prepared(self, x: Tensor) -> Tensor:
        """Data as the author's own file hands them to the model."""
        if self.facts.prepared is None:
            return x
        low, high = self.facts.prepared
        return low + (high - low) * x

    def _shaped(self, code: Tensor) -> Tensor:
        shape = (len(code), *self.wiring.latent_shape)
        # A view of the same shape would cost every training step two nodes of autograd's graph.
        return (code if code.shape == shape else code.reshape(shape)).to(self.device)

    # encoder, sampling step, decoder, forward

    def _encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mu and the second head, as the model gives them, flattened."""
        encoded, form = self.part(self.wiring.encode, "encode")(self._to_model(x)), self.wiring.form
        pair = None if form is None else form.checked(encoded, len(x))
        if pair is None:
            raise SubjectFault("encode", "does not return mu and logvar of like shape")
        return pair[0].flatten(1), pair[1].flatten(1)

    def posterior(self, x: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Posterior:
        """q(z | x) for each item, from encode or, without one, from forward."""
        if self.wiring.encode is None:
            passed = self.forward(x, Noise(seed=seed), mode=mode)
            return Posterior(passed.mu, passed.logvar)
        with self.operation("encode", mode, Noise(seed=seed)):
            mu, second = self._encode(x.clone())
            logvar = self.wiring.head.to_logvar(second)
        return Posterior(mu.detach(), logvar.detach())

    def _drawn(self, sample: Callable[..., Any], mu: Tensor, logvar: Tensor) -> Any:
        return self._drawn_from(sample, mu, self.wiring.head.from_logvar(logvar))

    def _drawn_from(self, sample: Callable[..., Any], mu: Tensor, second: Tensor) -> Any:
        """A draw at the second head as the model gives it."""
        mu = self._shaped(mu)
        z = self.wiring.draw_form.call(sample, mu, self._shaped(second))
        # One draw an item may stand along a dimension of its own.
        return z[0] if isinstance(z, Tensor) and z.shape == (1, *mu.shape) else z

    def draw(self, mu: Tensor, logvar: Tensor, noise: Noise, *, mode: Mode = Mode.TRAIN) -> Tensor:
        """A draw through the model's own sampling step."""
        sample = self.part(self.wiring.draw, "sampling step")
        with self.operation("sampling step", mode, noise):
            z = self._drawn(sample, mu, logvar)
        return as_code(z)

    def draw_changes(self, mu: Tensor, logvar: Tensor, noise: Noise) -> tuple[str, ...]:
        """Which of the arguments that the sampling step was handed it has changed in place."""
        sample, form = self.part(self.wiring.draw, "sampling step"), self.wiring.draw_form
        handed = form.arguments(self._shaped(mu), self._shaped(self.wiring.head.from_logvar(logvar)))
        before = tuple(one.clone() for one in handed)
        with self.operation("sampling step", Mode.TRAIN, noise):
            form.hand(sample, handed)
        pairs = zip(("mu", "logvar"), handed, before, strict=True)
        return tuple(name for name, now, then in pairs if not torch.equal(now, then))

    def draw_vjp(self, mu: Tensor, logvar: Tensor, noise: Noise, cotangent: Tensor) -> DrawGradients:
        """A draw and the gradients of <cotangent, z>."""
        sample = self.part(self.wiring.draw, "sampling step")
        mu, logvar = (value.detach().clone().requires_grad_() for value in (mu, logvar))
        with self.operation("sampling step", Mode.TRAIN, noise, grad=True):
            z = self._drawn(sample, mu, logvar)
            if z.numel() != mu.numel():
                raise SubjectFault(
                    "sampling step",
                    f"gives the shape {tuple(z.shape)} for a mu of shape {tuple(mu.shape)}",
                    "batch-size-frozen",
                )
            z = z.flatten(1)
            if not z.requires_grad:
                return DrawGradients(z.detach(), None, None)
            slopes = torch.autograd.grad((z * cotangent.to(z)).sum(), (mu, logvar), allow_unused=True)
        return DrawGradients(z.detach(), *slopes)

    def decode(self, z: Tensor, *, mode: Mode = Mode.EVAL, seed: int = 0) -> Raw:
        """The decoder's raw output."""
        with self.operation("decode", mode, Noise(seed=seed)):
            raw = self._decode(z)
        return tuple(one.detach() for one in raw)

    def _decode(self, z: Tensor) -> Raw:
        raw = as_raw(self.part(self.wiring.decode, "decode")(self._shaped(z).to(torch.float32)))
        if raw is None:
            raise SubjectFault("decode", "returns neither a tensor nor a mean and a log-variance")
        if len(raw[0]) != len(z):
            raise SubjectFault("decode", f"gives {len(raw[0])} items for {len(z)} codes", "batch-size-frozen")
        return raw

    def decode_vjp(self, z: Tensor, cotangent: Tensor, *, mode: Mode = Mode.EVAL) -> Tensor | None:
        """The gradient of <cotangent, raw[0]> with respect to z."""
        z = z.detach().clone().requires_grad_()
        with self.operation("decode", mode, Noise(), grad=True):
            raw = self._decode(z)[0]
            if not raw.requires_grad:
                return None
            (slope,) = torch.autograd.grad((raw * cotangent.to(raw).reshape(raw.shape)).sum(), z, allow_unused=True)
        return slope

    def forward(self, x: Tensor, noise: Noise, *, mode: Mode = Mode.TRAIN) -> Pass:
        """The forward pass, with the code it decoded where that can be seen."""
        with self._watched() as watched, self.operation("forward", mode, noise, given=None) as watch:
            result = self.wiring.joint(self.model, self._to_model(x.clone()))
            captured = dict(watched)  # what is read from encode may draw once more
            raw, mu, second = self._read(result, x)
            logvar = self.wiring.head.to_logvar(second)
        drawn, decoded = (
            one.flatten(1).detach() if one is not None and one.numel() == mu.numel() else None
            for one in (captured.get("drawn"), captured.get("decoded"))
        )
        z, outputs = drawn if decoded is None else decoded, tuple(one.detach() for one in raw)
        beside = None if decoded is None else drawn
        return Pass(outputs, mu.detach(), logvar.detach(), z, tuple(watch.names), watch.private, beside)

    def _read(self, result: Any, x: Tensor) -> tuple[Raw, Tensor, Tensor]:
        """Output, mu and the second head in forward's result; from encode where forward does not return them."""
        layout = self.wiring.layout
        raw = as_raw(at(result, layout.raw)) if layout is not None else None
        if layout is None or raw is None:
            raise SubjectFault("forward", "returns no output that could be identified")
        if layout.posterior is not None:
            mu, logvar = pair_of(at(result, layout.posterior))
            return raw, mu.flatten(1), logvar.flatten(1)
        if layout.mu is None or layout.logvar is None:
            return raw, *self._encode(x)
        return raw, at(result, layout.mu).flatten(1), at(result, layout.logvar).flatten(1)

    @contextmanager
    def _watched(self) -> Iterator[dict[str, Tensor]]:
        """Writes down what decode is given and what the sampling step returns while forward runs."""
        captured: dict[str, Tensor] = {}
        with ExitStack() as stack:
            decode = self.wiring.decode if isinstance(self.wiring.decode, str) else self.wiring.site
            for part, key in ((decode, "decoded"), (self.wiring.draw, "drawn")):
                if isinstance(part, str) and hasattr(self.model, "__dict__"):
                    stack.enter_context(spy(self.model, part, key, captured))
            yield captured

    # data space and loss

    def data(self, raw: Raw) -> Tensor:
        """x_hat in data space."""
        mean = raw[0]
        if mean.numel() != len(mean) * self.facts.pixels:
            raise SubjectFault(
                "decode",
                f"gives {mean.numel() // max(len(mean), 1)} entries an item where the input has {self.facts.pixels}",
                "hard-coded-shape",
            )
        if self.facts.likelihood is not None:
            mean = mean_of(self.facts.likelihood, mean)
        return mean.reshape(len(mean), *self.facts.input_shape)

    def raw(self, x_hat: Tensor) -> Raw:
        """What the decoder would have given for x_hat."""
        x_hat = x_hat.clamp(min=LEAST_RATE) if self.facts.counts else x_hat
        mean = x_hat if self.facts.likelihood is None else with_mean(self.facts.likelihood, x_hat)
        return (mean,) if len(self.wiring.raw_shapes) == 1 else (mean, unit_variance(self.facts.likelihood, mean))

    def _terms(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, z: Tensor | None, beta: float | None) -> Terms:
        loss, head = self.wiring.loss, self.wiring.head
        if loss is None:
            raise SubjectFault("loss", "is missing")
        natural = tuple(one.reshape(len(one), *shape).to(self.device) for one, shape in zip(raw, self.wiring.raw_shapes, strict=True))
        if loss.supplied:
            head = Head.LOGVAR
        neutral = head.from_logvar(torch.zeros_like(logvar))
        return loss.evaluate(
            natural,
            self.prepared(x).to(self.device),
            self._shaped(mu),
            self._shaped(head.from_logvar(logvar)),
            self._shaped(neutral),
            None if z is None else self._shaped(z),
            beta,
        )

    def terms(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, *, z: Tensor | None = None, beta: float | None = None) -> Terms:
        """The loss and its terms."""
        with self.operation("loss", Mode.TRAIN, Noise(), given=(z is not None, beta is not None)):
            terms = self._terms(raw, x, mu, logvar, z, beta)
        return Terms(terms.total.detach(), terms.reconstruction.detach(), terms.kl.detach())

    def recorded_loss(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor) -> tuple[Recording, int | None]:
        """The tape of a call of the loss, and the number of the node that holds the total; None where the tape does not have it."""
        with self.operation("loss", Mode.TRAIN, Noise()):
            recording = record(lambda batch: self._terms(raw, batch, mu, logvar, None, None).total, x)
        return recording, recording.number(recording.result)

    def kl_at(self, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor, eps: Tensor) -> Tensor:
        """The KL that the loss reports where the noise is eps, of shape (batch, latent_dim), whether it is given the code or draws it."""
        with self.operation("loss", Mode.TRAIN, Noise(given=eps)):
            return self._terms(raw, x, mu, logvar, mu + torch.exp(logvar / 2) * eps, None).kl.detach()

    def terms_vjp(
        self,
        raw: Raw,
        x: Tensor,
        mu: Tensor,
        logvar: Tensor,
        *,
        of: Term,
        z: Tensor | None = None,
        beta: float | None = None,
    ) -> TermGradients:
        """The gradients of one term with respect to the loss's arguments."""
        leaves = [value.detach().clone().requires_grad_() for value in (*raw, mu, logvar)]
        with self.operation("loss", Mode.TRAIN, Noise(), grad=True, given=(z is not None, beta is not None)):
            terms = self._terms(tuple(leaves[:-2]), x, leaves[-2], leaves[-1], z, beta)
            term: Tensor = getattr(terms, of.value)
            # Terms that are only reported (item(), detach()) have no history: the total's gradients by their own arguments stand for them.
            owned = {Term.KL: leaves[-2:], Term.RECONSTRUCTION: leaves[:-2]}.get(of, leaves) if not term.requires_grad else leaves
            term = term if term.requires_grad else terms.total
            slopes: Sequence[Tensor | None] = (
                torch.autograd.grad(term, leaves, allow_unused=True) if term.requires_grad else [None] * len(leaves)
            )
            slopes = [slope if any(leaf is one for one in owned) else None for slope, leaf in zip(slopes, leaves, strict=True)]
        there = [torch.zeros_like(leaf) if slope is None else slope for slope, leaf in zip(slopes, leaves, strict=True)]
        return TermGradients(tuple(there[:-2]), there[-2], there[-1])

    def loss_depends_on_parameters(self, raw: Raw, x: Tensor) -> bool:
        """Whether the reconstruction at a fixed output has a gradient with respect to a parameter: a variance learned in the loss."""
        codes = torch.zeros(len(x), self.facts.latent_dim)
        with self.operation("loss", Mode.TRAIN, Noise(), grad=True):
            term = self._terms(raw, x, codes, codes, None, None).reconstruction
            return any(norm > 0 for norm in gradient_norms(term, trainable(self.model)).values())

    def unregistered(self, x: Tensor) -> tuple[tuple[int, ...], ...]:
        """The shapes of the parameters that a training pass uses and that are not among the module's own; none for what is no module."""
        if not isinstance(self.model, nn.Module):
            return ()
        own = {id(value) for value in self.model.parameters()}
        with self.operation("forward", Mode.TRAIN, Noise(seed=1), grad=True):
            raw, mu, second = self._read(self.wiring.joint(self.model, self._to_model(x)), x)
            used = leaf_parameters((*raw, mu, second))
        return tuple(sorted(tuple(value.shape) for value in used if id(value) not in own))

    def objective(self, x: Tensor, beta: float) -> tuple[Terms, Tensor]:
        """The loss of a training step on x, attached to the parameters, and the closed-form KL of the batch, nats an item.

        In the current mode and under the current random state.
        """
        x = self.prepared(x)
        loss = self.wiring.loss
        takes_code = loss is not None and ("z" in loss.roles or self.facts.objective is Objective.ELBO_MONTE_CARLO)
        # Training spends its time here: nobody watches for the code where the loss does not take it.
        watching: AbstractContextManager[dict[str, Tensor]] = self._watched() if takes_code else nullcontext({})
        with watching as captured:
            result = self.wiring.joint(self.model, x)
        raw, mu, second = self._read(result, x)
        if loss is None:
            raise SubjectFault("loss", "is missing")
        neutral = self._shaped(self.wiring.head.from_logvar(torch.zeros_like(mu)))
        logvar = self.wiring.head.to_logvar(second)
        second = self._shaped(second)
        if loss.supplied:
            second, neutral = self._shaped(logvar), torch.zeros_like(neutral)
        z = captured.get("decoded", captured.get("drawn"))
        if takes_code and z is None and self.wiring.code is not None:
            z = at(result, self.wiring.code)
        with torch.no_grad():
            analytic = closed_form_kl(mu, logvar).mean()
        # A training step pays for no copies: what its loss changes, it changes as in the author's own training.
        weight = None if beta == 1.0 else beta
        return loss.evaluate(raw, x, self._shaped(mu), second, neutral, z, weight, copies=False), analytic

    def param_grads(self, x: Tensor, noise: Noise, of: Sequence[str]) -> Mapping[str, Mapping[str, float]]:
        """Gradient norms of random projections of mu, logvar and raw, and of the loss, for each parameter."""
        parameters = trainable(self.model)
        found: dict[str, dict[str, float]] = {}
        with self.operation("forward", Mode.TRAIN, noise, grad=True):
            raw, mu, second = self._read(self.wiring.joint(self.model, self._to_model(x)), x)
            outputs = {"mu": mu, "logvar": second, "raw": raw[0]}
            for name in of:
                if name in outputs:
                    found[name] = gradient_norms(projection(outputs[name]), parameters)
        if "total" in of:
            with self.operation("loss", Mode.TRAIN, noise, grad=True):
                found["total"] = gradient_norms(self.objective(x.to(self.device, torch.float32), 1.0)[0].total, parameters)
        return found

    # fitting

    def reach(self, x: Tensor, mu: Tensor, logvar: Tensor, *, steps: int, learning_rate: float, seed: int) -> Reached:
        """Adam on the encoder towards a posterior; stops early once it is there."""
        return reach(self, lambda: self._posterior_attached(x), (mu, logvar), steps=steps, rate=learning_rate, seed=seed)

    def _posterior_attached(self, x: Tensor) -> tuple[Tensor, Tensor]:
        if self.wiring.encode is not None:
            mu, second = self._encode(x)
        else:
            _raw, mu, second = self._read(self.wiring.joint(self.model, self._to_model(x)), x)
        return mu, self.wiring.head.to_logvar(second)
