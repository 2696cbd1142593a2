"""A sampling step that stands inline is bound where the heads can be handed in and the code be read, and is asked like any other."""

from __future__ import annotations

from pathlib import Path

import bound_files
import pytest
import torch
from binding_samples import Bound
from named import named_options, named_target

from vae_conformance.runner.run import Judge
from vae_spec.outcomes import Outcome
from vae_spec.subject import Mode, Noise, Part, Standing

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F


def loss_function(recon, x, mu, logvar):
    return F.binary_cross_entropy(recon, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
"""
LAYERS = """        self.a, self.m, self.s = nn.Linear(64, 30), nn.Linear(30, 5), nn.Linear(30, 5)
        self.up, self.out = nn.Linear(5, 30), nn.Linear(30, 64)
"""
FORWARD = """
    def forward(self, x):
        h = torch.relu(self.a(x))
        mu, logvar = self.m(h), self.s(h)
        z = {draw}
        return torch.sigmoid(self.out(torch.relu(self.up(z)))), mu, logvar
"""
DRAW = "mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"
INLINE = HEAD + LAYERS + FORWARD
HALVES = """        self.a, self.decoder = nn.Sequential(nn.Linear(64, 30), nn.ReLU(), nn.Linear(30, 10)), nn.Linear(5, 64)

    def forward(self, x):
        mu, logvar = self.a(x).chunk(2, dim=1)
        return torch.sigmoid(self.decoder({draw})), mu, logvar
"""
METHODS = """        self.a, self.m, self.s, self.out = nn.Linear(64, 30), nn.Linear(30, 5), nn.Linear(30, 5), nn.Linear(5, 64)

    def encode(self, x):
        h = torch.relu(self.a(x))
        return self.m(h), self.s(h)

    def decode(self, z):
        return torch.sigmoid(self.out(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = {draw}
        return self.decode(z), mu, logvar
"""
NORMED = """        self.a = nn.Sequential(nn.Linear(64, 30), nn.BatchNorm1d(30), nn.Dropout(0.2), nn.ReLU())
        self.m, self.s, self.out = nn.Linear(30, 5), nn.Linear(30, 5), nn.Linear(5, 64)

    def forward(self, x):
        h = self.a(x)
        mu, logvar = self.m(h), self.s(h)
        return torch.sigmoid(self.out({draw})), mu, logvar
"""
INSIDE_ENCODER = (
    HEAD.replace(
        "class VAE",
        """class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.m, self.s = nn.Linear(64, 5), nn.Linear(64, 5)

    def forward(self, x):
        mu, logvar = self.m(x), self.s(x)
        return {draw}, mu, logvar


class VAE""",
    )
    + """        self.encoder, self.decoder = Encoder(), nn.Sequential(nn.Linear(5, 64), nn.Sigmoid())

    def forward(self, x):
        z, mu, logvar = self.encoder(x)
        return self.decoder(z), mu, logvar
"""
)
OF_THE_BATCH = "mu + torch.exp(0.5 * logvar) * torch.randn(x.size(0), 5)"
CLAMPED = FORWARD.replace("mu, logvar = self.m(h), self.s(h)", "mu, logvar = self.m(h).tanh() * 3, self.s(h).clamp(-9, 9)")
COPIED = CLAMPED.replace("mu, logvar\n", "mu.clone(), logvar + 0\n")
IN_PLACE = CLAMPED.replace("clamp(", "clamp_(")
FROM_STD = FORWARD.replace("mu, logvar = self.m(h), self.s(h)", "mu, std = self.m(h), F.softplus(self.s(h))").replace(
    "mu, logvar\n", "mu, 2 * torch.log(std)\n"
)
STEP = (Part.DRAW, Part.NOISE_CONTROL, Part.LATENT_IN_FORWARD)


def written(folder: Path, source: str, draw: str = DRAW) -> str:
    return bound_files.written(folder, source.replace("{draw}", draw), "VAE")


def bound(folder: Path, source: str, draw: str = DRAW) -> Bound:
    return bound_files.bound(folder, source.replace("{draw}", draw), "VAE")


@pytest.mark.parametrize(
    "source",
    [INLINE, HEAD + HALVES, HEAD + METHODS, INSIDE_ENCODER, HEAD + LAYERS + CLAMPED, HEAD + LAYERS + COPIED, HEAD + LAYERS + IN_PLACE],
)
@pytest.mark.parametrize("draw", [DRAW, "torch.distributions.Normal(mu, torch.exp(0.5 * logvar)).rsample()", OF_THE_BATCH])
def test_it_draws_as_it_stands(tmp_path: Path, source: str, draw: str) -> None:
    subject = bound(tmp_path, source, draw)
    assert {subject.facts.parts[part].standing for part in STEP} == {Standing.PRESENT}
    assert subject.facts.parts[Part.DRAW].account.startswith("inline, student.py:")
    generator = torch.Generator().manual_seed(1)
    for batch in (1, 3, 70):
        mu, logvar, eps = (torch.randn(batch, 5, generator=generator) for _ in range(3))
        expected = mu + torch.exp(0.5 * logvar) * eps
        torch.testing.assert_close(subject.draw(mu, logvar, Noise(given=eps)), expected)
        assert subject.draw(mu.double(), logvar.double(), Noise(seed=1)).dtype == torch.float64
        gradients = subject.draw_vjp(mu, logvar, Noise(given=eps), torch.ones_like(mu))
        torch.testing.assert_close(gradients.mu, torch.ones_like(mu))
        torch.testing.assert_close(gradients.logvar, (expected - mu) / 2)
    assert subject.draw_changes(mu, logvar, Noise(seed=1)) == ()
    passed = subject.forward(torch.rand(6, 64), Noise(given=torch.ones(6, 5)), mode=Mode.TRAIN)
    assert passed.z is not None
    torch.testing.assert_close(passed.z, passed.mu + torch.exp(0.5 * passed.logvar))


def test_layers_that_need_a_batch_or_drop_are_no_hindrance(tmp_path: Path) -> None:
    subject = bound(tmp_path, HEAD + NORMED)
    assert subject.facts.parts[Part.DRAW].standing is Standing.PRESENT
    assert subject.draw(torch.zeros(1, 5), torch.zeros(1, 5), Noise.none()).tolist() == [[0.0] * 5]


def test_nothing_behind_the_code_runs_for_a_draw(tmp_path: Path) -> None:
    subject = bound(tmp_path, INLINE)
    seen: list[object] = []
    subject.model.out.register_forward_hook(lambda *_args: seen.append(1))
    subject.draw(torch.zeros(4, 5), torch.zeros(4, 5), Noise(seed=1))
    assert not seen
    subject.forward(torch.rand(4, 64), Noise(seed=1))
    assert seen


@pytest.mark.parametrize(
    "source",
    [
        HEAD + LAYERS + CLAMPED.replace("-9, 9", "-2, 2"),
        HEAD + LAYERS + IN_PLACE.replace("-9, 9", "-2, 2"),
        HEAD + METHODS.replace("        z = {draw}", "        logvar = logvar.clamp(-2, 2)\n        z = {draw}"),
    ],
)
def test_what_is_done_to_the_heads_before_they_are_returned_is_no_part_of_the_step(tmp_path: Path, source: str) -> None:
    subject = bound(tmp_path, source)
    mu, logvar = torch.zeros(3, 5), torch.full((3, 5), 8.0)
    torch.testing.assert_close(subject.draw(mu, logvar, Noise(given=torch.ones_like(mu))), torch.exp(logvar / 2))
    assert subject.draw_changes(mu, logvar, Noise(seed=1)) == ()


@pytest.mark.parametrize("source", [INLINE, HEAD + METHODS])
@pytest.mark.parametrize(
    ("draw", "claim", "mistake"),
    [
        ("mu + torch.exp(logvar) * torch.randn_like(mu)", "REP-01", "std-no-half"),
        ("mu + logvar * torch.randn_like(mu)", "REP-01", "logvar-as-std"),
        ("mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)", "REP-02", "eps-from-rand"),
        ("mu + 0.01 * torch.exp(0.5 * logvar) * torch.randn_like(mu)", "REP-02", "eps-shrunk"),
        ("mu + 0.3 * torch.randn_like(mu)", "NET-03", "autoencoder-plus-noise"),
        ("mu + torch.exp(0.5 * logvar) * torch.randn(1, 5)", "REP-03", "eps-shared"),
        ("torch.normal(mu, torch.exp(0.5 * logvar))", "REP-04", "no-encoder-gradient"),
        ("(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).detach()", "REP-04", "no-encoder-gradient"),
        ("mu", "NET-03", "mean-in-training"),
    ],
)
def test_a_mistake_inline_is_found_and_named(tmp_path: Path, source: str, draw: str, claim: str, mistake: str) -> None:
    path = written(tmp_path, source, draw)
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask(claim)
    (report,) = judge.report_on(claim).claims
    assert report.outcome is Outcome.VIOLATED
    assert report.verdict.diagnosis == mistake
    assert "VAE.forward" in {location.name for location in report.locations}


def test_a_head_that_is_overwritten_is_judged_as_what_is_returned(tmp_path: Path) -> None:
    path = written(tmp_path, INLINE, "mu + logvar.mul_(0.5).exp_() * torch.randn_like(mu)")
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask("REP-01")
    (report,) = judge.report_on("REP-01").claims
    assert report.outcome is Outcome.VIOLATED
    assert report.verdict.diagnosis == "logvar-as-std"


@pytest.mark.parametrize(
    ("returned", "logvar"),
    [
        ("2 * torch.log(std)", "second"),
        ("torch.log(std**2 + 1e-8)", "second"),
        ("(2 * std.log()).clamp(-20, 20)", "second"),
        ("torch.log(std)", "2 * second"),
        ("std.square()", "torch.log(second)"),
    ],
)
def test_a_head_that_is_made_of_sigma_for_the_return_alone_is_sigma_inside(tmp_path: Path, returned: str, logvar: str) -> None:
    loss = HEAD.replace("mu, logvar):", f"mu, second):\n    logvar = {logvar}")
    subject = bound(tmp_path, loss + LAYERS + FROM_STD.replace("2 * torch.log(std)", returned), "mu + std * torch.randn_like(mu)")
    assert {subject.facts.parts[part].standing for part in STEP} == {Standing.PRESENT}
    generator = torch.Generator().manual_seed(1)
    mu, logvars, eps = (torch.randn(6, 5, generator=generator) for _ in range(3))
    torch.testing.assert_close(subject.draw(mu, logvars, Noise(given=eps)), mu + torch.exp(logvars / 2) * eps)


@pytest.mark.parametrize(
    ("draw", "claim", "mistake"),
    [
        ("mu + std.square() * torch.randn_like(mu)", "REP-01", "std-no-half"),
        ("mu + std * torch.rand_like(mu)", "REP-02", "eps-from-rand"),
        ("mu + std * torch.randn(1, 5)", "REP-03", "eps-shared"),
        ("torch.normal(mu, std)", "REP-04", "no-encoder-gradient"),
    ],
)
def test_a_mistake_with_such_a_head_is_found_and_named(tmp_path: Path, draw: str, claim: str, mistake: str) -> None:
    path = written(tmp_path, HEAD + LAYERS + FROM_STD, draw)
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask(claim)
    (report,) = judge.report_on(claim).claims
    assert (report.outcome, report.verdict.diagnosis) == (Outcome.VIOLATED, mistake)


def test_where_the_second_head_moves_nothing_the_code_alone_is_in_sight(tmp_path: Path) -> None:
    subject = bound(tmp_path, HEAD + LAYERS + FROM_STD, "mu + 0.3 * torch.randn_like(mu)")
    standings = [subject.facts.parts[part].standing for part in STEP]
    assert standings == [Standing.REPLACED, Standing.REPLACED, Standing.PRESENT]


@pytest.mark.parametrize(
    ("draw", "mistake"),
    [
        ("mu + std.square() * torch.randn_like(mu)", "std-no-half"),
        ("mu + 0.3 * torch.randn_like(mu)", "autoencoder-plus-noise"),
        ("mu + 0.99 * std * torch.randn_like(mu)", None),
        ("mu + std * torch.randn_like(mu)", None),
    ],
)
def test_the_code_in_sight_tells_what_the_noise_is_multiplied_by(tmp_path: Path, draw: str, mistake: str | None) -> None:
    path = written(tmp_path, HEAD + LAYERS + FROM_STD, draw)
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask("NET-03")
    (report,) = judge.report_on("NET-03").claims
    assert report.outcome is (Outcome.HOLDS if "+ std * " in draw else Outcome.VIOLATED)
    assert report.verdict.diagnosis == mistake


@pytest.mark.parametrize("claim", ["NET-02", "NET-04"])
@pytest.mark.parametrize(
    ("source", "mistake"),
    [
        (INLINE.replace("self.up(z)", "self.up(z) + h"), "decoder-sees-x"),
        (INLINE.replace("self.up(z)", "self.up(torch.zeros_like(z))"), "decoder-ignores-z"),
    ],
)
def test_an_inline_decoder_that_sees_another_thing_is_named(tmp_path: Path, source: str, mistake: str, claim: str) -> None:
    path = written(tmp_path, source)
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask(claim)
    (report,) = judge.report_on(claim).claims
    assert report.outcome is Outcome.VIOLATED
    assert report.verdict.diagnosis == mistake


def test_an_inline_decoder_is_handed_the_code_where_it_takes_it(tmp_path: Path) -> None:
    subject = bound(tmp_path, INLINE, "torch.normal(mu, torch.exp(0.5 * logvar))")
    assert subject.facts.parts[Part.DECODE].account == "forward with its latent replaced by z"
    slope = subject.decode_vjp(torch.zeros(3, 5), torch.ones(3, 64))
    assert slope is not None
    assert bool(slope.any())


def test_a_code_that_is_decoded_twice_goes_in_by_another_door(tmp_path: Path) -> None:
    twice = INLINE.replace("nn.Linear(30, 64)\n", "nn.Linear(35, 64)\n").replace(
        "self.out(torch.relu(self.up(z)))", "self.out(torch.cat([torch.relu(self.up(z)), z], 1))"
    )
    subject = bound(tmp_path, twice)
    assert subject.facts.parts[Part.DRAW].standing is Standing.PRESENT
    assert subject.facts.parts[Part.DECODE].account == "forward with its latent replaced by z"


@pytest.mark.parametrize("draw", ["mu", "mu + 0.3 * torch.randn_like(mu)"])
def test_a_width_that_nothing_learns_is_not_called_a_cut_path(tmp_path: Path, draw: str) -> None:
    path = written(tmp_path, INLINE, draw)
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask("OBJ-04")
    (report,) = judge.report_on("OBJ-04").claims
    assert report.outcome is Outcome.VIOLATED
    assert report.verdict.diagnosis is None
    assert "has a gradient for mu alone" in report.verdict.message


def test_noise_that_is_drawn_in_pieces_is_no_other_width(tmp_path: Path) -> None:
    pieces = "mu + torch.exp(0.5 * logvar) * torch.cat([torch.randn(len(mu), 2), torch.randn(len(mu), 3)], 1)"
    path = written(tmp_path, INLINE, pieces)
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    for claim in ("NET-03", "REP-01", "REP-02"):
        judge.ask(claim)
        (report,) = judge.report_on(claim).claims
        assert report.outcome is Outcome.HOLDS
