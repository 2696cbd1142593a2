"""NET-06: the encoder's heads can say any diagonal Gaussian."""

from __future__ import annotations

import torch

from vae_spec.claim import Claim
from vae_spec.claims.networks import probe_images
from vae_spec.documents import basics
from vae_spec.outcomes import Level, Verdict, holds, violated
from vae_spec.strategies import Pixels
from vae_spec.subject import Part, Subject
from vae_spec.trial import Trial

# NET-06 ---------------------------------------------------------------------------------------------------------------------------------

REACH_STEPS, REACH_RATE = 400, 0.02
TARGETS = ((-3.0, -2.0), (3.0, -2.0), (-3.0, 1.5), (3.0, 1.5))
"""mu and logvar to steer to: either sign of mu, variance below and above the prior's, in each combination."""


def check_heads(subject: Subject, trial: Trial) -> Verdict:
    """A short fit moves mu and logvar to targets on either side, independently."""
    d = subject.facts.latent_dim
    x = probe_images(subject, trial, 16, Pixels.MIXED)
    worst: dict[str, float] = {}
    for mu_target, logvar_target in TARGETS:
        reached = subject.reach(
            x,
            torch.full((16, d), mu_target),
            torch.full((16, d), logvar_target),
            steps=REACH_STEPS,
            learning_rate=REACH_RATE,
            seed=trial.rng_seed(mu_target, logvar_target),
        )
        mu, logvar = float(reached.mu.mean()), float(reached.logvar.mean())
        worst[f"mu towards {mu_target:g}, logvar towards {logvar_target:g}"] = mu
        if abs(mu) < 2 or mu * mu_target < 0 or logvar * logvar_target < 0 or abs(logvar) < 1:
            which = "mu" if abs(mu) < 2 or mu * mu_target < 0 else "logvar"
            before = subject.posterior(x)
            fixed = float((before.logvar - before.logvar[0, 0]).abs().max()) == 0
            both = not fixed and torch.equal(before.mu, before.logvar)
            return violated(
                f"steered towards mu = {mu_target:g} and logvar = {logvar_target:g}, the encoder only reaches mu = {mu:.3g} and logvar"
                f" = {logvar:.3g}"
                + (
                    "\nmu and logvar are one and the same: one layer gives both"
                    if both
                    else f"\nan activation after the last layer bounds {which}"
                ),
                measured={"mu": mu, "logvar": logvar},
                expected={"mu": mu_target, "logvar": logvar_target},
                diagnosis="shared-head" if both else "autoencoder-plus-noise" if fixed else "activation-on-heads",
                hint="two heads of their own: self.mu = nn.Linear(h, d), self.logvar = nn.Linear(h, d)"
                if both
                else "end both heads with a plain linear layer",
            )
    return holds(
        "both heads reach either side of the prior, independently",
        measured=worst,
        smallest_effect="a bound of |mu| <= 2 or of logvar at 0",
    )


NET_06 = Claim(
    id="NET-06",
    title="the heads can say any Gaussian",
    level=Level.REQUIRED,
    statement="the encoder's heads can express means of either sign and variances below and above the prior's, independently of each other",
    sources=(basics("flow"), basics("mistakes")),
    why="mu is any real number and logvar too. A ReLU on mu empties half of the latent space, a softplus on logvar keeps sigma above 1,"
    " a tanh"
    " bounds every mean, one shared layer ties them together: each still trains, and each is blur.",
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
