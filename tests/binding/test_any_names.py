"""Losses, encoders and decoders are found whatever they are called: by the file's own loop, and by what forward does with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bound_files import HEAD, METHOD, TERMS, bound, violated

from vae_conformance.errors import Unbound
from vae_spec.subject import Noise, Part, Standing

FUNCTION = f"""
def verlust(aus, x, mittel, spanne):
    return {TERMS}

def uebe(netz, lader):
    for x in lader:
        aus, mittel, spanne = netz(x)
        (verlust(aus, x, mittel, spanne) / len(x)).backward()
"""
OBJECT = f"""
class Verlust:
    def __call__(self, x, aus, mittel, spanne):
        return {TERMS}

def uebe(netz, lader):
    miss = Verlust()
    for x in lader:
        v = miss(x, *netz(x))
        v.mean().backward()
"""
ENTRY = """
    def verlust(self, x):
        aus, mittel, spanne = self(x)
        abstand = F.binary_cross_entropy(aus, x, reduction="sum")
        return {"summe": abstand + teile(mittel, spanne).sum(), "abstand": abstand}

def uebe(netz, lader):
    for x in lader:
        v = netz.verlust(x)
        v["summe"].backward()
"""
TRAINER = f"""
class Uebung:
    def __init__(self, netz, optimizer, geraet="cpu"):
        self.netz, self.optimizer = netz.to(geraet), optimizer

    def verlust(self, x):
        aus, mittel, spanne = self.netz(x)
        return {TERMS}

    def schritt(self, x):
        self.verlust(x).backward()
        self.optimizer.step()
""".replace("netz", "net")
MEAN = f"""
def kosten(netz, x):
    aus, mittel, spanne = netz(x)
    return {TERMS}

def uebe(netz, lader):
    for x in lader:
        torch.mean(kosten(netz, x)).backward()
"""
BOUND = f"""
    def elbo(self, x):
        aus, mittel, spanne = self(x)
        return -({TERMS})

def uebe(netz, lader):
    for x in lader:
        (-netz.elbo(x).mean() / 4).backward()
"""
UNPACKED = ENTRY.replace(
    '{"summe": abstand + teile(mittel, spanne).sum(), "abstand": abstand}', "abstand + teile(mittel, spanne).sum(), abstand"
)
UNPACKED = UNPACKED.replace('v = netz.verlust(x)\n        v["summe"].backward()', "v, abstand = netz.verlust(x)\n        v.backward()")
FORMS = {
    "mean": MEAN,
    "bound": BOUND,
    "unpacked": UNPACKED,
    "method": METHOD,
    "function": FUNCTION,
    "object": OBJECT,
    "entry": ENTRY,
    "trainer": TRAINER,
}


@pytest.mark.parametrize(("form", "items"), [(form, 3 if name == "function" else 1) for name, form in FORMS.items()], ids=FORMS.keys())
def test_what_the_loop_differentiates_is_the_loss(tmp_path: Path, form: str, items: int) -> None:
    subject = bound(tmp_path, HEAD + form)
    assert subject.facts.parts[Part.LOSS].standing is Standing.PRESENT
    raw, x, mu, logvar = torch.full((3, 64), 0.4), torch.rand(3, 64), torch.ones(3, 5), torch.zeros(3, 5)
    assert float(subject.terms((raw,), x, mu, logvar).kl) == pytest.approx(7.5 / items)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_its_mistake_is_found_in_any_language(tmp_path: Path, form: str) -> None:
    wrong = (HEAD + form).replace("0.5 * (mittel", "1.0 * (mittel")
    assert violated(tmp_path, wrong, "OBJ-02", "KL-03") == {"OBJ-02": "missing-half", "KL-03": "missing-half"}
    assert violated(tmp_path, HEAD + form, "OBJ-02", "KL-03") == {}


def test_parts_are_told_by_what_forward_hands_them(tmp_path: Path) -> None:
    parts = bound(tmp_path, HEAD + METHOD).facts.parts
    assert parts[Part.POSTERIOR].account == "packe(x) gives (mu, logvar)"
    assert parts[Part.DECODE].account == "entpacke(z)"
    assert parts[Part.DECODE].known_by == "probe: forward passes it the code"
    assert parts[Part.DRAW].standing is Standing.PRESENT


def test_what_no_loop_differentiates_and_no_name_calls_a_loss_is_none(tmp_path: Path) -> None:
    stepped = FUNCTION.replace("(verlust(aus, x, mittel, spanne) / len(x)).backward()", "verlust(aus, x, mittel, spanne).step()")
    assert bound(tmp_path, HEAD + stepped).facts.parts[Part.LOSS].standing is Standing.REPLACED


def test_of_two_calls_that_the_loop_adds_neither_is_the_loss(tmp_path: Path) -> None:
    added = FUNCTION.replace(
        "(verlust(aus, x, mittel, spanne) / len(x)).backward()", "v = verlust(aus, x, mittel, spanne) + strafe(netz)\n        v.backward()"
    )
    assert not bound(tmp_path, HEAD + added).facts.parts[Part.LOSS].account.startswith("function verlust")


def test_what_a_loss_takes_beside_the_batch_is_what_the_loop_passes(tmp_path: Path) -> None:
    source = HEAD + METHOD.replace("def verlust(self, x):", "def verlust(self, x, etikett, gewicht):").replace(
        "verlust(x)", "verlust(x, 1, 2)"
    )
    report = bound(tmp_path, source).facts.parts[Part.LOSS]
    assert report.standing is Standing.PRESENT
    assert "uebe" in report.account


def test_a_loss_that_needs_to_be_set_up_first_is_no_mistake(tmp_path: Path) -> None:
    source = (
        HEAD
        + """
    def vorbereiten(self, mass):
        self.mass = mass

    def compute_loss(self, x, aus):
        return self.mass(aus, x)
"""
    )
    with pytest.raises(Unbound, match=r"has no attribute 'mass'"):
        bound(tmp_path, source)


INSIDE = (
    "",
    "        kl = teile(mittel, spanne).mean()\n",
    "        loss = F.binary_cross_entropy_with_logits(a, bild, reduction='sum')\n",
)


@pytest.mark.parametrize("inside", INSIDE, ids=["nothing", "kl", "loss"])
def test_a_decoder_whose_output_forward_bends_is_none_unless_the_loss_is_made_of_it(tmp_path: Path, inside: str) -> None:
    returned = "loss, " if "loss" in inside else "kl, " if inside else ""
    source = HEAD.replace("torch.sigmoid(self.raus", "(self.raus").replace(
        "        return self.entpacke(self.wuerfle(mittel, spanne)), mittel",
        f"        a = self.entpacke(self.wuerfle(mittel, spanne))\n{inside}        return {returned}torch.sigmoid(a), mittel",
    )
    parts = bound(tmp_path, source).facts.parts
    assert parts[Part.DECODE].account == ("entpacke(z)" if "loss" in inside else "forward with its latent replaced by z")
    assert violated(tmp_path, source, "NET-02", "NET-04") == {}


def test_a_named_decoder_that_is_not_forwards_is_left_alone(tmp_path: Path) -> None:
    shown = "\n    def decode(self, code):\n        return torch.sigmoid(self.entpacke(code))\n"
    source = HEAD.replace("torch.sigmoid(self.raus", "(self.raus") + shown
    assert bound(tmp_path, source).facts.parts[Part.DECODE].account == "entpacke(z)"
    assert violated(tmp_path, source, "NET-02", "NET-04", "INT-03") == {}


def test_a_decoder_that_is_mapped_over_the_batch_is_no_hindrance(tmp_path: Path) -> None:
    source = HEAD.replace("torch.relu(self.auf(code))", "torch.relu(torch.vmap(self.auf)(code))") + METHOD
    assert bound(tmp_path, source).facts.parts[Part.DECODE].account == "entpacke(z)"
    assert violated(tmp_path, source, "NET-02", "NET-04", "KL-03") == {}


@pytest.mark.parametrize(("again", "mistake"), [("", {}), (".manual_seed(3)", {"REP-03": "eps-shared", "NET-03": None})])
def test_a_generator_that_is_put_back_gives_the_same_noise(tmp_path: Path, again: str, mistake: dict[str, str | None]) -> None:
    own = f"torch.randn(spanne.shape, generator=self.strom{again})"
    source = HEAD.replace("torch.randn_like(spanne)", own).replace(
        "        self.rein", "        self.strom = torch.Generator().manual_seed(3)\n        self.rein", 1
    )
    found = violated(tmp_path, source, "REP-03", "NET-03")
    assert found.keys() == mistake.keys()
    assert found.get("REP-03") == mistake.get("REP-03")


@pytest.mark.parametrize(("sigma", "offset", "wrong"), [(0.1, "", False), (0.1, " + 3", True), (1.0, "", False)])
def test_a_gaussian_of_fixed_sigma_with_its_normaliser_is_the_elbo(tmp_path: Path, sigma: float, offset: str, wrong: bool) -> None:
    source = (
        HEAD
        + f"""
def loss(aus, x, mu, logvar):
    nll = -torch.distributions.Normal(aus, {sigma}).log_prob(x).flatten(1).sum(1){offset}
    return (nll + teile(mu, logvar)).mean()
"""
    )
    assert violated(tmp_path, source, "OBJ-02", "KL-03").keys() == ({"OBJ-02", "KL-03"} if wrong else set())
    assert bound(tmp_path, source).facts.effective_beta == (None if wrong or sigma == 1 else pytest.approx(0.01, rel=1e-4))


@pytest.mark.parametrize(("end", "finite"), [("torch.sigmoid({})", False), ("torch.sigmoid({}).clamp(1e-6, 1 - 1e-6)", True)])
def test_a_loss_need_not_bear_what_the_decoder_keeps_from_it(tmp_path: Path, end: str, finite: bool) -> None:
    source = (
        HEAD.replace("torch.sigmoid(self.raus(torch.relu(self.auf(code))))", end.format("self.raus(torch.relu(self.auf(code)))"))
        + """
def loss(aus, x, mu, logvar):
    return -(x * torch.log(aus) + (1 - x) * torch.log(1 - aus)).sum() + teile(mu, logvar).sum()
"""
    )
    assert violated(tmp_path, source, "OBJ-05") == ({} if finite else {"OBJ-05": "overflow"})


@pytest.mark.parametrize("b", ["0.2", "torch.exp(self.log_b)"])
def test_a_laplace_distribution_of_another_scale_is_one_too(tmp_path: Path, b: str) -> None:
    source = HEAD.replace("        self.rein", "        self.log_b = nn.Parameter(torch.tensor(-1.0))\n        self.rein", 1)
    source += f"""
    def loss(self, aus, x, mu, logvar):
        nll = -torch.distributions.Laplace(aus, {b}).log_prob(x).flatten(1).sum(1)
        return (nll + teile(mu, logvar)).sum()
"""
    assert violated(tmp_path, source, "OBJ-02", "KL-03", "KL-05") == {}
    assert bound(tmp_path, source).facts.effective_beta == pytest.approx(0.2 if b == "0.2" else 0.36788, rel=1e-4)


def test_a_relu_at_the_end_is_a_decoder_out_of_range(tmp_path: Path) -> None:
    source = (
        HEAD.replace("torch.sigmoid(self.raus", "torch.relu(self.raus")
        + """
def loss(aus, x, mu, logvar):
    return 0.5 * (aus - x).square().sum() + teile(mu, logvar).sum()
"""
    )
    assert violated(tmp_path, source, "NET-02") == {"NET-02": "decoder-range"}


PRECISION = (
    HEAD.replace("torch.exp(spanne / 2)", "spanne.rsqrt()").replace("self.breite(h)\n", "F.softplus(self.breite(h)) + 1e-3\n")
    + """
def loss(aus, x, mittel, spanne):
    kl = 0.5 * (mittel**2 + 1 / spanne + torch.log(spanne) - 1).sum()
    return F.binary_cross_entropy(aus, x, reduction="sum") + kl
"""
)


def test_a_head_may_be_a_precision(tmp_path: Path) -> None:
    subject = bound(tmp_path, PRECISION)
    assert "the second head is a precision: converted to a log-variance" in subject.facts.notes
    mu, logvar, eps = torch.zeros(2, 5), torch.full((2, 5), 0.8), torch.ones(2, 5)
    torch.testing.assert_close(subject.draw(mu, logvar, Noise(given=eps)), torch.exp(logvar / 2))
    assert violated(tmp_path, PRECISION, "KL-02", "KL-03", "REP-01", "NET-06", "OBJ-05") == {}


def test_several_draws_an_item_are_refused_and_one_is_not(tmp_path: Path) -> None:
    several = HEAD.replace(
        "return mittel + torch.exp(spanne / 2) * torch.randn_like(spanne)", "return self.reparameterize(mittel, spanne)[0]"
    )
    several += """
    def reparameterize(self, mu, logvar):
        return mu + torch.exp(logvar / 2) * torch.randn(COUNT, *mu.shape)
"""
    with pytest.raises(Unbound, match="gives 5 codes for each item"):
        bound(tmp_path, several.replace("COUNT", "5"))
    assert violated(tmp_path, several.replace("COUNT", "1"), "REP-01", "REP-02", "REP-04") == {}


def test_a_batch_of_named_entries_is_refused_with_the_way_out(tmp_path: Path) -> None:
    source = HEAD.replace("def forward(self, bild):", "def forward(self, bild):\n        bild = bild['image']")
    with pytest.raises(Unbound, match=r"takes a batch of named entries \(bild\['image'\]\)") as refused:
        bound(tmp_path, source)
    assert "adapter" in refused.value.hint


DISTRIBUTIONS = """
import torch
from torch import nn
from torch import distributions as D
from typing import NamedTuple

class Result(NamedTuple):
    likelihood: object
    posterior: object
    prior: object

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = nn.Linear(64, 12), nn.Linear(6, 64)

    def posterior(self, x):
        loc, logvar = self.up(x).chunk(2, 1)
        return POSTERIOR

    def likelihood(self, z):
        return D.Independent(D.Bernoulli(logits=self.down(z), validate_args=False), 1, validate_args=False)

    def forward(self, x):
        q = self.posterior(x)
        return Result(self.likelihood(q.rsample()), q, PRIOR)

def free_energy(x, r):
    return D.kl_divergence(r.posterior, r.prior) - r.likelihood.log_prob(x)

def fit(model, data):
    for x in data:
        f = free_energy(x, model(x))
        f.mean().backward()
"""
KINDS = {
    "independent": ("D.Independent(D.Normal(loc, torch.exp(logvar / 2)), 1)", "D.Independent(D.Normal(0 * q.mean, 0 * q.mean + 1), 1)"),
    "multivariate": (
        "D.MultivariateNormal(loc, scale_tril=torch.diag_embed(torch.exp(logvar / 2)))",
        "D.MultivariateNormal(0 * q.mean, torch.eye(6).expand(len(x), 6, 6))",
    ),
}


@pytest.mark.parametrize(("posterior", "prior"), KINDS.values(), ids=KINDS.keys())
def test_a_result_of_distributions_is_made_for_any_batch(tmp_path: Path, posterior: str, prior: str) -> None:
    source = DISTRIBUTIONS.replace("POSTERIOR", posterior).replace("PRIOR", prior)
    assert violated(tmp_path, source, "OBJ-02", "KL-03", "REP-01", name="Net") == {}
    reversed_one = source.replace("kl_divergence(r.posterior, r.prior)", "kl_divergence(r.prior, r.posterior)")
    assert violated(tmp_path, reversed_one, "KL-03", name="Net") == {"KL-03": "kl-reversed"}
