"""A loss that stands in the training loop: its lines are read back from what is differentiated, and bound where behaviour confirms them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from bound_files import bound as bound_file
from loop_files import (
    BCE,
    CALL,
    KL,
    MODEL,
    PLAIN,
    account,
    assert_averages_the_reconstruction,
    assert_is_the_elbo,
    at_import,
    bound,
    in_function,
)
from named import named_options, named_target

from vae_conformance.binding.bind import bind
from vae_conformance.runner.run import Judge
from vae_spec.elbo import closed_form_kl
from vae_spec.outcomes import Outcome
from vae_spec.subject import Likelihood, Part, Standing

COUNTS = "it depends on what the loop counts"


@pytest.mark.parametrize(
    "lines",
    [
        PLAIN,
        ("x = x.view(-1, SIDE)", *PLAIN),
        ("x = x.to('cpu').view(-1, 64)", "optimizer.zero_grad()", *PLAIN),
        (
            "size = x.size(0)",
            "flat = x.view(size, -1)",
            "x_hat, mu, log_var = model(flat)",
            BCE,
            KL,
            "loss = recon + kl",
            "loss.backward()",
        ),
        (CALL, "recon = bce(x_hat, x)", "kl = divergence(mu, log_var)", "loss = recon + kl", "loss.backward()"),
        (CALL, BCE, KL, "(recon + kl).backward()"),
        (CALL, BCE, KL, "loss = recon", "loss += kl", "loss.backward()"),
        (CALL, BCE, KL, "other = recon / label", "if step % 10 == 0:", "    print(step)", "loss = recon + kl", "loss.backward()"),
        ("with torch.enable_grad():", f"    {CALL}", f"    {BCE}", f"    {KL}", "    loss = recon + kl", "loss.backward()"),
        ("out = model.forward(x)", "recon = bce(out[0], x)", "kl = divergence(out[1], out[2])", "loss = recon + kl", "loss.backward()"),
        ("mu, log_var = model.encode(x)", "z = model.reparameterize(mu, log_var)", "x_hat = model.decode(z)", *PLAIN[1:]),
        ("_, mu, log_var = model(x)", "x_hat = model(x)[0]", *PLAIN[1:]),
        (CALL, BCE, KL, "size = len(x)", "loss = (recon + kl) / size", "loss = loss * size", "loss.backward()"),
    ],
)
@pytest.mark.parametrize("where", [in_function, at_import])
def test_the_lines_are_the_loss(tmp_path: Path, where, lines: tuple[str, ...]) -> None:
    subject = bound(tmp_path, where(*lines).replace("print(step)", "pass").replace("step % 10", "len(x) % 10"))
    assert account(subject).startswith("lines ")
    assert subject.facts.likelihood is Likelihood.BERNOULLI
    assert_is_the_elbo(subject)


def test_encoder_and_decoder_side_by_side(tmp_path: Path) -> None:
    pair = """
import torch
from torch import nn
from torch.nn import functional as F


class Encoder(nn.Module):
    def __init__(self, z_dim=8):
        super().__init__()
        self.m, self.s = nn.Linear(64, z_dim), nn.Linear(64, z_dim)

    def forward(self, x):
        return self.m(x), self.s(x)


class Decoder(nn.Module):
    def __init__(self, z_dim=8):
        super().__init__()
        self.d = nn.Sequential(nn.Linear(z_dim, 64), nn.Sigmoid())

    def forward(self, z):
        return self.d(z)


"""
    lines = ("mu, log_var = encoder(x)", "z = mu + torch.exp(log_var / 2) * torch.randn_like(mu)", "x_hat = decoder(z)", *PLAIN[1:])
    path = tmp_path / "student.py"
    path.write_text(pair + in_function(*lines, arguments="encoder, decoder, loader, optimizer"))
    subject = bind(named_target(str(path)), named_options(str(path)))
    assert account(subject).startswith("lines ")
    assert_is_the_elbo(subject)


@pytest.mark.parametrize(
    ("loop", "weight", "takes"),
    [
        (in_function(CALL, BCE, KL, "loss = recon + 0.25 * kl", "loss.backward()"), 0.25, False),
        (in_function("beta = 0.5", CALL, BCE, KL, "loss = recon + beta * kl", "loss.backward()"), 0.5, False),
        (in_function(CALL, BCE, KL, "loss = recon + scale * kl", "loss.backward()", before="scale = 3.0"), 3.0, False),
        (
            in_function(CALL, BCE, KL, "loss = recon + kl_weight * kl", "loss.backward()", arguments="model, loader, optimizer, kl_weight"),
            1.0,
            True,
        ),
        (
            in_function(CALL, BCE, KL, "loss = recon + beta * kl", "loss.backward()", arguments="model, loader, optimizer, beta=4.0"),
            4.0,
            True,
        ),
        (
            in_function(CALL, BCE, KL, "loss = recon + kl / n", "loss.backward()", arguments="model, loader, optimizer, *, n=8"),
            0.125,
            False,
        ),
        *(
            (in_function(CALL, "recon = criterion(x_hat, x)", KL, "loss = recon + kl", "loss.backward()", **where), 1.0, False)
            for where in (
                {"arguments": "model, loader, optimizer, criterion=nn.BCELoss(reduction='sum')"},
                {"before": "criterion = nn.BCELoss(reduction='sum')"},
            )
        ),
    ],
)
def test_weights_are_numbers_where_the_file_says_them(tmp_path: Path, loop: str, weight: float, takes: bool) -> None:
    subject = bound(tmp_path, loop)
    assert_is_the_elbo(subject, weight)
    assert subject.facts.parts[Part.BETA].standing is (Standing.PRESENT if takes else Standing.REPLACED)


@pytest.mark.parametrize(
    ("loop", "said"),
    [
        (in_function(CALL, BCE, KL, "loss = recon + kl * step", "loss.backward()"), COUNTS),
        ("step = 1.0\n\n\n" + in_function(CALL, BCE, KL, "loss = recon + kl * step", "loss.backward()"), COUNTS),
        (at_import(CALL, BCE, KL, "warm = 1.0 if len(x) else 0.5", "loss = recon + kl * label", "loss.backward()"), "it depends on label"),
        (in_function(CALL, BCE, KL, "loss = recon + F.nll_loss(mu, label) + kl", "loss.backward()"), "it depends on label"),
        (
            in_function(CALL, BCE, KL, "if step:", "    kl = 0.1 * kl", "loss = recon + kl", "loss.backward()"),
            COUNTS,
        ),
        (in_function(CALL, BCE, KL, "loss = recon + kl / norm(step)", "loss.backward()"), "it depends on norm"),
        (in_function(CALL, BCE, KL, "loss = recon", "loss.backward()"), ""),
        (in_function(CALL, BCE, KL, "loss = kl", "loss.backward()"), ""),
        (in_function(CALL, BCE, KL, "loss = recon + missing.kl(mu)", "loss.backward()"), "it depends on missing"),
        (in_function(CALL, BCE, KL, "loss = recon + kl"), ""),
        (in_function(CALL, BCE, KL, "loss = recon + kl.view(3, 3)", "loss.backward()"), "raised RuntimeError"),
        (
            in_function(*PLAIN) + in_function(CALL, BCE, KL, "loss = recon + 2 * kl", "loss.backward()").replace("train", "again"),
            "whose losses differ",
        ),
    ],
)
def test_what_only_the_loop_knows_ends_the_reading(tmp_path: Path, loop: str, said: str) -> None:
    subject = bound(tmp_path, loop)
    assert account(subject) == "supplied"
    assert said in "\n".join(subject.facts.notes)


@pytest.mark.parametrize(
    "lines",
    [
        ("beta = min(1.0, step / 100)", *PLAIN[:3], "loss = recon + beta * kl", "loss.backward()"),
        ("if step < 9:", "    beta = step / 9", "else:", "    beta = 1.0", *PLAIN[:3], "loss = recon + beta * kl", "loss.backward()"),
        (*PLAIN[:3], "loss = recon + betas[step] * kl", "loss.backward()"),
        (*PLAIN[:3], "loss = recon + kl_weight_at(step) * kl", "loss.backward()"),
        (*PLAIN[:3], "loss = recon + schedule.beta_at(epoch=step) * kl", "loss.backward()"),
        (*PLAIN[:3], "loss = recon + options.model.kl_weight * kl", "loss.backward()"),
    ],
)
def test_a_weight_that_the_loop_decides_of_is_given(tmp_path: Path, lines: tuple[str, ...]) -> None:
    subject = bound(tmp_path, in_function(*lines, arguments="model, loader, optimizer, betas, schedule, options, kl_weight_at"))
    assert_is_the_elbo(subject)
    assert subject.facts.parts[Part.BETA].standing is Standing.PRESENT
    assert "in its loop" in subject.facts.parts[Part.BETA].account
    x = torch.rand(6, 64, generator=torch.Generator().manual_seed(2))
    mu, logvar = torch.full((6, 8), 0.3), torch.full((6, 8), -0.5)
    terms = subject.terms((x,), x, mu, logvar, beta=3.0)
    assert float(terms.total - terms.reconstruction) == pytest.approx(3 * float(closed_form_kl(mu, logvar).sum()), rel=1e-3)


def test_a_schedule_at_what_the_model_gives_is_no_weight(tmp_path: Path) -> None:
    loop = in_function(*PLAIN[:3], "loss = recon + beta_at(kl, step) * kl", "loss.backward()", arguments="model, loader, beta_at")
    assert account(bound(tmp_path, loop)) == "supplied"


@pytest.mark.parametrize(
    ("last", "arguments"),
    [
        ("accelerator.backward(loss)", "model, loader, accelerator"),
        ("self.fabric.backward(loss, retain_graph=True)", "self, model, loader"),
        ("self.manual_backward(loss)", "self, model, loader"),
        ("scaler.scale(loss).backward()", "model, loader, scaler"),
        ("self.grad_scaler.scale(loss / 1).backward()", "self, model, loader"),
        ("loss.backward(torch.tensor(1.0))", "model, loader"),
        ("torch.autograd.backward(loss)", "model, loader"),
    ],
)
def test_whoever_differentiates_the_loss(tmp_path: Path, last: str, arguments: str) -> None:
    subject = bound(tmp_path, in_function(*PLAIN[:4], last, arguments=arguments))
    assert account(subject).startswith("lines ")
    assert_is_the_elbo(subject)


def test_the_scale_of_anything_else_is_part_of_the_loss(tmp_path: Path) -> None:
    subject = bound(tmp_path, in_function(*PLAIN[:4], "rescaled.scale(loss).backward()", arguments="model, loader, rescaled"))
    assert "it depends on rescaled" in "\n".join(subject.facts.notes)


@pytest.mark.parametrize(
    ("arguments", "likelihood"),
    [("model, loader, squared=False", Likelihood.BERNOULLI), ("model, loader, squared=True", Likelihood.SQUARED_ERROR)],
)
def test_of_two_branches_the_one_by_default(tmp_path: Path, arguments: str, likelihood: Likelihood) -> None:
    branches = ("if squared:", "    recon = 0.5 * (x_hat - x).square().sum()", "else:", f"    {BCE}", "    print(loader)")
    subject = bound(tmp_path, in_function(CALL, *branches, *PLAIN[2:], arguments=arguments))
    assert account(subject).startswith("lines ")
    assert subject.facts.likelihood is likelihood


def test_a_trainer_keeps_what_its_loss_is_made_of(tmp_path: Path) -> None:
    trainer = f"""
class Trainer:
    def __init__(self, model, optimizer, beta=2.0, scale=3.0):
        self.model, self.optimizer = model, optimizer
        self.criterion = nn.BCELoss(reduction="sum")
        self.beta = beta
        self.scale = scale
        self.steps = 0

    def step(self, x):
        self.steps += 1
        x_hat, mu, log_var = self.model(x)
        {KL}
        loss = self.scale * self.criterion(x_hat, x) / 3 + self.beta * kl
        loss.backward()
        self.optimizer.step()
"""
    subject = bound(tmp_path, trainer)
    assert account(subject).endswith("of step give one scalar")
    assert_is_the_elbo(subject, 2.0)
    assert subject.facts.effective_beta == pytest.approx(2)
    counted = bound(tmp_path, trainer.replace("self.beta * kl", "self.steps * kl"))
    assert account(counted) == "supplied"
    assert COUNTS in "\n".join(counted.facts.notes)


def test_a_counter_is_not_the_number_that_it_begins_with(tmp_path: Path) -> None:
    lines = (*PLAIN[:3], "count += 1", "loss = recon + kl * count", "loss.backward()")
    subject = bound(tmp_path, in_function(*lines, before="count = 0"))
    assert COUNTS in "\n".join(subject.facts.notes)


def test_a_closure_within_the_loop(tmp_path: Path) -> None:
    lines = ("def closure():", *(f"    {line}" for line in PLAIN[:5]), "    return loss", "optimizer.step(closure)")
    assert_is_the_elbo(bound(tmp_path, in_function(*lines)))


def test_the_same_loss_twice_is_one_loss(tmp_path: Path) -> None:
    assert account(bound(tmp_path, in_function(*PLAIN) + in_function(*PLAIN).replace("train", "again"))).startswith("lines ")


def test_a_function_of_the_file_goes_before_the_loop(tmp_path: Path) -> None:
    function = "def loss_function(x_hat, x, mu, log_var):\n    return bce(x_hat, x) + divergence(mu, log_var)\n\n"
    loop = in_function(CALL, "loss = loss_function(x_hat, x, mu, log_var)", "loss.backward()")
    assert account(bound(tmp_path, function + loop)).startswith("function loss_function(")


def notebook(folder: Path, *cells: str) -> str:
    path = folder / "homework.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4}))
    return f"{path}:VAE"


@pytest.mark.parametrize("where", [in_function, at_import])
def test_the_loop_of_a_notebook(tmp_path: Path, where) -> None:
    before = "%matplotlib inline\ncriterion = nn.BCELoss()\nloader = load()\n"
    lines = (CALL, "recon = criterion(x_hat, x)", KL, "loss = recon + kl", "loss.backward()")
    path = notebook(tmp_path, MODEL, before, "# training\n" + where(*lines), "plt.plot(losses)")
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask("OBJ-02")
    subject = bind(named_target(path), named_options(path))
    assert account(subject).startswith("cell 3, lines ")
    assert_averages_the_reconstruction(subject)
    (claim,) = judge.report_on("OBJ-02").claims
    assert claim.outcome is Outcome.VIOLATED
    (place,) = [place for place in claim.locations if place.cell == 3]
    assert place.line == 5


def test_a_mistake_in_the_loop_is_found_where_it_stands(tmp_path: Path) -> None:
    loop = in_function(CALL, BCE.replace("reduction='sum'", ""), KL, "loss = recon + kl", "loss.backward()")
    bound(tmp_path, loop)
    path = f"{tmp_path / 'student.py'}:VAE"
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask("KL-03")
    (claim,) = judge.report_on("KL-03").claims
    line = (MODEL + loop).splitlines().index(f"        {CALL}") + 1
    assert claim.outcome is Outcome.VIOLATED
    assert (line, "train") in [(location.line, location.name) for location in claim.locations]


def test_a_method_of_the_model_may_hold_the_loop(tmp_path: Path) -> None:
    loop = in_function(*PLAIN, arguments="self, loader, optimizer").replace("model(x)", "self(x)").replace("def train", "def fit")
    method = "\n".join(f"    {line}" for line in loop.splitlines()) + "\n"
    subject = bound_file(tmp_path, MODEL.rstrip() + "\n\n" + method, "VAE")
    assert account(subject).startswith("lines ")
    assert_is_the_elbo(subject)


def test_a_loss_that_the_loop_imports_is_not_taken_for_the_model(tmp_path: Path) -> None:
    loop = in_function(CALL, "loss = vae_loss(x, x_hat, mu, log_var)", "loss.backward()", arguments="model, loader, optimizer, vae_loss")
    subject = bound(tmp_path, loop)
    assert account(subject) == "supplied"
    assert "it depends on vae_loss" in "\n".join(subject.facts.notes)
