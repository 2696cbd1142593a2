"""NET-06: the encoder's heads can express any diagonal Gaussian."""

from __future__ import annotations

import math

from vae_spec.checks import Cause, violation
from vae_spec.claim import Claim
from vae_spec.claims.networks import probe_images
from vae_spec.context import ClaimContext
from vae_spec.documents import basics
from vae_spec.lazy import torch
from vae_spec.outcomes import Level, Verdict, holds
from vae_spec.strategies import Pixels
from vae_spec.subject import Part, Posterior, Subject

REACH_STEPS, REACH_RATE = 400, 0.02
"""Steps of Adam at twenty times its usual learning rate: enough for every sound encoder of the catalogue."""
ITEMS = 16
LEAST_MU, LEAST_LOGVAR = 2.0, 1.0
"""Least values to reach, on the target's side: two thirds of mu, half and two thirds of the two logvars."""
TARGETS = ((-3.0, -2.0), (3.0, -2.0), (-3.0, 1.5), (3.0, 1.5))
"""Targets (mu, logvar): each sign of mu with a variance below and above the prior's."""

_PLAIN = "end both heads with a plain linear layer"


def check_heads(subject: Subject, context: ClaimContext) -> Verdict:
    """Check that a short fit moves mu and logvar to targets on either side of the prior, independently."""
    x = probe_images(subject, context, ITEMS, Pixels.MIXED)
    found: dict[str, float] = {}
    for mu_target, logvar_target in TARGETS:
        mus, logvars = (torch.full((ITEMS, subject.facts.latent_dim), target) for target in (mu_target, logvar_target))
        seed = context.rng_seed(mu_target, logvar_target)
        reached = subject.reach(x, mus, logvars, steps=REACH_STEPS, learning_rate=REACH_RATE, seed=seed)
        mu, logvar = float(reached.mu.mean()), float(reached.logvar.mean())
        found[f"mu towards {mu_target:g}, logvar towards {logvar_target:g}"] = mu
        heads = {"mu": (mu, mu_target, LEAST_MU), "logvar": (logvar, logvar_target, LEAST_LOGVAR)}
        short = next((name for name, (value, target, least) in heads.items() if math.copysign(value, value * target) < least), None)
        if short is not None:
            return violation(
                {short: heads[short][0], "mu": mu, "logvar": logvar},
                {"mu": mu_target, "logvar": logvar_target},
                what=f"steered towards mu = {mu_target:g} and logvar = {logvar_target:g}, the encoder falls short",
                because=_cause(subject.posterior(x), short),
            )
    return holds(
        "both heads reach either side of the prior, independently",
        measured=found,
        smallest_effect=f"a bound of |mu| <= {LEAST_MU:g} or of logvar at 0",
    )


def _cause(before: Posterior, which: str) -> Cause:
    """Identify what keeps a head from its target, from the encoder's outputs before the fit."""
    if float((before.logvar - before.logvar[0, 0]).abs().max()) == 0:
        return Cause("autoencoder-plus-noise", f"an activation after the last layer bounds {which}", _PLAIN)
    if torch.equal(before.mu, before.logvar):
        own = "two heads of their own: self.mu = nn.Linear(h, d), self.logvar = nn.Linear(h, d)"
        return Cause("shared-head", "mu and logvar are one and the same: one layer gives both", own)
    return Cause("activation-on-heads", f"an activation after the last layer bounds {which}", _PLAIN)


NET_06 = Claim(
    id="NET-06",
    title="the heads can say any Gaussian",
    level=Level.REQUIRED,
    statement="the encoder's heads can express means of either sign and variances below and above the prior's, independently of each other",
    sources=(basics("flow"), basics("mistakes")),
    why="mu is any real number and logvar too. A ReLU on mu empties half of the latent space, a softplus on logvar keeps sigma above 1, a"
    " tanh bounds every mean, one shared layer ties them together: each still trains, and each is blur.",
    hint="end both heads with a plain linear layer of their own",
    decision="exact: at most 400 steps of Adam towards four targets from fresh initialisations, and where these miss, more of a third"
    " and of a tenth of the length; half of the way must be reached",
    mistakes=("autoencoder-plus-noise", "activation-on-heads", "shared-head"),
    needs=(Part.POSTERIOR, Part.PARAMETERS),
    check=check_heads,
    rank=10,
    spends_error_budget=False,
    at_other_sizes=False,
)
