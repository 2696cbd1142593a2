"""What a pass shows when its noise is replaced: the latent and its heads, however they are written, and whatever else is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from binding_samples import Layers, X, bound, verdict
from torch import Tensor

from vae_conformance.binding.trace.tape import record
from vae_spec.outcomes import Outcome
from vae_spec.subject import Mode, Noise, Part, Standing

MU, LOGVAR = torch.tensor([[0.5, -1.0, 2.0]] * 4), torch.tensor([[-1.0, 0.0, 0.5]] * 4)
NOISE = torch.tensor([[1.0, -2.0, 0.5]] * 4)


def by_hand(model: Layers, z: Tensor) -> Tensor:
    up, _, out, _ = model.layers
    return torch.sigmoid(out(torch.relu(up(z))))


class Inline(Layers):
    """A VAE that draws and decodes inline."""

    def roll(self, mu: Tensor, logvar: Tensor) -> Tensor:
        return mu + torch.exp(logvar / 2) * torch.randn_like(mu)

    def seen(self, x: Tensor) -> Tensor:
        return x

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.heads(self.seen(x))
        return by_hand(self, self.roll(mu, logvar)).view_as(x), mu, logvar



def by_numpy(_self: Inline, mu: Tensor, logvar: Tensor) -> Tensor:
    return mu + torch.exp(logvar / 2) * torch.from_numpy(np.random.standard_normal(mu.shape).astype(np.float32))  # noqa: NPY002


def in_place(_self: Inline, mu: Tensor, logvar: Tensor) -> Tensor:
    return torch.empty_like(mu).normal_().mul_(torch.exp(logvar / 2)).add_(mu)


def by_parameters(_self: Inline, mu: Tensor, logvar: Tensor) -> Tensor:
    return torch.normal(mu, torch.exp(logvar / 2))


def with_dropout_first(self: Inline, x: Tensor) -> Tensor:
    return torch.dropout(x, 0.2, self.training)


def with_noise_first(self: Inline, x: Tensor) -> Tensor:
    return x + 0.1 * torch.randn_like(x) if self.training else x


@pytest.mark.parametrize(
    "changes",
    [{}, {"roll": by_numpy}, {"roll": in_place}, {"seen": with_dropout_first}, {"seen": with_noise_first}],
    ids=["plain", "numpy", "in place", "dropout before", "a denoising model"],
)
def test_a_step_that_is_inline_draws_from_the_heads_that_it_is_given(changes: dict[str, Any]) -> None:
    subject = bound(type("Changed", (Inline,), changes))
    report = subject.facts.parts[Part.DRAW]
    assert (report.standing, report.account[:6]) == (Standing.PRESENT, "inline")
    draws = torch.stack([subject.draw(MU, LOGVAR, Noise(seed=seed)) for seed in range(400)]).flatten(0, 1)
    torch.testing.assert_close(draws.mean(0), MU[0], atol=0.2, rtol=0)
    torch.testing.assert_close(draws.std(0), torch.exp(LOGVAR[0] / 2), atol=0.1, rtol=0)


def test_the_latent_is_decoded_in_either_mode_wherever_it_is_made() -> None:
    subject = bound(Inline)
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(2))
    wanted = by_hand(subject.model, z).view(4, *subject.facts.input_shape)
    for mode in Mode:
        torch.testing.assert_close(subject.decode(z, mode=mode)[0], wanted.detach())


@pytest.mark.parametrize("draw", [by_parameters, lambda _self, mu, logvar: mu + torch.exp(logvar.detach() / 2) * torch.randn_like(mu)])
def test_a_gradient_that_the_author_cuts_is_cut(draw: Any) -> None:
    subject = bound(type("Cut", (Inline,), {"roll": draw}))
    slope = subject.draw_vjp(MU, LOGVAR, Noise(seed=1), torch.ones_like(MU)).logvar
    assert slope is None or not slope.any()
    found = verdict("REP-04", subject)
    assert (found.outcome, found.diagnosis) == (Outcome.VIOLATED, "no-encoder-gradient")


def test_given_noise_takes_the_place_of_what_an_inline_step_draws() -> None:
    z = bound(Inline).draw(MU, LOGVAR, Noise(given=NOISE))
    torch.testing.assert_close(z, MU + torch.exp(LOGVAR / 2) * NOISE)


def test_following_a_pass_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = Inline()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()
    bound(model).forward(X, Noise(seed=1))
    assert not model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_parameters_are_no_nodes_when_a_pass_moves_its_model() -> None:
    layer = torch.nn.Linear(3, 2)
    recording = record(lambda x: layer.to("cpu").double().float()(x), torch.ones(4, 3))
    assert recording.operations == ("batch", "linear")
