"""Finding an implementation's own method of sampling, and seeing the codes that it decodes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from binding_samples import Bound
from bound_files import bound as bound_file
from torch import Tensor, nn

from vae_spec.subject import Noise, Part, SubjectFault

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
        (("generate(self, batch_size=16, temperature=0.7)",), "generate(batch_size=4, temperature=1.0)"),
        (("sample(self, mu, logvar)", "sample_prior(self, n_images, *, device='cuda')"), "sample_prior(n_images=4, device=cpu)"),
        (("sample(self, z)",), None),
        (("generate(self, x, n=3)",), None),
        (("sample(self, n, label)",), None),
        (("sample(self)",), None),
        (("show(self, n)",), None),
    ],
)
def test_a_method_is_told_by_its_name_and_its_arguments(tmp_path: Any, methods: tuple[str, ...], called: str | None) -> None:
    count = "4" if called is None else called.partition("(")[2].partition("=")[0]
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
