"""A loss in two functions that only the script's training loop adds: bound as the loop adds them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from binding_samples import Bound
from bound_files import bound as bound_file
from loss_files import KL, LOOP, PLAIN, RECON
from named import named_options, named_target
from student_files import GOOD, LOSS

from vae_conformance.runner.run import Judge
from vae_spec.elbo import kl_weight, reconstruction_fit
from vae_spec.outcomes import Outcome
from vae_spec.subject import Likelihood, Part, Standing

NAMED = "        recon = recon_loss(x_hat, x)\n        kl = kl_loss(mu, logvar)\n        loss = recon + {weight}kl"


def bound(folder: Path, *parts: str, lines: str = PLAIN) -> Bound:
    return bound_file(folder, GOOD.replace(LOSS, "") + "".join(parts) + LOOP.format(lines=lines), "VAE")


def account(subject: Bound) -> str:
    report = subject.facts.parts[Part.LOSS]
    return report.account if report.standing is Standing.PRESENT else "supplied"


@pytest.mark.parametrize(
    ("lines", "weight"),
    [
        (PLAIN, 1.0),
        ("        loss = kl_loss(mu, logvar) + recon_loss(x_hat, x)", 1.0),
        (NAMED.format(weight=""), 1.0),
        (NAMED.format(weight="0.25 * "), 0.25),
        (NAMED.format(weight="beta * "), 1.0),
        ("        w = 0.5\n" + NAMED.format(weight="w * "), 0.5),
        (NAMED.format(weight="HALF * "), 0.5),
    ],
)
def test_the_sum_is_that_of_the_script(lines: str, weight: float, tmp_path: Path) -> None:
    subject = bound(tmp_path, "\nHALF = 0.5\n", RECON, KL, lines=lines)
    assert account(subject).startswith("lines ")
    assert subject.facts.likelihood is Likelihood.BERNOULLI
    assert subject.facts.effective_beta == (None if weight == 1 else pytest.approx(weight))
    scale = reconstruction_fit(subject, Likelihood.BERNOULLI, batch=8).scale
    assert kl_weight(subject, batch=8) / scale == pytest.approx(weight, rel=1e-3)


def test_the_lines_are_named_and_beta_weighs_the_kl(tmp_path: Path) -> None:
    subject = bound(tmp_path, RECON, KL)
    first, last = (int(word) for word in account(subject).split() if word.isdigit())
    assert PLAIN in (tmp_path / "student.py").read_text().splitlines()[first - 1 : last]
    x, mu, logvar = torch.rand(4, 1, 8, 8), torch.ones(4, 3), torch.zeros(4, 3)
    terms = subject.terms((torch.full((4, 1, 8, 8), 0.5),), x, mu, logvar, beta=4.0)
    assert float(terms.kl) == pytest.approx(1.5)
    assert float(terms.total) == pytest.approx(float(terms.reconstruction) + 6.0)


def test_values_of_each_item_are_drawn_together_as_the_script_does(tmp_path: Path) -> None:
    recon = RECON.replace('reduction="sum") / len(x)', 'reduction="none").flatten(1).sum(1)')
    lines = "        loss = recon_loss(x_hat, x).sum() + kl_loss(mu, logvar).sum()"
    subject = bound(tmp_path, recon, KL.replace(".sum(1).mean()", ".sum(1)"), lines=lines)
    terms = subject.terms((torch.full((4, 1, 8, 8), 0.5),), torch.rand(4, 1, 8, 8), torch.ones(4, 3), torch.zeros(4, 3))
    assert float(terms.kl) == pytest.approx(4 * 1.5)


def test_arguments_may_stand_in_the_other_order(tmp_path: Path) -> None:
    recon = RECON.replace("(x_hat, x):", "(target, recon):").replace("(x_hat, x, r", "(recon, target, r").replace("len(x)", "len(target)")
    subject = bound(tmp_path, recon, KL, lines="        loss = recon_loss(x, x_hat) + kl_loss(mu, logvar)")
    assert account(subject).startswith("lines ")
    assert subject.facts.likelihood is Likelihood.BERNOULLI


@pytest.mark.parametrize(
    "lines",
    [
        "        loss = recon_loss(x_hat, x) / 64 + kl_loss(mu, logvar)",
        "        loss = recon_loss(x_hat, x).sum() + kl_loss(mu, logvar).mean()",
        "        loss = recon_loss(x_hat, x) - kl_loss(mu, logvar)",
        PLAIN + "\n        other = recon_loss(x_hat, x) + 0.5 * kl_loss(mu, logvar)",
        "        loss = 2 * recon_loss(x_hat, x) + kl_loss(mu, logvar)",
    ],
)
def test_what_no_sum_of_two_terms_says_is_read_from_the_loop(lines: str, tmp_path: Path) -> None:
    assert account(bound(tmp_path, RECON, KL, lines=lines)).startswith("lines ")


def test_where_the_loop_has_one_term_alone_the_elbo_is_supplied(tmp_path: Path) -> None:
    assert account(bound(tmp_path, RECON, KL, lines="        loss = recon_loss(x_hat, x)")) == "supplied"


def test_a_function_that_fails_or_follows_nothing_is_no_term(tmp_path: Path) -> None:
    assert account(bound(tmp_path, RECON, KL.replace("return", "raise ValueError\n    return"))) == "supplied"
    assert account(bound(tmp_path, RECON, KL.replace("0.5 *", "0.0 *"))) == "supplied"


def test_a_mistake_in_a_function_is_found_and_sent_to(tmp_path: Path) -> None:
    bound(tmp_path, RECON, KL.replace("0.5 * (", "("))
    path = f"{tmp_path / 'student.py'}:VAE"
    judge = Judge(named_options(path, profile="exact"), named_target(path))
    judge.ask("KL-03")
    (claim,) = judge.report_on("KL-03").claims
    assert claim.outcome is Outcome.VIOLATED
    assert "train" in [location.name for location in claim.locations]
