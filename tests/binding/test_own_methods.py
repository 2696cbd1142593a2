"""Finding an implementation's own methods of sampling, reconstruction and interpolation, and seeing what they decode, give and change."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import Bound
from bound_files import bound as bound_file
from torch import Tensor, nn

from vae_spec.subject import Noise, OwnPurpose, Part, SubjectFault

HEAD = """
import torch
from torch import nn

class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.latent_dim = 2
        self.encoder = nn.Linear(10, 4)
        self.decoder = nn.Linear(2, 10)

    def encode(self, x):
        return self.encoder(x).chunk(2, 1)

    def decode(self, z):
        return torch.sigmoid(self.decoder(z))

    def forward(self, x):
        mu, logvar = self.encode(x)
        return self.decode(mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)), mu, logvar
"""


def bound(tmp_path: Any, method: str, head: str = HEAD) -> Bound:
    """A small VAE for flat items of ten entries, with a method of sampling."""
    source = head + "\n" + "\n".join(f"    {line}" for line in method.splitlines()) + "\n"
    return bound_file(tmp_path, source, "VAE", input_shape=(10,))


@pytest.mark.parametrize(
    ("methods", "called"),
    [
        (("sample(self, n)",), "sample(n=4)"),
        (("sample(self, num_samples, current_device)",), "sample(num_samples=4, current_device=cpu)"),
        (("generate(self, batch_size=16, temperature=0.7)",), "generate(batch_size=4)"),
        (("sample(self, mu, logvar)", "sample_prior(self, n_images, *, device='cuda')"), "sample_prior(n_images=4, device=cpu)"),
        (("sample(self, z)",), None),
        (("generate(self, x, n=3)",), None),
        (("sample(self, n, label)",), None),
        (("sample(self)",), "sample()"),
        (("generate(self, temperature=0.7, device=None)",), "generate(device=cpu)"),
        (("sample(self, seed)",), None),
        (("show(self, n)",), None),
    ],
)
def test_a_method_is_identified_by_its_name_and_its_arguments(tmp_path: Any, methods: tuple[str, ...], called: str | None) -> None:
    count = called.partition("(")[2].partition("=")[0] if called is not None and "=4" in called else "4"
    body = f"return self.decode(torch.zeros({count}, 2))"
    step = "def reparameterize(self, mu, logvar): return mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)"
    found = bound(tmp_path, "\n".join((step, *(f"def {method}: {body}" for method in methods)))).own_samples(4, Noise())
    assert (None if found is None else found.method) == called


def test_what_cannot_be_called_is_no_method_of_sampling(tmp_path: Any) -> None:
    assert bound(tmp_path, "sample = 3").own_samples(4, Noise()) is None


def test_what_is_bound_as_a_part_is_no_method_of_sampling(tmp_path: Any) -> None:
    head = (
        HEAD.replace("decode(self, z)", "generate(self, n)")
        .replace("self.decoder(z)", "self.decoder(n)")
        .replace("self.decode(", "self.generate(")
    )
    subject = bound(tmp_path, "", head)
    assert subject.facts.parts[Part.DECODE].account == "generate(z)"
    assert subject.own_samples(4, Noise()) is None


def test_the_codes_are_seen_and_repeatable(tmp_path: Any) -> None:
    subject = bound(tmp_path, "def sample(self, n):\n    return self.decode(torch.randn(n, 2))")
    first, again = (subject.own_samples(6, Noise(seed=3)) for _ in range(2))
    assert first is not None
    assert again is not None
    assert isinstance(first.codes, Tensor)
    assert first.codes.shape == (6, 2)
    assert torch.equal(first.codes, again.codes)
    assert (first.method, first.encoded) == ("sample(n=6)", False)


@pytest.mark.parametrize(
    "method",
    [
        "def sample(self, n):\n    return torch.cat([self.decode(torch.randn(1, 2)) for _ in range(n)])",
        "@torch.inference_mode()\ndef sample(self, n):\n    self.eval()\n    return torch.bernoulli(self.decode(torch.randn(n, 2)))",
        "def sample(self, n):\n    return torch.sigmoid(self.decoder(torch.randn(n, 2)))",
        "def sample(self, n):\n    return self.decode(z=torch.randn(n, 2))",
        "def sample(self, n):\n    z = torch.randn(n, 2)\n    return [self.decode(z) for _ in range(3)][-1]",
    ],
)
def test_codes_are_seen_in_pieces_without_gradients_past_decode_by_keyword_and_again(tmp_path: Any, method: str) -> None:
    found = bound(tmp_path, method).own_samples(5, Noise(seed=1))
    assert found is not None
    assert found.codes is not None
    assert found.codes.shape == (5, 2)
    assert not found.encoded


@pytest.mark.parametrize(
    "method",
    [
        "def sample(self, n):\n    return self(torch.rand(n, 10))[0]",
        "def sample(self, n):\n    return self.decode(self.encode(torch.rand(n, 10))[0])",
    ],
)
def test_a_pass_of_the_encoder_is_seen(tmp_path: Any, method: str) -> None:
    subject = bound(tmp_path, method)
    first, other = (subject.own_samples(5, Noise(seed=1), fresh=seed) for seed in (0, 1))
    assert first is not None
    assert other is not None
    assert first.encoded
    assert first.codes is not None
    assert other.codes is not None
    assert not torch.equal(first.codes, other.codes)


@pytest.mark.parametrize(
    "method",
    [
        "def sample(self, n):\n    return torch.rand(n, 10)",
        "def sample(self, n):\n    return self.decode(torch.randn(1, 2)).expand(n, 10)",
        "def sample(self, n):\n    self.decode(torch.randn(n, 2))\n    return self.decode(torch.randn(n, 2))",
    ],
)
def test_codes_that_are_not_there_once_for_every_sample_are_not_seen(tmp_path: Any, method: str) -> None:
    found = bound(tmp_path, method).own_samples(5, Noise())
    assert found is not None
    assert found.codes is None


def test_state_mode_and_parts_are_put_back(tmp_path: Any) -> None:
    subject = bound(tmp_path, "def sample(self, n):\n    self.eval()\n    return self.decode(torch.randn(n, 2))")
    model: nn.Module = subject.model
    model.train()
    before = subject.state()
    subject.own_samples(3, Noise(), fresh=9)
    assert model.training
    assert all(torch.equal(before[name], value) for name, value in subject.state().items())
    assert not {"decode", "encode", "forward"} & set(vars(model))


def test_a_failing_method_is_a_fault_and_everything_is_put_back(tmp_path: Any) -> None:
    subject = bound(tmp_path, "def sample(self, n):\n    self.decode(torch.randn(n, 2))\n    raise ValueError('no')")
    with pytest.raises(SubjectFault, match="ValueError: no"):
        subject.own_samples(3, Noise(), fresh=9)
    assert not {"decode", "encode", "forward"} & set(vars(subject.model))


def test_without_a_method_there_is_nothing(tmp_path: Any) -> None:
    assert bound(tmp_path, "def show(self, n):\n    return n").own_samples(3, Noise()) is None


# methods that take no count, and defaults ---------------------------------------------------------


def test_a_method_without_a_count_is_called_until_there_are_as_many_codes_as_asked_for(tmp_path: Any) -> None:
    found = bound(tmp_path, "def sample(self):\n    return self.decode(torch.randn(3, 2))").own_samples(7, Noise(seed=1))
    assert found is not None
    assert found.codes is not None
    assert found.images is not None
    assert (found.method, len(found.codes), len(found.images)) == ("sample()", 9, 9)
    assert len(torch.unique(found.codes, dim=0)) == 9


def test_a_method_without_a_count_that_fails_is_of_another_purpose(tmp_path: Any) -> None:
    assert bound(tmp_path, "def generate(self, prompt=None):\n    return prompt.shape").own_samples(3, Noise()) is None


def test_a_temperature_is_left_at_its_default(tmp_path: Any) -> None:
    method = "def sample(self, n, temperature=0.5):\n    return self.decode(temperature * torch.randn(n, 2))"
    there, plain = (bound(tmp_path, one).own_samples(6, Noise(seed=1)) for one in (method, method.replace("0.5", "1.0")))
    assert there is not None
    assert plain is not None
    assert there.codes is not None
    assert plain.codes is not None
    assert torch.allclose(there.codes, 0.5 * plain.codes)


def test_a_submodule_of_a_telling_name_is_no_method(tmp_path: Any) -> None:
    head = HEAD.replace("self.decoder = nn.Linear(2, 10)", "self.decoder = nn.Linear(2, 10)\n        self.generate = nn.Identity()")
    subject = bound(tmp_path, "", head)
    assert isinstance(subject.model.generate, nn.Module)
    assert subject.own_samples(3, Noise()) is None
    assert subject.own_method(OwnPurpose.RECONSTRUCTION, [torch.rand(3, 10)], Noise()) is None


# what a method gives and changes ------------------------------------------------------------------


def test_what_a_method_gives_is_seen_beside_its_codes(tmp_path: Any) -> None:
    found = bound(tmp_path, "def sample(self, n):\n    return 1 - self.decode(torch.randn(n, 2))").own_samples(4, Noise(seed=1))
    assert found is not None
    assert found.images is not None
    assert found.codes is not None
    subject = bound(tmp_path, "")
    assert subject.decode(found.codes)[0].shape == found.images.shape == (4, 10)
    strange = bound(tmp_path, "def sample(self, n):\n    return {'images': self.decode(torch.randn(n, 2))}").own_samples(4, Noise())
    assert strange is not None
    assert strange.images is None


@pytest.mark.parametrize(
    ("line", "changed"),
    [("self.requires_grad_(False)", ("requires_grad of its parameters",)), ("self.eval()", ()), ("torch.manual_seed(0)", ())],
)
def test_parameters_that_a_method_leaves_frozen_are_seen(tmp_path: Any, line: str, changed: tuple[str, ...]) -> None:
    found = bound(tmp_path, f"def sample(self, n):\n    {line}\n    return self.decode(torch.randn(n, 2))").own_samples(4, Noise())
    assert found is not None
    assert found.changed == changed


# reconstruction and interpolation -----------------------------------------------------------------

ONE, OTHER = torch.rand(2, 3, 10, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("purpose", "method", "called"),
    [
        (OwnPurpose.RECONSTRUCTION, "reconstruct(self, x, temperature=1.0)", "reconstruct(x)"),
        (OwnPurpose.RECONSTRUCTION, "generate(self, x)", "generate(x)"),
        (OwnPurpose.RECONSTRUCTION, "generate(self, n_samples)", None),
        (OwnPurpose.RECONSTRUCTION, "reconstruct(self, x, label)", None),
        (OwnPurpose.RECONSTRUCTION, "show(self, x)", None),
        (OwnPurpose.INTERPOLATION, "interpolate(self, x1, x2, steps=5)", "interpolate(x, x)"),
        (OwnPurpose.INTERPOLATION, "interpolate(self, x1, x2, steps)", None),
        (OwnPurpose.INTERPOLATION, "interpolate(self, x1)", None),
    ],
)
def test_methods_of_items_are_identified_by_name_and_by_how_many_they_need(
    tmp_path: Any, purpose: OwnPurpose, method: str, called: str | None
) -> None:
    body = "return self.decode(torch.zeros(3, 2))"
    items = [ONE] if purpose is OwnPurpose.RECONSTRUCTION else [ONE, OTHER]
    found = bound(tmp_path, f"def {method}: {body}").own_method(purpose, items, Noise())
    assert (None if found is None else found.method) == called


def test_the_latents_of_a_reconstruction_are_those_of_what_it_is_given(tmp_path: Any) -> None:
    subject = bound(tmp_path, "def reconstruct(self, x):\n    return self.decode(self.encode(x)[0])")
    before = ONE.clone()
    found = subject.own_method(OwnPurpose.RECONSTRUCTION, [ONE], Noise.none())
    assert found is not None
    assert found.codes is not None
    assert found.images is not None
    assert torch.allclose(found.codes.float(), subject.posterior(ONE).mu.float(), atol=1e-6)
    assert torch.allclose(found.images, subject.decode(found.codes)[0], atol=1e-6)
    assert found.encoded
    assert torch.equal(ONE, before)


def test_the_latents_of_an_interpolation_lead_from_one_item_to_the_other(tmp_path: Any) -> None:
    method = (
        "def interpolate(self, x1, x2, steps=5):\n"
        "    one, other = self.encode(x1)[0], self.encode(x2)[0]\n"
        "    return [self.decode(torch.lerp(one, other, t)) for t in torch.linspace(0, 1, steps).tolist()]"
    )
    subject = bound(tmp_path, method)
    found = subject.own_method(OwnPurpose.INTERPOLATION, [ONE[:1], OTHER[:1]], Noise.none())
    assert found is not None
    assert found.codes is not None
    assert found.codes.shape == (5, 2)
    ends = torch.cat([subject.posterior(one[:1]).mu for one in (ONE, OTHER)]).float()
    assert torch.allclose(found.codes[[0, -1]].float(), ends, atol=1e-6)


def test_an_interpolation_of_images_decodes_nothing(tmp_path: Any) -> None:
    found = bound(tmp_path, "def interpolate(self, x1, x2):\n    return torch.lerp(x1, x2, 0.5)").own_method(
        OwnPurpose.INTERPOLATION, [ONE, OTHER], Noise.none()
    )
    assert found is not None
    assert found.codes is None
