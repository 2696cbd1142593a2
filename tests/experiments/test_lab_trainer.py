"""Training as the documents' lab does it: one stream of random numbers for everything."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from binding_samples import Bound, bound
from named import named_options, named_target

from vae_conformance.binding.bind import bind
from vae_conformance.data.datasets import clusters as lab_points
from vae_conformance.experiments.trainer import train
from vae_reference import clusters, train_lab
from vae_spec.evidence import Recipe
from vae_spec.subject import SubjectFault


@pytest.fixture(scope="module")
def tiny() -> Bound:
    return bind(named_target("tiny"), named_options("tiny"))


def lab(seed: int, beta: float = 0.05) -> Recipe:
    return Recipe("clusters", 200, 0, 0.02, beta=beta, seed=seed, single_stream=True, samples=5)


@pytest.mark.parametrize(("seed", "beta"), [(4, 0.05), (4, 0.5), (11, 0.05)])
def test_a_single_stream_is_the_labs(tiny: Bound, seed: int, beta: float) -> None:
    ours, theirs = train(tiny, lab(seed, beta), torch.zeros(0)), train_lab(seed, kl_weight=beta)
    np.testing.assert_allclose(ours.total, theirs.loss, rtol=1e-4)
    np.testing.assert_allclose(ours.reconstruction, theirs.reconstruction, rtol=1e-4)
    np.testing.assert_allclose(ours.kl, theirs.kl, rtol=1e-3, atol=1e-6)
    assert ours.samples is not None
    np.testing.assert_allclose(ours.samples, theirs.generated.numpy(), atol=1e-3)


def test_the_labs_points_are_the_references() -> None:
    torch.manual_seed(4)
    ours = lab_points()
    torch.manual_seed(4)
    assert torch.equal(ours, clusters())


def test_a_ready_instance_cannot_be_begun_anew_in_the_lab() -> None:
    from vae_reference import TinyVAE

    subject = bound(TinyVAE())
    with pytest.raises(SubjectFault, match="ready instance"):
        train(subject, lab(4), torch.zeros(0))
