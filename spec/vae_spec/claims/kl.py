"""KL: the closed-form divergence is the one it says it is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from vae_spec.claim import Claim
from vae_spec.claims.objective import needs_closed_form
from vae_spec.claims.kl_forms import recognise
from vae_spec.documents import basics, notes
from vae_spec.elbo import accepted_weights, closed_form_kl, nearest_weight, reconstruction_fit
from vae_spec.exploration import explore, generator
from vae_spec.outcomes import Level, Verdict, holds, not_applicable, violated
from vae_spec.statistics.pivots import MonteCarloKL, Pivot, monte_carlo_kl
from vae_spec.statistics.two_stage import decide
from vae_spec.strategies import CodeBatch, ConstantCode, Pixels, code_batches, constant_codes, images
from vae_spec.subject import Noise, Part, Subject, Term
from vae_spec.trial import Trial

RELATIVE_TOLERANCE = 1e-3
KL_02_DRAWS = 4096
KL_02_EXAMPLES = 24
KL_02_SMALLEST_FACTOR = 1.1
"""The declared power of KL-02: a KL wrong by this factor or its inverse is found, over the examples, with probability 0.99 at least."""


@dataclass
class KLTerm:
    """The subject's KL term as a function of the posterior alone, with the scale of its loss at each batch size looked up once."""

    subject: Subject
    trial: Trial
    scales: dict[int, float] = field(default_factory=dict)

    def __call__(self, mu: Tensor, logvar: Tensor) -> float:
        """The reported KL, in the loss's own units, at a fixed output and input."""
        raw, x = self._output(len(mu))
        return float(self.subject.terms(raw, x, mu, logvar).kl)

    def gradients(self, mu: Tensor, logvar: Tensor) -> tuple[Tensor, Tensor]:
        """Its gradients with respect to mu and logvar."""
        raw, x = self._output(len(mu))
        slopes = self.subject.terms_vjp(raw, x, mu, logvar, of=Term.KL)
        return slopes.mu, slopes.logvar

    def _output(self, batch: int) -> tuple[tuple[Tensor, ...], Tensor]:
        facts = self.subject.facts
        x = images(Pixels.BETWEEN, batch, facts.input_shape, facts.input_range, generator(self.trial, "x", batch), torch.float64)
        return self.subject.raw(x), x

    def scale(self, batch: int) -> float | None:
        """r at this batch size: the reconstruction term's scale against the mean negative log-likelihood; None where no likelihood fits."""
        likelihood = self.subject.facts.likelihood
        if likelihood is None:
            return None
        if batch not in self.scales:
            fit = reconstruction_fit(self.subject, likelihood, batch=batch, seed=self.trial.seed)
            if not fit.good:
                return None
            self.scales[batch] = fit.scale
        return self.scales[batch]

    def weight(self) -> float | None:
        """What the reported KL may weigh against the likelihood: the accepted weight, or 1, that lies nearest to what mu^2/2 weighs."""
        scale = self.scale(4)
        if scale is None:
            return None
        zero = torch.zeros(4, self.subject.facts.latent_dim, dtype=torch.float64)
        mu = torch.ones_like(zero)
        found = (self(mu, zero) - self(zero, zero)) / (scale * float(closed_form_kl(mu, zero).mean()))
        return nearest_weight(found, (*accepted_weights(self.subject.facts), 1.0))


_NO_SCALE = "the reconstruction term matches no known likelihood, so the KL's scale is unknown (see OBJ-03)"



def _nat(term: KLTerm, batch: int) -> float:
    """What one nat an item reads in the reported KL, from mu^2 / 2 at logvar = 0."""
    zero = torch.zeros(batch, term.subject.facts.latent_dim, dtype=torch.float64)
    return abs(term(zero + 1, zero) - term(zero, zero)) / (term.subject.facts.latent_dim / 2) or 1.0


def _turned(term: KLTerm, mu: Tensor, logvar: Tensor) -> bool:
    """Whether the KL is the right one with its sign turned."""
    zero = torch.zeros_like(mu)
    ratios = [term(one, other) / float(closed_form_kl(one, other).mean()) for one, other in ((mu + 0.5, logvar + 0.3), (zero + 1, zero), (zero, zero + 1))]
    return max(ratios) < 0 and max(ratios) - min(ratios) < 1e-3 * abs(ratios[0])


def _form(term: KLTerm, subject: Subject) -> str | None:
    """The mistake that a recognised wrong formula is."""
    form = recognise(term, subject.facts.latent_dim)
    return form.mistake if form else None


# KL-01 ----------------------------------------------------------------------------------------------------------------------------------


def check_nonnegative(subject: Subject, trial: Trial) -> Verdict:
    """KL >= 0, zero at the prior, positive elsewhere."""
    term = KLTerm(subject, trial)

    def examine(codes: CodeBatch) -> Verdict | None:
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(trial, codes))
        zero = torch.zeros_like(mu)
        value, at_prior = term(mu, logvar), term(zero, zero)
        closed = float(closed_form_kl(mu, logvar).mean())
        unit = max(abs(value) / closed, 1e-12) if closed > 1e-6 else 1.0
        if abs(at_prior) > 1e-5 * max(unit, 1e-6) * subject.facts.latent_dim:
            return violated(f"at mu = 0 and logvar = 0, where posterior and prior are the same, the KL is {at_prior:.6g}",
                            measured={"KL at the prior": at_prior, "batch": codes.batch}, expected={"KL at the prior": 0.0},
                            diagnosis="kl-missing-term" if abs(abs(at_prior) / _nat(term, codes.batch) - subject.facts.latent_dim / 2) < 1e-3 else "kl-wrong-prior")
        if value < -1e-6 * unit * (1 + closed):
            return violated(f"the KL is negative: {value:.6g} where the divergence is {closed:.6g} nats",
                            measured={"KL": value, "divergence": closed, "batch": codes.batch}, expected={"KL": ">= 0"},
                            diagnosis="kl-sign" if _turned(term, mu, logvar) else _form(term, subject))
        if closed > 1e-3 and not value > 0:
            return violated(f"the KL is {value:.6g} where posterior and prior differ by {closed:.6g} nats",
                            measured={"KL": value, "divergence": closed, "batch": codes.batch}, expected={"KL": "> 0"},
                            diagnosis="autoencoder-plus-noise" if value == 0 and term(zero + 1.3, zero - 0.7) == 0 else _form(term, subject))
        return None

    if counterexample := explore(trial, code_batches(), examine):
        return counterexample
    return holds("never negative, zero at the prior, positive elsewhere", measured={"examples": trial.examples},
                 smallest_effect="1e-5 of a nat a dimension at the prior")


KL_01 = Claim(
    id="KL-01", title="KL >= 0, and 0 at the prior", level=Level.REQUIRED,
    statement="the KL term is never negative and is zero exactly where the posterior is the prior: mu = 0, logvar = 0",
    sources=(notes("objective"),),
    why="A divergence is zero between equal distributions and positive between different ones. A negative KL in a log is a sign error or a"
        " formula fed with something that is not a log-variance; a KL that is not zero at the prior pulls the posterior somewhere else.",
    hint="kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar)) over the latent dimensions",
    decision="Hypothesis over batches of posteriors, float64",
    mistakes=("kl-sign", "kl-wrong-prior", "kl-missing-term", "logvar-as-std", "autoencoder-plus-noise"),
    needs=(Part.LOSS,), check=check_nonnegative, applies=needs_closed_form,
)

# KL-02 ----------------------------------------------------------------------------------------------------------------------------------


def check_monte_carlo(subject: Subject, trial: Trial) -> Verdict:
    """The closed form against E_q[log q - log p] through the subject's own sampling step: one exact noncentral chi-squared law."""
    term = KLTerm(subject, trial)
    d = subject.facts.latent_dim
    items = max(2, math.ceil(KL_02_DRAWS / d))
    scale, weight = term.scale(2), term.weight()
    if scale is None or weight is None:
        return not_applicable(_NO_SCALE)
    seen: list[MonteCarloKL] = []

    def examine(code: ConstantCode) -> Verdict | None:
        pair = torch.full((2, d), code.mu, dtype=torch.float64), torch.full((2, d), code.logvar, dtype=torch.float64)
        claimed = term(*pair) / (scale * weight * d)

        def measure(draws: int, stage: int) -> list[Pivot]:
            rows = draws // d
            mu, logvar = (torch.full((rows, d), value, dtype=torch.float64) for value in (code.mu, code.logvar))
            z = subject.draw(mu, logvar, Noise(seed=trial.rng_seed(code, stage)))
            result = monte_carlo_kl(z.double().numpy(force=True), code.mu, code.logvar, claimed)
            seen.append(result)
            return [Pivot("Monte Carlo KL", result.estimate, claimed, result.p)]

        decision = decide(measure, draws=items * d, level=trial.level / KL_02_EXAMPLES)
        if not decision.rejected:
            return None
        estimate = seen[-1]
        ratio = claimed / estimate.estimate if estimate.estimate else math.nan
        return violated(
            f"closed form {claimed * d:.4g}    Monte Carlo through your sampling step {estimate.estimate * d:.4g} ± {estimate.standard_error * d:.2g}"
            f" nats (n = {decision.draws}, mu = {code.mu:.3g}, logvar = {code.logvar:.3g} in every dimension)" + _explain_ratio(ratio),
            measured={"Monte Carlo KL": estimate.estimate * d, "standard error": estimate.standard_error * d, "n": decision.draws,
                      "ratio": ratio, "p": estimate.p, "mu": code.mu, "logvar": code.logvar},
            expected={"closed form": claimed * d, "level": trial.level / KL_02_EXAMPLES},
            diagnosis="missing-half" if abs(ratio - 2) < 0.02 else None,
        )

    if counterexample := explore(trial, constant_codes(), examine, examples=KL_02_EXAMPLES, simplify=False):
        return counterexample
    return holds("the closed form agrees with Monte Carlo through the sampling step",
                 measured={"examples": KL_02_EXAMPLES, "draws an example": items * d}, expected={"level": trial.level},
                 smallest_effect=f"a factor of {KL_02_SMALLEST_FACTOR} on the KL, with probability 0.99")


def _explain_ratio(ratio: float) -> str:
    if abs(ratio - 2) < 0.02:
        return f"\nthe ratio is {ratio:.2f}: most likely the factor 1/2 is missing"
    if abs(ratio + 1) < 0.02:
        return f"\nthe ratio is {ratio:.2f}: the sign of the KL is wrong"
    return f"\nthe ratio is {ratio:.3g}: the KL and the sampling step do not speak of the same distribution"


KL_02 = Claim(
    id="KL-02", title="closed form = Monte Carlo", level=Level.REQUIRED,
    statement="the closed-form KL equals the Monte Carlo estimate of E_q[log q(z|x) - log p(z)] through the implementation's own sampling step",
    sources=(notes("objective"),),
    why="The closed form and the sampling step are two statements about one distribution. Each may look right alone; std = exp(logvar) in the"
        " sampler or a KL without its 1/2 makes them contradict one another, and training then optimises no bound.",
    hint="write both from the same logvar: std = exp(0.5 * logvar), kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar))",
    decision="posteriors constant over dimensions and items, where the sum has an exact noncentral chi-squared law; two stages",
    mistakes=("missing-half", "std-no-half", "logvar-as-std", "eps-from-rand", "eps-shrunk", "kl-reversed", "kl-wrong-prior", "kl-missing-term"),
    needs=(Part.LOSS, Part.DRAW), check=check_monte_carlo, applies=needs_closed_form,
)

# KL-03 ----------------------------------------------------------------------------------------------------------------------------------


def _reference_kl(mu: Tensor, logvar: Tensor) -> Tensor:
    prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
    return torch.as_tensor(kl_divergence(Independent(Normal(mu, torch.exp(0.5 * logvar)), 1), prior))


def check_closed_form(subject: Subject, trial: Trial) -> Verdict:
    """The KL is r times torch.distributions' one."""
    term = KLTerm(subject, trial)
    weight = term.weight()
    if weight is None:
        return not_applicable(_NO_SCALE)

    def examine(codes: CodeBatch) -> Verdict | None:
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(trial, codes))
        reference = float(_reference_kl(mu, logvar).mean())
        scale = term.scale(codes.batch)
        if reference < 1e-3 or scale is None:
            return None
        ratio = term(mu, logvar) / (scale * reference)
        if abs(ratio / weight - 1) < RELATIVE_TOLERANCE:
            return None
        d = subject.facts.latent_dim
        patterns = ((2 * weight, "missing-half", "the factor 1/2 is missing"), (-weight, "kl-sign", "the sign is wrong"),
                    (weight / d, "kl-mean-recon-sum", f"the KL is averaged over the {d} latent dimensions"), (0.0, "autoencoder-plus-noise", "there is no KL"),
                    (weight * subject.facts.pixels, "recon-mean-kl-sum", "the reconstruction is averaged over pixels, and the KL is not"))
        match = next(((mistake, words) for value, mistake, words in patterns if abs(ratio - value) < 5e-3 * max(abs(value), 1e-3)), None)
        form = None if match else recognise(term, d)
        if form is not None:
            match = form.mistake, f"it is {form.words}"
        return violated(
            f"the KL is {ratio * reference / weight:.6g} nats where torch.distributions gives {reference:.6g}\nthe ratio is {ratio / weight:.3f}"
            + (f": most likely {match[1]}" if match else ""),
            measured={"ratio": ratio / weight, "KL": ratio * reference / weight, "batch": codes.batch},
            expected={"ratio": 1.0, "KL": reference, "relative tolerance": RELATIVE_TOLERANCE},
            diagnosis=match[0] if match else None)

    if counterexample := explore(trial, code_batches(), examine):
        return counterexample
    return holds("r times the divergence of torch.distributions", measured={"examples": trial.examples, "weight": weight, "r at batch 4": term.scale(4)},
                 expected={"relative tolerance": RELATIVE_TOLERANCE}, smallest_effect="a factor of 1.001")


KL_03 = Claim(
    id="KL-03", title="the divergence of diagonal Gaussians", level=Level.REQUIRED,
    statement="the KL term is the divergence of a diagonal Gaussian from N(0, I), on the scale that the reconstruction has against its likelihood",
    sources=(notes("objective"), basics("loss")),
    why="The closed form has four terms, a sign and a half, and each has been left out by somebody. Judged on the reconstruction's own scale, sums,"
        " batch means and means over everything pass alike, and a ratio of 2.00 means something.",
    hint="kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar)) over the latent dimensions, reduced over the batch as the reconstruction is",
    decision="Hypothesis over batches of posteriors, float64, relative tolerance 1e-3",
    mistakes=("missing-half", "kl-mean-recon-sum", "recon-mean-kl-sum", "terms-scale-with-batch", "kl-sign", "kl-reversed", "kl-first-dimension", "kl-wrong-prior",
              "kl-missing-term", "kl-of-batch-mean", "logvar-as-std", "autoencoder-plus-noise"),
    needs=(Part.LOSS,), check=check_closed_form, applies=needs_closed_form,
)

# KL-04 ----------------------------------------------------------------------------------------------------------------------------------


def check_additive(subject: Subject, trial: Trial) -> Verdict:
    """Additive over dimensions and items; invariant under permuting either."""
    term = KLTerm(subject, trial)

    def item_scale(batch: int) -> float:
        """What a batch of equal items reads against a single one: its size for sums, 1 for means."""
        one = torch.full((1, subject.facts.latent_dim), 1.3, dtype=torch.float64)
        return term(one.repeat(batch, 1), 0.3 * one.repeat(batch, 1)) / (term(one, 0.3 * one) or math.nan)

    scales: dict[int, float] = {}
    if not math.isfinite(item_scale(2)):
        return not_applicable("the KL is 0 for every posterior: there is nothing to add up (see KL-01, KL-03)")

    def examine(codes: CodeBatch) -> Verdict | None:
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(trial, codes))
        whole = term(mu, logvar)
        for what, axis in (("items", 0), ("dimensions", 1)):
            moved = term(mu.roll(1, axis), logvar.roll(1, axis))
            if abs(moved - whole) > 1e-4 * (abs(whole) + abs(moved)) + 1e-9:
                return violated(f"another order of the {what} changes the KL from {whole:.6g} to {moved:.6g}",
                                measured={"before": whole, "after": moved}, expected={"difference": 0.0}, diagnosis="kl-first-dimension")
        if codes.batch not in scales:
            scales[codes.batch] = item_scale(codes.batch)
        singly = [term(mu[i : i + 1], logvar[i : i + 1]) for i in range(min(codes.batch, 8))]
        tolerance = 1e-4 * (abs(whole) + max(abs(one) for one in singly) * abs(scales[codes.batch]) + 1e-9)
        if codes.batch <= 8:
            by_item = scales[codes.batch] * sum(singly) / codes.batch
            if not abs(by_item - whole) <= tolerance:
                return violated(f"the KL of {codes.batch} items is {whole:.6g}, their own KLs make {by_item:.6g}",
                                measured={"together": whole, "singly": by_item, "batch": codes.batch}, expected={"difference": 0.0},
                                diagnosis="kl-of-batch-mean")
        by_dimension = 0.0
        groups = torch.arange(mu.shape[1]).chunk(8)
        for group in groups:
            kept = torch.zeros_like(mu)
            kept[:, group] = 1
            by_dimension += term(mu * kept, logvar * kept)
        rest = (len(groups) - 1) * term(0 * mu, 0 * logvar)
        if abs(by_dimension - rest - whole) > tolerance * mu.shape[1]:
            return violated(f"the KL of all dimensions is {whole:.6g}, dimension by dimension it is {by_dimension - rest:.6g}",
                            measured={"together": whole, "by dimension": by_dimension - rest}, expected={"difference": 0.0},
                            diagnosis="kl-first-dimension")
        return None

    if counterexample := explore(trial, code_batches(), examine, examples=min(trial.examples, 20)):
        return counterexample
    return holds("additive over items and dimensions, in any order", measured={"examples": min(trial.examples, 20)},
                 smallest_effect="a deviation of 1e-4 of the KL")


KL_04 = Claim(
    id="KL-04", title="additive over items and dimensions", level=Level.REQUIRED,
    statement="the KL is the sum (or mean) of the items' own KLs and the sum of the dimensions' own, in any order of either",
    sources=(notes("objective"),),
    why="Both posterior and prior factorise, so the divergence adds up. A KL of the batch's mean code, or of the first dimension alone, does not.",
    hint="compute the KL item by item over all latent dimensions, then reduce over the batch",
    decision="Hypothesis over batches of posteriors, float64, relative tolerance 1e-4",
    mistakes=("kl-of-batch-mean", "kl-first-dimension"), needs=(Part.LOSS,), check=check_additive, applies=needs_closed_form,
)

# KL-05 ----------------------------------------------------------------------------------------------------------------------------------


def check_gradients(subject: Subject, trial: Trial) -> Verdict:
    """d KL / d mu = mu and d KL / d logvar = (exp(logvar) - 1) / 2, on the loss's scale."""
    term = KLTerm(subject, trial)
    weight = term.weight()
    if weight is None:
        return not_applicable(_NO_SCALE)

    def examine(codes: CodeBatch) -> Verdict | None:
        scale = term.scale(codes.batch)
        if scale is None:
            return None
        mu, logvar = codes.tensors(subject.facts.latent_dim, generator(trial, codes))
        factor = scale * weight / codes.batch
        for name, found, wanted in zip(("mu", "logvar"), term.gradients(mu, logvar), (factor * mu, factor * 0.5 * torch.expm1(logvar)), strict=True):
            largest = float(wanted.abs().max())
            worst = float((found - wanted).abs().max())
            if worst > RELATIVE_TOLERANCE * largest + 1e-9:
                at = int((found - wanted).abs().argmax())
                there, ours = float(found.flatten()[at]), float(wanted.flatten()[at])
                ratio = there / ours if ours else math.nan
                return violated(f"the gradient with respect to {name} is {there:.6g} where the closed form's is {ours:.6g} (ratio {ratio:.3f})",
                                measured={"gradient": there, "ratio": ratio, "batch": codes.batch}, expected={"gradient": ours, "ratio": 1.0},
                                diagnosis="missing-half" if abs(ratio - 2) < 0.01 else "kl-sign" if abs(ratio + 1) < 0.01 else None)
        return None

    if counterexample := explore(trial, code_batches(), examine):
        return counterexample
    return holds("the closed form's gradients", measured={"examples": trial.examples}, smallest_effect="a factor of 1.001 in either gradient")


KL_05 = Claim(
    id="KL-05", title="the closed form's gradients", level=Level.REQUIRED,
    statement="the gradients of the KL are mu and (exp(logvar) - 1) / 2 on the loss's scale",
    sources=(notes("objective"), basics("loss")),
    why="Training sees gradients only. A detached mu or logvar leaves the printed KL right and its pull on the encoder gone.",
    hint="let the KL depend on mu and logvar themselves: no detach, no .data, no item()",
    decision="Hypothesis over batches of posteriors, float64, relative tolerance 1e-3 of the largest gradient",
    mistakes=("missing-half", "kl-sign", "kl-missing-term", "kl-reversed", "no-encoder-gradient"),
    needs=(Part.LOSS,), check=check_gradients, applies=needs_closed_form,
)
