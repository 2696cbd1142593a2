"""Which mistake a violation names, where several look alike."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import Inline, Native, bound
from torch import Tensor
from torch.nn import functional as F

from vae_spec.claims.kl import explain_ratio
from vae_spec.context import ClaimContext
from vae_spec.judging import ask
from vae_spec.outcomes import Outcome, Verdict
from vae_spec.registry import CLAIMS


def asked(claim: str, made: type[torch.nn.Module], *functions: Any) -> Verdict:
    """The verdict of one exact claim."""
    return ask(CLAIMS[claim], bound(made, *functions), ClaimContext(claim, 0, examples=10, level=1e-9))


class UniformInside(Native):
    """The draw stands inline, and its noise is uniform."""

    reparameterize = None  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.rand_like(mu)), mu, logvar


class Shrunk(UniformInside):
    """The draw stands inline, and its noise is too small."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(mu + 0.1 * torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar


def test_uniform_noise_inside_forward_is_named() -> None:
    verdict = asked("NET-03", UniformInside)
    assert (verdict.outcome, verdict.diagnosis) == (Outcome.VIOLATED, "eps-from-rand")
    assert "uniform noise" in verdict.message


def test_other_wrong_noise_is_not_called_uniform() -> None:
    verdict = asked("NET-03", Shrunk)
    assert (verdict.outcome, verdict.diagnosis) == (Outcome.VIOLATED, None)


class Detached(Native):
    """The code is cut off before it is decoded, behind a sampling step that is right."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(self.reparameterize(mu, logvar).detach()), mu, logvar


class MeanOnly(Native):
    """Forward decodes the mean: the second head hears nothing of the reconstruction, mu does."""

    def forward(self, x: Tensor) -> Any:
        mu, logvar = self.encode(x)
        return self.decode(mu), mu, logvar


def test_a_detach_behind_the_sampling_step_is_found() -> None:
    verdict = asked("OBJ-04", Detached)
    assert (verdict.outcome, verdict.diagnosis) == (Outcome.VIOLATED, "no-encoder-gradient")


@pytest.mark.parametrize("made", [MeanOnly, Native, Inline])
def test_a_path_that_is_not_cut_as_a_whole_is_no_detach(made: type[torch.nn.Module]) -> None:
    assert asked("OBJ-04", made).outcome is Outcome.HOLDS


class PlainList(Native):
    """A layer of the decoder stands in a plain list."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [torch.nn.Linear(64, 64)]

    def decode(self, z: Tensor) -> Any:
        return torch.sigmoid(self.blocks[0](super().decode(z).flatten(1))).view(-1, 1, 8, 8)


class ModuleList(PlainList):
    """The same layer is registered."""

    def __init__(self) -> None:
        super().__init__()
        self.registered = torch.nn.ModuleList(self.blocks)


def test_layers_in_a_plain_list_are_found() -> None:
    verdict = asked("OBJ-04", PlainList)
    assert (verdict.outcome, verdict.diagnosis) == (Outcome.VIOLATED, "not-a-module")
    assert "(shapes 64, 64 x 64)" in verdict.message
    assert asked("OBJ-04", ModuleList).outcome is Outcome.HOLDS


class DropsAlways(Native):
    """Dropout goes on in eval mode."""

    def decode(self, z: Tensor) -> Any:
        return F.dropout(super().decode(z), 0.3)


def test_a_random_decoder_is_not_taken_for_a_shortcut() -> None:
    verdict = asked("NET-04", DropsAlways)
    assert (verdict.outcome, verdict.diagnosis) == (Outcome.VIOLATED, None)
    assert "different outputs for the same code" in verdict.message
    assert "self.training" in verdict.hint


def test_a_ratio_to_an_estimate_near_zero_names_nothing() -> None:
    unclear = explain_ratio(-94.0, 0.6)
    assert (unclear.mistake, "1/2" in unclear.words) == (None, False)
    doubled = explain_ratio(2.01, 0.005)
    assert (doubled.mistake, "1/2 is missing" in doubled.words) == ("missing-half", True)
    assert explain_ratio(-1.0, 0.0).mistake == "kl-sign"


def test_a_doubled_kl_is_still_named_by_its_ratio() -> None:
    class Doubled(Native):
        def loss(self, x_hat: Tensor, x: Tensor, mu: Tensor, logvar: Tensor, beta: float = 1.0) -> Any:
            reconstruction, kl = F.binary_cross_entropy(x_hat, x, reduction="sum"), (mu.square() + logvar.exp() - 1 - logvar).sum()
            return reconstruction + beta * kl, reconstruction, kl

    assert asked("KL-02", Doubled).diagnosis == "missing-half"
