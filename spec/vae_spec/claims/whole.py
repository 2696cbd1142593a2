"""NET-07, NET-10 and NET-11: the model as a whole does what its parts do, changes nothing it is given, and obeys its constructor."""

from __future__ import annotations

from vae_spec.checks import Cause, alike, in_shape_of, same, violation
from vae_spec.claim import Claim
from vae_spec.claims.forward import teacher_forced
from vae_spec.claims.networks import CLOSE, probe_images
from vae_spec.context import ClaimContext
from vae_spec.documents import basics, notes
from vae_spec.exploration import generator
from vae_spec.lazy import Tensor, torch
from vae_spec.outcomes import Level, Verdict, holds, not_applicable
from vae_spec.strategies import Pixels
from vae_spec.subject import Noise, Part, Subject

ITEMS = 16
"""Images of a pass that is set beside its parts."""
SLOPES_CLOSE = 1e-3
"""Relative difference allowed between two gradients of one function: float32 sums in another order leave 1e-5."""
SMALL = 1e-6
"""A gradient smaller than this share of the largest is rounding: a bias before BatchNorm has none."""

# NET-07 ---------------------------------------------------------------------------------------------------------------------------------


def check_composition(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that a training pass is decode(draw(encode(x))) under the same noise, in value and in gradient."""
    facts = subject.facts
    x = probe_images(subject, context, max(ITEMS, facts.least_train_batch), Pixels.MIXED)
    eps = torch.randn(len(x), facts.latent_dim, generator=generator(context, "noise"))
    found = subject.composition(x, Noise(given=eps, seed=context.rng_seed("pass")))
    if found is None:
        return not_applicable("a part is inline in forward, so the pass cannot be compared with its parts")
    for whole, parts in zip(found.whole, found.parts, strict=True):
        bad = alike(
            in_shape_of(whole, parts),
            whole,
            CLOSE,
            what="under the same noise the training pass does not give what encode, the sampling step and decode give one after another",
        )
        if bad is not None and _draws_more(subject, x, eps):
            return not_applicable("training draws more than its noise (Dropout), so a pass and its parts cannot be compared")
        if bad is not None:
            return bad
    largest = max((slopes.parts for slopes in found.slopes.values()), default=0.0)
    differing = {
        name: slopes.difference / slopes.parts
        for name, slopes in found.slopes.items()
        if slopes.parts > SMALL * largest and slopes.difference > SLOPES_CLOSE * slopes.parts
    }
    if differing:
        name = max(differing, key=lambda one: differing[one])
        slopes = found.slopes[name]
        less = slopes.whole < slopes.parts
        words = "between the parts something cuts off or changes the gradient: detach(), no_grad(), .data or a hook"
        return violation(
            {"relative difference": differing[name], "parameters concerned": len(differing)},
            {"relative difference": 0.0, "tolerance": SLOPES_CLOSE},
            what=f"the output's gradient with respect to {name} is not that of encode, sampling step and decode",
            where={"gradient through the pass": slopes.whole, "gradient through the parts": slopes.parts},
            because=Cause("no-encoder-gradient" if less else None, words),
        )
    return holds(
        "the training pass is decode of a draw from encode, and so are its gradients",
        measured={"parameters": len(found.slopes), "items": len(x)},
        smallest_effect=f"a relative difference of {SLOPES_CLOSE:g} in one parameter's gradient",
    )


def _draws_more(subject: Subject, x: Tensor, eps: Tensor) -> bool:
    """Return whether the output of a training pass depends on more random draws than its noise."""
    first, second = (subject.forward(x, Noise(given=eps, seed=seed)).raw for seed in (1, 2))
    return any(not torch.equal(one, other) for one, other in zip(first, second, strict=True))


NET_07 = Claim(
    id="NET-07",
    title="the pass is its parts",
    level=Level.REQUIRED,
    statement="under the same noise the training pass gives what encode, the sampling step and decode give one after another, and its"
    " gradients with respect to every parameter are theirs",
    formula="forward(x; eps) = decode(draw(encode(x); eps)),  and so for ∂/∂θ",
    sources=(basics("flow"), basics("sampling")),
    why="Parts that are right by themselves can be put together wrongly: half of z detached on its way to the decoder, noise of another"
    " kind than the sampling step's, a step left out. Then what is judged of the parts does not hold for what is trained.",
    hint="in forward: mu, logvar = self.encode(x); z = self.reparameterize(mu, logvar); return self.decode(z), mu, logvar",
    decision="identity under a given noise in training mode: relative tolerance 1e-4 for the output, 1e-3 for each parameter's gradient",
    mistakes=("no-encoder-gradient",),
    needs=(Part.POSTERIOR, Part.DRAW, Part.DECODE, Part.FORWARD, Part.NOISE_CONTROL),
    check=check_composition,
    applies=teacher_forced,
    rank=215,
    spends_error_budget=False,
    at_other_sizes=False,
)

# NET-10 ---------------------------------------------------------------------------------------------------------------------------------


def check_purity(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that no operation changes in place what it is given."""
    x = probe_images(subject, context, max(4, subject.facts.least_train_batch), Pixels.BETWEEN)
    changed = subject.changes(x)
    return same(
        "operations that change what they are given",
        len(changed),
        0,
        what=f"{' and '.join(changed)} changes in place a tensor of the caller",
        because="input-changed",
    ) or holds(
        "encode, forward, decode and the loss leave what they are given as it is",
        measured={"operations": "encode, forward, decode, loss"},
        smallest_effect="one changed entry",
    )


NET_10 = Claim(
    id="NET-10",
    title="nothing given is changed",
    level=Level.REQUIRED,
    statement="encode, forward, decode and the loss leave the tensors that they are given as they are",
    sources=(basics("loss"), notes("objective")),
    why="A batch that forward scales or binarises in place is no longer the data when the loss compares the output with it, nor for any"
    " code that uses it later. The loss still falls, but on other data.",
    hint="compute a new tensor: x = (x > 0.5).float() in place of x.copy_(...), x = x - 0.5 in place of x.sub_(0.5)",
    decision="exact: every operation on copies in both modes, compared bit by bit",
    mistakes=("input-changed",),
    needs=(Part.FORWARD,),
    check=check_purity,
    rank=15,
    explains=("NET-03", "NET-04", "NET-07", "INT-03"),
    spends_error_budget=False,
    at_other_sizes=False,
)

# NET-11 ---------------------------------------------------------------------------------------------------------------------------------


def check_constructor(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that another latent dimension, given to the constructor, is that of the posterior."""
    own = subject.facts.latent_dim
    asked = own + 1
    built = subject.latent_dim_built(asked, probe_images(subject, context, 2, Pixels.BETWEEN))
    if built is None:
        return not_applicable("its constructor takes no latent dimension, or only one with which it runs")
    if built == own:
        return violation(
            {"latent dimensions": built},
            {"latent dimensions": asked},
            what="the constructor takes a latent dimension and ignores it",
            because="argument-ignored",
        )
    return holds(
        "the constructor's latent dimension is that of the posterior",
        measured={"latent dimensions": built},
        expected={"latent dimensions": asked},
        smallest_effect="one dimension",
    )


NET_11 = Claim(
    id="NET-11",
    title="the constructor is obeyed",
    level=Level.REQUIRED,
    statement="an instance that is constructed with another latent dimension has that one, or its constructor refuses it",
    sources=(notes("objective"),),
    why="If the argument is accepted and ignored, a comparison of 4, 8 and 16 dimensions trains the same model three times.",
    hint="use the argument: nn.Linear(hidden_dim, latent_dim), not a number",
    decision="exact: the posterior of an instance that is constructed with one dimension more",
    mistakes=("argument-ignored",),
    needs=(Part.POSTERIOR,),
    check=check_constructor,
    rank=225,
    spends_error_budget=False,
    at_other_sizes=False,
)
