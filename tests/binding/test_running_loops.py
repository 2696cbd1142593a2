"""Training loops are run with stand-ins for what they have and the suite has not, and what they differentiate is judged."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bound_files import bound, violated

from vae_spec.subject import Likelihood, Objective, Part, Standing

HEAD = """
import torch
from torch import nn
from torch.nn import functional as F
from torch.distributions import Distribution
"""
VAE = """
class VAE(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.heads, self.out = nn.Linear(64, 2 * size), nn.Linear(size, 64)

    def forward(self, x):
        mu, logvar = self.heads(x).chunk(2, -1)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.out(z)), mu, logvar
"""
ELBO = "F.binary_cross_entropy(x_hat, x, reduction='sum') - 0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())"
MAIN = f"""
def main(options):
    from torchvision import datasets, transforms
    from somewhere import progress
    data = datasets.MNIST("data", download=True, transform=transforms.ToTensor())
    train_loader = torch.utils.data.DataLoader(data, batch_size=options.batch, shuffle=True)
    net = VAE(options.size).to("cuda" if torch.cuda.is_available() else "cpu")
    optimizer = torch.optim.Adam(net.parameters(), lr=options.rate)
    for epoch in range(options.epochs):
        for i, (x, _) in enumerate(progress(train_loader)):
            x_hat, mu, logvar = net(x.cuda())
            loss = {ELBO}
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
"""
NAMELESS = f"""
def lernen(f, daten, schritt):
    for x, _ in daten:
        x_hat, mu, logvar = f(x)
        kosten = {ELBO}
        schritt.zero_grad()
        kosten.backward()
"""
TRAINER = """
class Trainer:
    def __init__(self, model, epochs=10):
        self.model, self.epochs, self.epoch = model, epochs, 0

    @property
    def beta(self):
        return min(1.0, self.epoch / self.epochs)

    def step(self, x):
        x_hat, mu, logvar = self.model(x)
        kl = -0.5 * torch.sum(1 + logvar - mu**2 - logvar.exp())
        loss = F.binary_cross_entropy(x_hat, x, reduction="sum") + self.beta * kl
        loss.backward()
"""
SWAPPED = f"""
def loss_function(x_hat, x, mu, logvar):
    return {ELBO}

def train(model, loader, optimizer):
    for x, _ in loader:
        x_hat, logvar, mu = model(x)
        loss = loss_function(x_hat, x, mu, logvar)
        loss.backward()
"""


@pytest.mark.parametrize("loop", [MAIN, NAMELESS, TRAINER], ids=["main", "any names", "a computed weight"])
def test_a_loop_is_run_with_stand_ins(tmp_path: Path, loop: str) -> None:
    text = HEAD + VAE.replace("size)", "size=6)", 1) + loop
    facts = bound(tmp_path, text, "VAE").facts
    assert facts.parts[Part.LOSS].account.startswith("lines ")
    assert facts.likelihood is Likelihood.BERNOULLI
    assert violated(tmp_path, text, "OBJ-02", "OBJ-03", "OBJ-04", "KL-02", "KL-03", name="VAE") == {}


@pytest.mark.parametrize("loop", [MAIN, NAMELESS, TRAINER], ids=["main", "any names", "a computed weight"])
def test_its_mistake_is_found(tmp_path: Path, loop: str) -> None:
    text = (HEAD + VAE.replace("size)", "size=6)", 1) + loop).replace("0.5 * torch.sum(1 +", "torch.sum(1 +")
    assert violated(tmp_path, text, "OBJ-02", "KL-03", name="VAE") == {"OBJ-02": "missing-half", "KL-03": "missing-half"}


def test_a_weight_that_a_trainer_computes_is_given(tmp_path: Path) -> None:
    facts = bound(tmp_path, HEAD + VAE.replace("size)", "size=6)", 1) + TRAINER, "VAE").facts
    assert facts.parts[Part.BETA].standing is Standing.PRESENT
    assert facts.effective_beta is None


def test_what_the_loop_differentiates_goes_before_the_loss_that_it_misuses(tmp_path: Path) -> None:
    text = HEAD + VAE.replace("size)", "size=6)", 1) + SWAPPED
    assert "compute another loss" in "\n".join(bound(tmp_path, text, "VAE").facts.notes)
    assert "KL-03" in violated(tmp_path, text, "KL-03", name="VAE")
    right = text.replace("x_hat, logvar, mu = model(x)", "x_hat, mu, logvar = model(x)")
    assert bound(tmp_path, right, "VAE").facts.parts[Part.LOSS].account.startswith("function loss_function(")


RECORDS = """
from dataclasses import dataclass

@dataclass
class Normal:
    mean: torch.Tensor
    logvar: torch.Tensor

    def draw(self):
        return self.mean + torch.exp(0.5 * self.logvar) * torch.randn_like(self.mean)

    def nll(self, x):
        return 0.5 * ((x - self.mean) ** 2 * torch.exp(-self.logvar) + self.logvar).sum(-1)

class Config:
    size = 6

class VAE(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.heads, self.out = nn.Linear(64, 2 * cfg.size), nn.Linear(cfg.size, 128)

    def forward(self, x):
        q = Normal(*self.heads(x).chunk(2, -1))
        mean, logvar = self.out(q.draw()).chunk(2, -1)
        return Normal(torch.sigmoid(mean), logvar.clamp(-4, 4)), q

    def negative_elbo(self, x):
        p, q = self(x)
        return (p.nll(x) + 0.5 * (q.mean**2 + q.logvar.exp() - 1 - q.logvar).sum(-1)).mean()
"""


def test_records_with_a_mean_and_a_variance_are_outputs_and_settings_are_of_their_class(tmp_path: Path) -> None:
    facts = bound(tmp_path, HEAD + RECORDS, "VAE").facts
    assert facts.likelihood is Likelihood.GAUSSIAN
    assert facts.parts[Part.LOSS].account.startswith("method negative_elbo(x)")
    assert violated(tmp_path, HEAD + RECORDS, "OBJ-03", "OBJ-02", "KL-02", "KL-03", "NET-02", name="VAE") == {}


OWN = """
class Bell(Distribution):
    def __init__(self, mu, log_sigma):
        self.mu, self.log_sigma = mu, log_sigma

    def rsample(self):
        return self.mu + self.log_sigma.exp() * torch.randn_like(self.mu)

    def log_prob(self, z):
        return -0.5 * ((z - self.mu) / self.log_sigma.exp()) ** 2 - self.log_sigma

class VAE(nn.Module):
    def __init__(self, size=6):
        super().__init__()
        self.heads, self.out = nn.Linear(64, 2 * size), nn.Linear(size, 64)

    def forward(self, x):
        q = Bell(*self.heads(x).chunk(2, -1))
        p = Bell(torch.zeros_like(q.mu), torch.zeros_like(q.mu))
        z = q.rsample()
        return {"logits": self.out(z), "q": q, "p": p, "z": z}

def loss(out, x):
    kl = (out["q"].log_prob(out["z"]) - out["p"].log_prob(out["z"])).sum(-1)
    return (F.binary_cross_entropy_with_logits(out["logits"], x, reduction="none").sum(-1) + kl).mean()
"""


def test_a_distribution_of_the_authors_own_is_a_record(tmp_path: Path) -> None:
    facts = bound(tmp_path, HEAD + OWN, "VAE").facts
    assert (facts.objective, facts.likelihood) == (Objective.ELBO_MONTE_CARLO, Likelihood.BERNOULLI_LOGITS)
    assert violated(tmp_path, HEAD + OWN, "OBJ-03", "REP-01", "REP-02", name="VAE") == {}


def test_what_a_loop_writes_beside_itself_is_left_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    logging = NAMELESS.replace("    for x, _", "    open('log.txt', 'w').close()\n    for x, _")
    facts = bound(tmp_path, HEAD + VAE.replace("size)", "size=6)", 1) + logging, "VAE").facts
    assert facts.parts[Part.LOSS].account.startswith("lines ")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".txt"] == []


FOUR = """
import torch
from torch import nn


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.mean, self.second, self.out = nn.Linear(64, 16), nn.Linear(16, 2), nn.Linear(16, 2), nn.Linear(2, 64)

    def forward(self, x):
        h = torch.relu(self.hidden(x.view(-1, 64)))
        mu, logvar = self.mean(h), self.second(h)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        return torch.sigmoid(self.out(z)), mu, logvar, z


def main(loader):
    model, seen = VAE(), []
    for x, labels in loader:
        model.to("cpu")
        x_hat, mu, logvar, z = model(x)
        for index, label in enumerate(labels):
            seen.append((z[index, 0].item(), z[index, 1].item(), label.item()))
        error = nn.functional.binary_cross_entropy(x_hat.view(-1, 64), x.view(-1, 64), reduction="sum")
        loss = (error - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())) / len(x)
        loss.backward()
"""


def test_a_loop_may_look_at_each_item_and_move_its_model(tmp_path: Path) -> None:
    subject = bound(tmp_path, FOUR, "VAE")
    for items in (2, 5):
        x, mu = torch.rand(items, 64, dtype=torch.float64), torch.randn(items, 2, dtype=torch.float64)
        raw = torch.rand(items, 64, dtype=torch.float64)
        subject.reach(x.float(), mu.float(), mu.float(), steps=2, learning_rate=0.01, seed=0)  # leaves gradients, which move with a model
        terms = subject.terms((raw,), x, mu, torch.zeros_like(mu))
        assert float(terms.kl) == pytest.approx(float(0.5 * mu.square().sum(1).mean()), rel=1e-5)
