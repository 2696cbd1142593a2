"""OBJ-04: each term's gradient flows as the ELBO prescribes, and every influential parameter is trained."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from vae_spec.checks import Cause, close, first_violation, positive, proportional, same
from vae_spec.claim import Claim
from vae_spec.claims.objective import MERE_NUMBER, WEIGHT_TOLERANCE, LossInput, loss_inputs, loss_tensors, own_weight
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.exploration import explore, generator
from vae_spec.lazy import Tensor, torch
from vae_spec.outcomes import Level, Verdict, holds
from vae_spec.strategies import Pixels, images, outputs
from vae_spec.subject import Facts, Mode, Noise, Objective, Part, Standing, Subject, Term

PROBE_BATCHES = 4
PROBE_ITEMS = 16
"""Images per batch. With both kinds of images, every live ReLU unit is active in at least one batch."""
INFLUENCE = 1e-5
"""Relative to the largest gradient of the same quantity: a parameter above this influences it; float32 rounding leaves 1e-7."""
SMALL_STEP = 1e-3
"""Relative step by which a parameter without a gradient is perturbed to see whether it should have one."""
UNTRAINED = 1e-10
"""Relative to the loss's largest gradient: below this a gradient is absent. Rounding alone leaves 1e-7 (a bias before BatchNorm, say)."""


def _allowed(wanted: Tensor) -> float:
    """Return the allowed deviation from this gradient: float32 rounding, with a wide margin."""
    return 1e-5 * float(wanted.abs().max()) + 1e-12


def _differs(found: Tensor, wanted: Tensor) -> bool:
    return float((found - wanted).abs().max()) > _allowed(wanted)


@first_violation
def _check_terms(subject: Subject, context: ClaimContext, example: LossInput) -> Iterator[Verdict | None]:
    """Compare the terms' gradients with respect to the inputs of the loss."""
    raw, x, mu, logvar = loss_tensors(subject, context, example)
    kl = subject.terms_vjp(raw, x, mu, logvar, of=Term.KL)
    reconstruction = subject.terms_vjp(raw, x, mu, logvar, of=Term.RECONSTRUCTION)
    fixed = "at a fixed output the reconstruction term depends on"
    for name, what, slopes in (
        ("d KL / d raw", "the KL term depends on the decoder's output", kl.raw),
        ("d reconstruction / d mu", f"{fixed} mu", (reconstruction.mu,)),
        ("d reconstruction / d logvar", f"{fixed} logvar", (reconstruction.logvar,)),
    ):
        yield same(f"largest {name}", max(float(slope.abs().max()) for slope in slopes), 0.0, what=what, because="beta-unused")
    if subject.facts.objective is Objective.MODIFIED:
        return
    total = subject.terms_vjp(raw, x, mu, logvar, of=Term.TOTAL)
    weight = own_weight(subject, raw, x)
    for name, found, wanted in (
        ("mu", total.mu, reconstruction.mu + weight * kl.mu),
        ("logvar", total.logvar, reconstruction.logvar + weight * kl.logvar),
        ("the output", total.raw[0], reconstruction.raw[0] + weight * kl.raw[0]),
    ):
        cut = not bool(found.any()) and bool(wanted.any())
        yield close(
            "largest difference",
            float((found - wanted).abs().max()),
            0.0,
            _allowed(wanted),
            what=f"the total's gradient with respect to {name} is not the sum of its terms' gradients",
            where={"weight of the KL": weight},
            because=replace(MERE_NUMBER, words=f"a term is added without its gradient with respect to {name}") if cut else None,
        )
    if not _scales_the_kl(subject):
        return
    default = subject.terms_vjp(raw, x, mu, logvar, of=Term.TOTAL, beta=1.0)
    weighted = subject.terms_vjp(raw, x, mu, logvar, of=Term.TOTAL, beta=example.beta)
    for name, found, wanted in (
        ("mu", weighted.mu, example.beta * default.mu),
        ("logvar", weighted.logvar, example.beta * default.logvar),
        ("raw", weighted.raw[0], default.raw[0]),
    ):
        yield close(
            "largest difference",
            float((found - wanted).abs().max()),
            0.0,
            _allowed(wanted),
            what=f"beta does not scale the KL's gradient alone: the total's gradient with respect to {name} is off",
            where={"beta": example.beta},
            because="beta-unused",
        )


def _check_weight(subject: Subject, context: ClaimContext) -> Verdict | None:
    """Check that doubling beta doubles the KL's weight, if only the total is known."""
    facts = subject.facts
    own = facts.parts[Part.LOSS].standing is Standing.PRESENT and facts.parts[Part.LOSS_TERMS].standing is not Standing.PRESENT
    if not own or not _scales_the_kl(subject):
        return None
    x = images(Pixels.BETWEEN, 2, facts, generator(context, "weight"), torch.float64)
    raw = subject.raw(outputs(Pixels.BETWEEN, 2, facts, generator(context, "weighed"), torch.float64))
    zero = torch.zeros(2, facts.latent_dim, dtype=torch.float64)
    once, twice = (float(subject.terms(raw, x, zero + 1, zero, beta=beta).kl) for beta in (1.0, 2.0))
    return proportional(
        "KL at beta = 2",
        twice,
        2 * once,
        WEIGHT_TOLERANCE,
        size=abs(once),
        what=f"{facts.parts[Part.BETA].account}: twice that weight does not double the KL's cost",
        where={"KL at beta = 1": once},
        because=Cause("beta-unused", hint="total = reconstruction + beta * kl"),
    )


def _scales_the_kl(subject: Subject) -> bool:
    """Return whether beta is known to weigh the KL; in a modified objective it may weigh any term."""
    facts = subject.facts
    return facts.parts[Part.BETA].standing is Standing.PRESENT and facts.objective is not Objective.MODIFIED


def _probe_images(subject: Subject, context: ClaimContext) -> Iterator[tuple[int, Tensor]]:
    facts = subject.facts
    for index in range(PROBE_BATCHES):
        kind = Pixels.BETWEEN if index % 2 else Pixels.MIXED
        yield index, images(kind, PROBE_ITEMS, facts, generator(context, "probe", index))


@dataclass(frozen=True)
class Reach:
    """The parameters that gradients reach.

    Attributes:
        moving: number of parameters that influence mu, logvar or raw.
        idle: those of them without a gradient from the loss.
        unreached: those that influence mu or logvar, in layers without a gradient from the output.
        unreached_mu: those of them that influence mu.
        cut: parameters that change mu, logvar or the output but have no gradient from them.
    """

    moving: int
    idle: list[str]
    unreached: list[str]
    unreached_mu: list[str]
    cut: list[str]


def _reach(subject: Subject, context: ClaimContext) -> Reach:
    """Find which parameters the gradients of mu, logvar, raw and the total reach over a few batches."""
    coding: dict[str, set[str]] = {"mu": set(), "logvar": set()}
    deciding: set[str] = set()
    influence: dict[str, float] = {}
    training: dict[str, float] = {}
    for index, x in _probe_images(subject, context):
        grads = subject.param_grads(x, Noise(seed=context.rng_seed("noise", index)), ("mu", "logvar", "raw", "total"))
        for of in ("mu", "logvar", "raw"):
            largest = max(grads[of].values(), default=0.0)
            for name, norm in grads[of].items():
                share = norm / largest if largest else 0.0
                influence[name] = max(influence.get(name, 0.0), share)
                if share > INFLUENCE:
                    coding.get(of, deciding).add(name)
        for name, norm in grads["total"].items():
            training[name] = max(training.get(name, 0.0), norm)
    largest = max(training.values(), default=0.0)
    moving = [name for name, share in influence.items() if share > INFLUENCE]
    idle = [name for name in moving if training.get(name, 0.0) <= UNTRAINED * largest]
    # By layer, because BatchNorm cancels a preceding bias: it counts as trained where the layer's weights are.
    reached = {_module(name) for name in deciding}
    unreached = [name for name in moving if name in coding["mu"] | coding["logvar"] and _module(name) not in reached]
    still = [name for name, share in influence.items() if share == 0]
    return Reach(len(moving), idle, unreached, [name for name in unreached if name in coding["mu"]], _moves(subject, context, still))


def _moves(subject: Subject, context: ClaimContext, names: list[str]) -> list[str]:
    """Find which of these parameters, none of which has a gradient, change mu or logvar, or what is decoded.

    A step of a thousandth reveals a detached path and activates no inactive unit.
    """
    standings = {part: subject.facts.parts[part].standing for part in (Part.POSTERIOR, Part.DECODE)}
    if not names or standings[Part.POSTERIOR] is not Standing.PRESENT:
        return []
    _index, x = next(_probe_images(subject, context))
    z = torch.randn(PROBE_ITEMS, subject.facts.latent_dim, generator=generator(context, "latents"))

    def results() -> list[Tensor]:
        posterior = subject.posterior(x)
        decoded = subject.decode(z)[:1] if standings[Part.DECODE] is Standing.PRESENT else ()
        return [posterior.mu, posterior.logvar, *decoded]

    state, before, found = subject.state(), results(), []
    try:
        for name in (one for one in names if one in state):
            rng = generator(context, "step", name)
            size = SMALL_STEP * max(float(state[name].abs().mean()), 1.0)
            subject.load({**state, name: state[name] + size * torch.randn(state[name].shape, generator=rng).to(state[name])})
            if any(_differs(after, then) for after, then in zip(results(), before, strict=True)):
                found.append(name)
    finally:
        subject.load(state)
    return found


def _module(parameter: str) -> str:
    """Return the layer that owns a parameter; a top-level parameter counts as its own layer."""
    return parameter.rpartition(".")[0] or parameter


def _decodes(subject: Subject, context: ClaimContext) -> bool:
    """Return whether the decoder depends on z and has a gradient for it; otherwise no gradient can pass, whatever forward does."""
    if subject.facts.parts[Part.DECODE].standing is not Standing.PRESENT:
        return False
    z = torch.randn(2, 4, subject.facts.latent_dim, generator=generator(context, "codes"))
    outputs = [subject.decode(one)[0] for one in z]
    if torch.equal(*outputs):
        return False
    slope = subject.decode_vjp(z[0], torch.ones_like(outputs[0]), mode=Mode.TRAIN)
    return slope is not None and bool(slope.any())


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


@first_violation
def _check_parameters(facts: Facts) -> Iterator[Verdict | None]:
    """Check that there are parameters and that model.parameters() returns all of them."""
    derive = "derive the class from nn.Module, call super().__init__() first, and keep the layers as attributes"
    yield positive("trainable parameters", facts.parameters, because=Cause("not-a-module", hint=derive))
    shapes = [" x ".join(map(str, shape)) for shape in facts.unregistered]
    registered = "keep layers as attributes of the module; a list of layers belongs into nn.ModuleList, a dict into nn.ModuleDict"
    yield same(
        "parameters out of sight",
        len(shapes),
        0,
        what=f"forward uses parameters that model.parameters() does not give: no optimiser will train them (shapes {_listed(shapes)})",
        because=Cause("not-a-module", hint=registered),
    )


@first_violation
def _check_reach(subject: Subject, reach: Reach, context: ClaimContext) -> Iterator[Verdict | None]:
    """Check that every parameter that influences mu, logvar or the output receives a gradient through it."""
    yield positive(
        "influential parameters", reach.moving, what="no trainable parameter moves mu, logvar or the output", because="encoder-ignores-x"
    )
    # For a callable sampling step other claims check the gradient of its noise; here the path to the decoder may also be cut.
    callable_step = subject.facts.parts[Part.DRAW].standing is Standing.PRESENT
    cut = reach.unreached_mu if callable_step else reach.unreached
    if cut and _decodes(subject, context):
        where = "between encoder and decoder something" if callable_step else "the sampling inside forward"
        why = f"{where} cuts the path: the reconstruction teaches the encoder nothing"
        if not reach.unreached_mu:
            why = "what is decoded has a gradient for mu alone: its noise, if there is any, has no width that is learned"
        attached = "draw with rsample(), or as mu + sigma * torch.randn_like(sigma), and leave out detach() and no_grad()"
        yield _untrained(
            cut,
            "the output has no gradient with respect to these parameters of the encoder",
            Cause("no-encoder-gradient" if reach.unreached_mu else None, why, attached),
        )
    inside = "leave out detach(), .data and no_grad() inside the network; trained weights that are to stay get requires_grad_(False)"
    why = "something cuts the path inside the network: they stay as they were made"
    cause = Cause("no-encoder-gradient", why, inside)
    yield _untrained(reach.cut, "these parameters change mu, logvar or the output, but have no gradient", cause)
    yield _untrained(
        reach.idle, "these parameters influence mu, logvar or the output, but the loss gives them no gradient", Cause("no-encoder-gradient")
    )


def _check_frozen(subject: Subject, context: ClaimContext) -> Verdict | None:
    """Check that no layer with random weights is frozen between x and the posterior, or between z and the output."""
    names = list(subject.frozen())
    if not names:
        return None
    found = _moves(subject, context, names)
    leave = "take out requires_grad_(False); what is to stay fixed needs trained weights"
    words = "they are drawn at random and never trained"
    return _untrained(found, "these weights influence mu, logvar or the output, and are frozen", Cause("frozen-layer", words, leave))


def _untrained(names: list[str], what: str, cause: Cause) -> Verdict | None:
    """Return the violation if there are such parameters, else None."""
    return same("parameters without gradient", len(names), 0, what=f"{what}: {_listed(names)}", because=cause)


def check_gradient_paths(subject: Subject, context: ClaimContext) -> Verdict:
    """Check where each term's gradient flows."""
    if bad := _check_parameters(subject.facts):
        return bad
    if subject.facts.parts[Part.LOSS_TERMS].standing is Standing.PRESENT and (
        bad := explore(context, loss_inputs(), lambda example: _check_terms(subject, context, example))
    ):
        return bad
    if bad := _check_weight(subject, context):
        return bad
    if bad := _check_frozen(subject, context):
        return bad
    reach = _reach(subject, context)
    return _check_reach(subject, reach, context) or holds(
        "each term's gradient goes to its own arguments, and every parameter that matters is trained",
        measured={"influential parameters": reach.moving, "batches": PROBE_BATCHES},
        smallest_effect="one parameter tensor without gradient",
    )


OBJ_04 = Claim(
    id="OBJ-04",
    title="gradients go where they should",
    level=Level.REQUIRED,
    statement="the KL does not depend on the output nor, at a fixed output, the reconstruction on mu and logvar; beta scales the KL's"
    " gradient alone; every parameter that influences mu, logvar or the output is trained",
    formula="∂KL/∂x̂ = 0,  ∂L_rec/∂(mu, logvar) = 0 at fixed x̂,  ∇L(β) = ∇L_rec + β · ∇KL",
    sources=(notes("objective"), basics("loss"), basics("sampling")),
    why="Training follows gradients, not printed losses. A detached tensor, a layer outside the module or a beta on the wrong term all"
    " leave plausible numbers behind.",
    hint="keep every tensor between parameters and loss attached: no detach, .data, .item() or no_grad; every layer an attribute of an"
    " nn.Module",
    decision="exact: vector-Jacobian products of each term, and gradient norms of every parameter over four batches",
    mistakes=("beta-unused", "no-encoder-gradient", "not-a-module", "frozen-layer"),
    needs=(Part.POSTERIOR, Part.FORWARD),
    check=check_gradient_paths,
    rank=210,
    spends_error_budget=False,
    at_other_sizes=False,
)
