"""Each mistake that is possible when everything is inline is rejected by exact claims and named first; run with `-m matrix`."""

from __future__ import annotations

from pathlib import Path

import pytest
from named import named_options

from catalogue_index import CATALOGUE
from vae_conformance.runner.session import Session
from vae_spec.diagnosis import diagnose
from vae_spec.outcomes import Outcome
from vae_spec.registry import CLAIMS

pytestmark = pytest.mark.matrix

SOUND = (CATALOGUE / "sound" / "all-inline.py").read_text(encoding="utf-8")
CODE = "mean + torch.exp(log_var / 2) * noise"
HEADS = "self.l21(h), self.l22(h)"
HIDDEN = "h = F.relu(self.l1(x))"
DECODED = "F.relu(self.l3(code))"
LOGGED = 'F.binary_cross_entropy(output, images, reduction="sum")'
KL = "-0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp()) / len(images)"

INLINE: list[tuple[str, dict[str, str]]] = [
    ("recon-mean-kl-sum", {LOGGED + " / len(images)": "F.binary_cross_entropy(output, images)"}),
    ("kl-mean-recon-sum", {KL: "-0.5 * torch.mean(1 + log_var - mean.pow(2) - log_var.exp())"}),
    ("terms-scale-with-batch", {LOGGED + " / len(images)": LOGGED}),
    ("terms-scale-with-batch", {LOGGED + " / len(images)": LOGGED + " / 128"}),
    ("kl-sign", {KL: KL[1:]}),
    ("missing-half", {KL: KL.replace("-0.5 *", "-")}),
    ("kl-of-batch-mean", {KL: "-0.5 * torch.sum(1 + log_var.mean(0) - mean.mean(0).pow(2) - log_var.mean(0).exp())"}),
    ("kl-reversed", {KL: "0.5 * torch.sum(log_var - 1 + (1 + mean.pow(2)) / log_var.exp()) / len(images)"}),
    ("kl-first-dimension", {KL: "-0.5 * torch.mean((1 + log_var - mean.pow(2) - log_var.exp())[:, 0])"}),
    ("kl-wrong-prior", {KL: KL.replace("mean.pow(2)", "(mean - 1).pow(2)")}),
    ("kl-missing-term", {KL: KL.replace("log_var - mean", "-mean")}),
    ("kl-missing-term", {KL: KL.replace("mean.pow(2)", "mean")}),
    ("double-sigmoid", {LOGGED: LOGGED.replace("entropy(", "entropy_with_logits(")}),
    ("overflow", {LOGGED: "-(images * torch.log(output) + (1 - images) * torch.log(1 - output)).sum()"}),
    ("std-no-half", {CODE: "mean + torch.exp(log_var) * noise"}),
    ("logvar-as-std", {CODE: "mean + log_var * noise"}),
    ("eps-from-rand", {"torch.randn_like(mean)": "torch.rand_like(mean)"}),
    ("eps-shared", {"torch.randn_like(mean)": "torch.randn(1, mean.size(1))"}),
    ("eps-shrunk", {"torch.randn_like(mean)": "0.01 * torch.randn_like(mean)"}),
    ("batch-size-frozen", {"torch.randn_like(mean)": "torch.randn(64, mean.size(1))"}),
    ("mean-in-training", {CODE: "mean"}),
    ("autoencoder-plus-noise", {CODE: "mean + 0.1 * noise", "+ kl_weight * kl": ""}),
    ("no-encoder-gradient", {CODE: "torch.normal(mean, torch.exp(log_var / 2))"}),
    ("no-encoder-gradient", {CODE: f"({CODE}).detach()"}),
    ("activation-on-heads", {HEADS: "F.relu(self.l21(h)), F.relu(self.l22(h))"}),
    ("shared-head", {HEADS: "self.l21(h), self.l21(h)"}),
    ("encoder-ignores-x", {HIDDEN: "h = F.relu(self.l1(torch.zeros_like(x)))"}),
    ("batch-coupled-encoder", {HIDDEN: f"{HIDDEN}\n        h = h - h.mean(0)"}),
    ("decoder-ignores-z", {DECODED: "F.relu(self.l3(torch.zeros_like(code)))"}),
    ("decoder-sees-x", {DECODED: "F.relu(self.l3(code) + h)"}),
    (
        "not-a-module",
        {"self.l3 = nn.Linear(n_latent, 64)": "self.layers = [nn.Linear(n_latent, 64)]", "self.l3(code)": "self.layers[0](code)"},
    ),
]


@pytest.mark.parametrize(("mistake", "changes"), INLINE, ids=[f"{mistake}-{index}" for index, (mistake, _) in enumerate(INLINE)])
def test_it_is_named_first(mistake: str, changes: dict[str, str], tmp_path: Path) -> None:
    source = SOUND
    for before, after in changes.items():
        assert before in source
        source = source.replace(before, after)
    path = tmp_path / "student.py"
    path.write_text(source, encoding="utf-8")
    session = Session(named_options(str(path), store=str(tmp_path / "runs")), lambda _event: None, other_sizes=False)
    verdicts = {claim.id: session.verdict(claim.id) for claim in CLAIMS.values() if not claim.trained}
    assert Outcome.ERROR not in {verdict.outcome for verdict in verdicts.values()}
    votes = {claim: verdict.diagnosis for claim, verdict in verdicts.items() if verdict.outcome is Outcome.VIOLATED}
    assert [line.mistake for line in diagnose(votes, CLAIMS)][:1] == [mistake], votes
