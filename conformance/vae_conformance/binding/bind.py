"""Binding a target: find its parts, tell how each is called, and give the Subject with an account of what was inferred.

Whatever is missing or fails becomes a part's standing, not an error: N missing parts give N clear verdicts. Only a target of which not even the
input's shape can be told cannot be bound.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.calls import Caller
from vae_conformance.binding.heads import Head, agree, read_kl, read_sampler
from vae_conformance.binding.inprocess import InProcessSubject, Wiring
from vae_conformance.binding.interface import (
    DECODE_NAMES,
    ENCODE_NAMES,
    ForwardLayout,
    Found,
    as_pair,
    as_raw,
    at,
    candidates,
    read_layout,
    sampler_candidates,
    trainable,
)
from vae_conformance.binding.losses import Loss, Returns, loss_candidates, read_returns, supplied_loss
from vae_conformance.binding.noise import seeded
from vae_conformance.binding.probing import decoder_end, output_range, probe_batch, shape_candidates
from vae_conformance.errors import Unbound
from vae_conformance.options import RunOptions
from vae_conformance.targets import Target
from vae_conformance.time_limit import time_limit
from vae_spec.elbo import reconstruction_fit
from vae_spec.subject import Facts, Likelihood, Mode, Noise, Part, PartReport, Raw, Standing, SubjectFault

PROBE_SECONDS = 10.0
"""How long one probing call may take; a forward pass that takes longer on four items is no use in training."""
REFERENCE_PACKAGE = "vae_reference"
"""The package whose systems the reference-only claims concern; known by name, never imported."""
_BATCH = 4


@dataclass
class _Findings:
    """What is known so far while one model is probed."""

    model: Any
    target: Target
    device: torch.device
    caller: Caller = field(default_factory=Caller)
    parts: dict[Part, PartReport] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    shape: tuple[int, ...] = ()
    x: Tensor = field(default_factory=lambda: torch.zeros(0))
    encode: str | None = None
    draw: str | Callable[..., Any] | None = None
    decode: str | None = None
    layout: ForwardLayout | None = None
    pair: tuple[Tensor, Tensor] | None = None
    raw: Raw | None = None
    end: str = "free"

    def call(self, operation: str, function: Callable[[], Any], *, train: bool = False) -> Any:
        """One probing call under a seed, a mode and a time limit; raises SubjectFault."""
        if isinstance(self.model, nn.Module):
            self.model.train(train)
        with self.caller.calling(operation), time_limit(PROBE_SECONDS, operation), seeded(0, self.device), torch.no_grad():
            return function()

    def report(self, part: Part, standing: Standing, account: str, diagnosis: str | None = None) -> None:
        """Note how a part stands."""
        self.parts[part] = PartReport(standing, account, diagnosis)


def bind(target: Target, options: RunOptions) -> InProcessSubject:
    """Bind a loaded target.

    Raises:
        Unbound: it cannot be constructed, or no input shape can be found.
    """
    device = torch.device(options.device)
    with seeded(0, device):
        model: Any = target.instance if target.make is None else target.make()
    if isinstance(model, nn.Module):
        model.to(device)
    found = _Findings(model, target, device)
    _find_shape(found, options)
    _find_encoder(found)
    _find_forward(found)
    latent_shape = _latent_shape(found)
    _find_decoder(found, latent_shape)
    _find_sampler(found, latent_shape)
    return _Assembly(found, options, latent_shape).subject()


def _forward(found: _Findings, x: Tensor) -> Any:
    model = found.model
    return model(x) if callable(model) else model.forward(x)


def _find_shape(found: _Findings, options: RunOptions) -> None:
    """The shape of one item: the one given, or the first on which forward gives as many entries as it takes, or at least runs."""
    declared = [options.input_shape] if options.input_shape else []
    own = shape_candidates(found.model, found.target.arguments)
    fallback: tuple[int, ...] | None = None
    failure = ""
    for shape in declared or own:
        x = probe_batch(shape, _BATCH).to(found.device)
        try:
            result = found.call("forward", lambda x=x: _forward(found, x))
        except SubjectFault as fault:
            failure = failure or fault.what
            if "did not return" in fault.what:
                break
            continue
        layout = read_layout(result, x, None)
        raw = as_raw(at(result, layout.raw)) if layout is not None else None
        if raw is not None and raw[0].shape == x.shape:
            found.shape, found.x = shape, x
            return
        if fallback is None and (raw is None or raw[0].numel() == x.numel()):
            fallback = shape
    chosen = fallback or (declared or [None])[0] or _encodable_shape(found, own) or (own[0] if _states_a_shape(found) else None)
    if chosen is None:
        raise Unbound(f"no shape of input was found that {found.target.name} takes: forward {failure}",
                      "name the shape of one item with --input-shape, for example --input-shape 1,28,28")
    found.shape, found.x = chosen, probe_batch(chosen, _BATCH).to(found.device)


def _encodable_shape(found: _Findings, shapes: list[tuple[int, ...]]) -> tuple[int, ...] | None:
    for shape in shapes:
        for part in candidates(found.model, ENCODE_NAMES):
            try:
                found.call("encode", lambda part=part, shape=shape: part.call(probe_batch(shape, _BATCH).to(found.device)))
            except SubjectFault:
                continue
            return shape
    return None


def _states_a_shape(found: _Findings) -> bool:
    attributes = vars(found.model) if hasattr(found.model, "__dict__") else {}
    return any("shape" in name or name.startswith(("input", "in_")) for name in (*attributes, *found.target.arguments)) or any(
        isinstance(module, nn.Linear | nn.Conv2d) for module in (found.model.modules() if isinstance(found.model, nn.Module) else ()))


def _find_encoder(found: _Findings) -> None:
    account = "no method or submodule named encode"
    for part in candidates(found.model, ENCODE_NAMES):
        try:
            result = found.call("encode", lambda part=part: part.call(found.x))
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            if part.name == "encode":
                found.report(Part.POSTERIOR, Standing.FAILING, account, fault.diagnosis)
                return
            continue
        pair = as_pair(result)
        if pair is not None and len(pair[0]) == _BATCH:
            found.encode, found.pair = part.name, pair
            found.report(Part.POSTERIOR, Standing.PRESENT, f"{part.name}(x) gives (mu, logvar)")
            return
        account = f"{part.name} does not give two tensors of like shape, mu and logvar"
    found.report(Part.POSTERIOR, Standing.MISSING, account)


def _find_forward(found: _Findings) -> None:
    if not callable(found.model) and not callable(getattr(found.model, "forward", None)):
        found.report(Part.FORWARD, Standing.MISSING, "the class is no nn.Module and has no forward")
        return
    try:
        encoded = None
        if found.encode is not None:
            encoded = as_pair(found.call("encode", lambda: getattr(found.model, str(found.encode))(found.x), train=True))
        result = found.call("forward", lambda: _forward(found, found.x), train=True)
    except SubjectFault as fault:
        found.report(Part.FORWARD, Standing.FAILING, fault.what, fault.diagnosis)
        return
    found.layout = read_layout(result, found.x, encoded)
    if found.layout is None:
        found.report(Part.FORWARD, Standing.FAILING, "returns no output that could be told: return (x_hat, mu, logvar)")
        return
    found.raw = as_raw(at(result, found.layout.raw))
    if found.raw is None:
        found.report(Part.FORWARD, Standing.FAILING, "its output is neither a tensor nor a pair of tensors")
        return
    found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {found.layout.describe()}")
    if found.pair is None and found.layout.mu is not None and found.layout.logvar is not None:
        mu, second = at(result, found.layout.mu), at(result, found.layout.logvar)
        if isinstance(mu, Tensor) and isinstance(second, Tensor) and mu.shape == second.shape:
            found.pair = mu, second
            found.report(Part.POSTERIOR, Standing.PRESENT, "mu and logvar are read from forward: encode does not give them")


def _latent_shape(found: _Findings) -> tuple[int, ...]:
    if found.pair is not None:
        return tuple(found.pair[0].shape[1:])
    stated = next((value for name in ("latent_dim", "z_dim", "latent_size") if isinstance(value := getattr(found.model, name, None), int)), 1)
    found.notes.append(f"the latent dimension could not be probed: {stated} is assumed")
    return (stated,)


def _find_decoder(found: _Findings, latent_shape: tuple[int, ...]) -> None:
    account = "no method or submodule named decode"
    z = torch.randn((_BATCH, *latent_shape), generator=torch.Generator().manual_seed(5)).to(found.device)
    for part in candidates(found.model, DECODE_NAMES):
        try:
            raw = as_raw(found.call("decode", lambda part=part: part.call(z)))
        except SubjectFault as fault:
            account = f"{part.name} {fault.what}"
            if part.name == "decode":
                found.report(Part.DECODE, Standing.FAILING, account, fault.diagnosis)
                return
            continue
        if raw is None or len(raw[0]) != _BATCH:
            account = f"{part.name} does not give one output an item"
            continue
        found.decode = part.name
        found.raw = found.raw or raw
        found.report(Part.DECODE, Standing.PRESENT, f"{part.name}(z)")
        try:
            end, seen = found.call("decode", lambda part=part: decoder_end(lambda code: as_raw(part.call(code)), z))
            found.end = output_range(end, seen)
        except SubjectFault:
            found.end = "free"
        return
    found.report(Part.DECODE, Standing.MISSING, account)


def _takes_two(part: Found) -> bool:
    try:
        parameters = inspect.signature(part.call).parameters.values()
    except (TypeError, ValueError):
        return isinstance(part.call, nn.Module)
    required = [one for one in parameters if one.default is one.empty and one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
    return len(required) == 2 or isinstance(part.call, nn.Module)


def _find_sampler(found: _Findings, latent_shape: tuple[int, ...]) -> None:
    inline = PartReport(Standing.REPLACED, "the sampling step stands inline in forward: it cannot be called by itself")
    found.parts[Part.DRAW] = inline
    code = torch.randn((_BATCH, *latent_shape), generator=torch.Generator().manual_seed(6)).to(found.device)
    for part in sampler_candidates(found.model, found.target.namespace):
        if not _takes_two(part):
            continue
        owned = callable(getattr(found.model, part.name, None))
        try:
            z = found.call("sampling step", lambda part=part: part.call(code, 0.1 * code), train=True)
        except SubjectFault as fault:
            found.draw = part.name if owned else part.call
            found.report(Part.DRAW, Standing.FAILING, f"{part.name}(mu, logvar) {fault.what}", fault.diagnosis)
            return
        if isinstance(z, Tensor) and z.dim() >= 1:
            found.draw = part.name if owned else part.call
            found.report(Part.DRAW, Standing.PRESENT, f"{part.name}(mu, logvar)")
            return


class _Assembly:
    """Puts the findings together: the loss, the second head, the likelihood, and the facts."""

    def __init__(self, found: _Findings, options: RunOptions, latent_shape: tuple[int, ...]) -> None:
        self.found = found
        self.options = options
        raw = found.raw if found.raw is not None else (found.x,)
        self.wiring = Wiring(found.encode, found.draw, found.decode, found.layout, None, Head.LOGVAR, latent_shape,
                             tuple(tuple(one.shape[1:]) for one in raw))
        self.range = options.input_range or ((-1.0, 1.0) if found.end == "symmetric" else (0.0, 1.0))
        parameters = sum(value.numel() for value in trainable(found.model).values())
        size = 1
        for side in latent_shape:
            size *= side
        self.facts = Facts(found.target.name, found.shape, self.range, size, None, effective_beta=options.effective_beta, parameters=parameters,
                           parts=found.parts, reference=found.target.namespace.__name__.partition(".")[0] == REFERENCE_PACKAGE)

    def subject(self) -> InProcessSubject:
        """The Subject, with everything that was found."""
        loss, likelihood = self._loss()
        self.wiring = replace(self.wiring, loss=loss)
        self.facts = replace(self.facts, likelihood=likelihood, likelihood_declared=self.options.likelihood is not None)
        self._read_head()
        self._read_manners()
        self.facts = replace(self.facts, learned_scale=self._learns_scale())
        self._report_rest(loss)
        return self._build(replace(self.facts, notes=tuple(self.found.notes)))

    def _build(self, facts: Facts) -> InProcessSubject:
        subject = InProcessSubject(self.found.model, self.found.target.make, self.wiring, facts, self.found.device)
        subject.caller = self.found.caller
        return subject

    def _loss(self) -> tuple[Loss, Likelihood | None]:
        declared = Likelihood(self.options.likelihood) if self.options.likelihood else None
        for account, call, roles in loss_candidates(self.found.model, self.found.target.namespace):
            try:
                read = self._try_loss(account, call, roles)
            except SubjectFault as fault:
                self.found.report(Part.LOSS, Standing.FAILING, f"{account} {fault.what}", fault.diagnosis)
                # PyTorch's Bernoulli losses name their own range when they refuse an output.
                refused = Likelihood.BERNOULLI if fault.diagnosis in ("decoder-range", "data-out-of-range") else None
                return Loss(account, call, roles, Returns.TERMS), declared or refused
            if read is None:
                continue
            loss = Loss(account, call, roles, *read)
            self.found.report(Part.LOSS, Standing.PRESENT, f"{account}({', '.join(roles.values())}) gives {loss.returns}")
            self.wiring = replace(self.wiring, loss=loss)
            return loss, declared or self._detect_likelihood()
        supplied = declared or self._natural_likelihood()
        loss = supplied_loss(supplied)
        self.found.report(Part.LOSS, Standing.REPLACED, loss.account)
        self.found.notes.append(loss.account)
        return loss, supplied

    def _try_loss(self, account: str, call: Callable[..., Any], roles: dict[str, str]) -> tuple[Returns, tuple[Any, Any, Any]] | None:
        """Call it for two posteriors at one output, as training would, and read what it returns."""
        x = self._in_range(self.found.x)
        raw = self.found.raw if self.found.raw is not None else (x,)
        # The output that forward gave; a wild or badly scaled one is for the claims to judge.
        mu = torch.zeros((_BATCH, *self.wiring.latent_shape), device=self.found.device)
        trial = Loss(account, call, roles, Returns.SCALAR)
        results = [self.found.call("loss", lambda code=code: trial.call(*trial_arguments(trial, raw, x, code, mu))) for code in (mu + 0.5, mu + 1.0)]
        return read_returns(results[0], results[1])

    def _in_range(self, x: Tensor) -> Tensor:
        low, high = self.range
        return low + (high - low) * x

    def _natural_likelihood(self) -> Likelihood:
        if len(self.wiring.raw_shapes) == 2:
            return Likelihood.GAUSSIAN
        return Likelihood.BERNOULLI if self.found.end == "unit" and self.range == (0.0, 1.0) else Likelihood.SQUARED_ERROR

    def _detect_likelihood(self) -> Likelihood | None:
        """The first likelihood that the reconstruction term follows, of those that fit the decoder's range."""
        if len(self.wiring.raw_shapes) == 2:
            order = [Likelihood.GAUSSIAN]
        elif self.found.end == "unit":
            order = [Likelihood.BERNOULLI, Likelihood.SQUARED_ERROR, Likelihood.LAPLACE]
        elif self.found.end == "symmetric":
            order = [Likelihood.SQUARED_ERROR, Likelihood.LAPLACE]
        else:
            order = [Likelihood.BERNOULLI_LOGITS, Likelihood.SQUARED_ERROR, Likelihood.LAPLACE, Likelihood.BERNOULLI]
        for likelihood in order:
            try:
                if reconstruction_fit(self._build(replace(self.facts, likelihood=likelihood)), likelihood, batch=_BATCH).good:
                    return likelihood
            except (SubjectFault, RuntimeError):
                continue
        return None

    def _read_head(self) -> None:
        sampler = kl = None
        subject = self._build(self.facts)
        loss = self.wiring.loss
        x = self._in_range(self.found.x[:2])
        raw = tuple(one[:2] for one in self.found.raw) if self.found.raw is not None else (x,)
        if self.found.parts[Part.DRAW].standing is Standing.PRESENT:
            try:
                sampler = read_sampler(lambda mu, second: subject.draw(mu, second, Noise(seed=3)), self.facts.latent_dim)
            except (SubjectFault, RuntimeError, IndexError):
                sampler = None
        if loss is not None and not loss.supplied and self.found.parts[Part.LOSS].standing is Standing.PRESENT:
            try:
                kl = read_kl(lambda mu, second: float(subject.terms(raw, x, mu, second).total), self.facts.latent_dim)
            except (SubjectFault, RuntimeError):
                kl = None
        head, note = agree(sampler, kl)
        self.wiring = replace(self.wiring, head=head)
        if note:
            self.found.notes.append(note)

    def _read_manners(self) -> None:
        """BatchNorm's smallest batch, what eval mode does, whether the noise is under control, whether the code can be seen."""
        subject = self._build(self.facts)
        if self.found.parts[Part.FORWARD].standing is not Standing.PRESENT:
            return
        least = 1
        try:
            subject.forward(self.found.x[:1], Noise(seed=1), mode=Mode.TRAIN)
        except SubjectFault as fault:
            if "more than 1 value per channel" in fault.what:
                least = 2
                self.found.notes.append("training mode takes batches of 2 and more (BatchNorm)")
        try:
            first, second = (subject.forward(self.found.x, Noise(seed=seed), mode=Mode.EVAL) for seed in (1, 2))
        except SubjectFault:
            samples = None
        else:
            samples = not all(torch.equal(a, b) for a, b in zip(first.raw, second.raw, strict=True))
            seen = first.z is not None
            self.found.report(Part.LATENT_IN_FORWARD, Standing.PRESENT if seen else Standing.REPLACED, "seen" if seen else "sampling and decoding both stand inline in forward")
            self.found.notes.append("in eval mode forward " + ("samples z" if samples else "decodes the mean"))
        self.facts = replace(self.facts, least_train_batch=least, samples_in_eval=samples)

    def _learns_scale(self) -> bool:
        """Whether the likelihood's variance is learned: an output of the decoder, or a parameter inside the loss."""
        if self.facts.likelihood is Likelihood.GAUSSIAN:
            return True
        if self.found.parts[Part.LOSS].standing is not Standing.PRESENT or self.found.raw is None:
            return False
        try:
            learned = self._build(self.facts).loss_depends_on_parameters(tuple(one.detach() for one in self.found.raw), self._in_range(self.found.x))
        except SubjectFault:
            return False
        if learned:
            self.found.notes.append("the likelihood's variance is learned inside the loss")
        return learned

    def _noise_control(self) -> PartReport:
        if self.found.parts[Part.DRAW].standing is not Standing.PRESENT:
            return PartReport(Standing.REPLACED, "there is no sampling step to call")
        subject = self._build(self.facts)
        zero = torch.zeros(_BATCH, self.facts.latent_dim)
        try:
            first, second = (subject.draw(zero, zero, Noise(seed=11)) for _ in range(2))
            silent = subject.draw(zero, zero, Noise.none())
        except SubjectFault as fault:
            return PartReport(Standing.REPLACED, fault.what)
        if not torch.equal(first, second):
            self.found.notes.append("the noise is drawn where no seed reaches it: identities under one noise are left to statistics")
            return PartReport(Standing.REPLACED, "the noise is drawn where no seed reaches it")
        how = "intercepted" if not bool(silent.any()) else "by seed"
        return PartReport(Standing.PRESENT, how)

    def _report_rest(self, loss: Loss) -> None:
        parts = self.found.parts
        parts.setdefault(Part.LATENT_IN_FORWARD, PartReport(Standing.REPLACED, "forward does not work"))
        parts[Part.NOISE_CONTROL] = self._noise_control()
        works, reason = parts[Part.LOSS].standing, parts[Part.LOSS].diagnosis
        split = PartReport(Standing.REPLACED, "the loss returns one scalar: the reconstruction is its value at mu = 0, sigma = 1, the KL the rest")
        whole = PartReport(works, parts[Part.LOSS].account if works is Standing.FAILING else loss.account, reason)
        parts[Part.LOSS_TERMS] = whole if loss.returns is not Returns.SCALAR or works is not Standing.PRESENT else split
        parts[Part.BETA] = PartReport(Standing.PRESENT if loss.takes_beta and works is not Standing.FAILING else Standing.REPLACED,
                                      f"argument {loss.roles['beta']}" if loss.takes_beta else "the loss takes no beta: training weighs its KL term")
        some = self.facts.parameters > 0
        parts[Part.PARAMETERS] = PartReport(Standing.PRESENT if some else Standing.FAILING, f"{self.facts.parameters:,}" if some else "there are no trainable parameters",
                                            None if some else "not-a-module")
        if self.found.target.make is None:
            parts[Part.TRAINING] = PartReport(Standing.REPLACED, "a ready instance cannot be initialised anew: name its class to have training judged")
        else:
            parts[Part.TRAINING] = parts[Part.PARAMETERS]


def trial_arguments(loss: Loss, raw: Raw, x: Tensor, mu: Tensor, logvar: Tensor) -> list[Any]:
    """Positional arguments for a loss in the order of its roles."""
    values: dict[str, Any] = {"raw": raw[0] if len(raw) == 1 else raw, "x": x, "mu": mu, "logvar": logvar, "z": mu}
    return [values[role] for role in loss.roles if role in values]
