
"""The further reference systems: other networks, other weights of the KL, and the strong decoder."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
from named import named_options
from reference_samples import normal, tensors, uniform
from torch import Tensor, nn

from vae_conformance.config.declared import declared_options
from vae_conformance.runner.session import Session
from vae_reference import (
    VAE,
    AutoregressiveVAE,
    BetaVAE,
    ConvolutionalVAE,
    FreeBitsVAE,
    InfoVAE,
    kl_divergence,
    maximum_mean_discrepancy,
    warmup,
)
from vae_reference.collapse import AutoregressiveInfoVAE
from vae_reference.likelihoods import LIKELIHOODS

NAMES = tuple(LIKELIHOODS)
SYSTEMS = ("ConvolutionalVAE", "BetaVAE", "FreeBitsVAE", "InfoVAE", "AutoregressiveVAE")


class TestNativeInterface:
    @pytest.mark.parametrize("likelihood", NAMES)
    @pytest.mark.parametrize("system", SYSTEMS)
    def test_shapes_and_gradients(self, checked, system, likelihood):
        model = getattr(checked, system)((1, 6, 6), latent_dim=3, likelihood=likelihood)
        x = uniform(7, 1, 6, 6)
        x_hat, mu, logvar = model(x)
        assert (model.input_shape, model.latent_dim) == ((1, 6, 6), 3)
        assert mu.shape == logvar.shape == model.reparameterize(mu, logvar).shape == (7, 3)
        assert [one.shape for one in tensors(x_hat)] == [one.shape for one in tensors(model.decode(mu))] == [x.shape] * len(tensors(x_hat))
        assert model.sample(4).shape == (4, 1, 6, 6)
        assert not model.sample(4).requires_grad
        total, reconstruction, kl = model.loss(x_hat, x, mu, logvar)
        assert total.shape == reconstruction.shape == ()
        torch.testing.assert_close(kl, kl_divergence(mu, logvar).mean())
        total.backward()
        assert min(float(parameter.grad.norm()) for parameter in model.parameters()) > 0

    @pytest.mark.parametrize("system", SYSTEMS)
    def test_loss_and_gradients_are_finite_at_extreme_variances_and_for_one_item(self, checked, system):
        for extreme in (-60.0, 60.0):
            model = getattr(checked, system)((1, 6, 6), latent_dim=3)
            nn.init.constant_(model.logvar.bias, extreme)
            x = (uniform(1, 1, 6, 6) > 0.5).float()
            x_hat, mu, logvar = model(x)
            total = model.loss(x_hat, x, mu, logvar)[0]
            total.backward()
            assert torch.isfinite(total)
            assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())

    @pytest.mark.parametrize(
        ("system", "claims", "exempt"),
        [
            ("ConvolutionalVAE", ("OBJ-01", "OBJ-02", "NET-01", "NET-02", "NET-03", "NET-04"), ()),
            ("BetaVAE", ("OBJ-01", "OBJ-02", "OBJ-04", "KL-03"), ()),
            ("FreeBitsVAE", ("OBJ-03", "OBJ-04", "NET-04"), ("OBJ-01", "OBJ-02", "KL-03")),
            ("InfoVAE", ("OBJ-03", "OBJ-04", "NET-04"), ("OBJ-01", "OBJ-02", "KL-03")),
            ("AutoregressiveVAE", ("OBJ-01", "OBJ-02", "NET-01", "NET-02", "NET-03"), ("NET-04",)),
        ],
    )
    def test_claims_that_they_satisfy_and_those_that_do_not_concern_them(self, tmp_path, system, claims, exempt):
        session = Session(named_options(f"vae_reference:{system}", profile="exact", store=str(tmp_path)), lambda _event: None)
        outcomes = {claim: str(session.verdict(claim).outcome) for claim in (*claims, *exempt)}
        assert outcomes == dict.fromkeys(claims, "holds") | dict.fromkeys(exempt, "not-applicable")

    @pytest.mark.parametrize(
        ("system", "declared", "claim"),
        [
            ("BetaVAE", {"effective_beta": 1.0}, "OBJ-02"),
            ("FreeBitsVAE", {"objective": "elbo"}, "OBJ-01"),
            ("InfoVAE", {"objective": "elbo"}, "OBJ-02"),
            ("AutoregressiveVAE", {"decoder": "factorised"}, "NET-04"),
        ],
    )
    def test_without_their_own_declaration_they_are_found_out(self, tmp_path, system, declared, claim):
        options = named_options(f"vae_reference:{system}", profile="exact", store=str(tmp_path), **declared)
        assert Session(options, lambda _event: None).verdict(claim).outcome == "violated"

    def test_a_mixture_declares_what_both_of_its_parts_do(self):
        assert declared_options(AutoregressiveInfoVAE, "a") == {"decoder": "autoregressive", "objective": "modified"}

    def test_each_is_registered_under_a_name(self):
        project = tomllib.loads((Path(__file__).parent.parent.parent / "pyproject.toml").read_text(encoding="utf-8"))
        registered = project["project"]["entry-points"]["vae_conformance.implementations"]
        assert {f"vae_reference:{system}" for system in SYSTEMS} <= set(registered.values())


class TestConvolutional:
    @pytest.mark.parametrize("likelihood", NAMES)
    @pytest.mark.parametrize("shape", [(1, 28, 28), (3, 14, 10), (1, 8, 8), (2, 7, 5)])
    def test_sides_are_restored(self, shape, likelihood):
        for filters in ((4,), (4, 6), (4, 6, 8)):
            model = ConvolutionalVAE(shape, filters, 3, likelihood)
            x_hat, mu, _ = model(uniform(2, *shape))
            assert [one.shape for one in tensors(x_hat)] == [(2, *shape)] * model.likelihood.outputs
            assert mu.shape == (2, 3)

    def test_the_default_halves_the_sides_twice(self):
        model = ConvolutionalVAE()
        x = uniform(1, 1, 28, 28)
        sizes = [tuple((x := layer(x)).shape[1:]) for layer in model.encoder]
        assert sizes == [(16, 14, 14), (16, 14, 14), (32, 7, 7), (32, 7, 7), (1568,)]
        assert not any(isinstance(layer, nn.Linear) for layer in model.encoder)

    def test_what_is_no_image_is_refused(self):
        with pytest.raises(ValueError, match=r"input_shape is \(784,\); convolutions need"):
            ConvolutionalVAE((784,))
        with pytest.raises(ValueError, match="filters is empty"):
            ConvolutionalVAE(filters=())
        with pytest.raises(ValueError, match="no likelihood 'bce'"):
            ConvolutionalVAE(likelihood="bce")


class TestObjectives:
    @pytest.fixture
    def batch(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return uniform(9, 1, 3, 3), uniform(9, 1, 3, 3, seed=1), normal(9, 4, seed=2), normal(9, 4, seed=3)

    def test_warm_up_is_a_straight_line_to_one(self):
        assert [warmup(step, 4) for step in (0, 1, 2, 4, 5, 1000)] == [0, 0.25, 0.5, 1, 1, 1]
        assert warmup(0, 0) == 1
        for step, steps in ((-1, 4), (1, -4)):
            with pytest.raises(ValueError, match="neither can be negative"):
                warmup(step, steps)

    def test_the_weight_of_a_beta_vae_is_its_own_and_beta_multiplies_it(self, batch):
        model = BetaVAE((1, 3, 3), 8, 4, kl_weight=3.0)
        total, reconstruction, kl = model.loss(*batch)
        assert torch.equal(kl, kl_divergence(*batch[2:]).mean())
        torch.testing.assert_close(total, reconstruction + 3 * kl)
        torch.testing.assert_close(model.loss(*batch, beta=0.5)[0], reconstruction + 1.5 * kl)
        model.kl_weight = 1.0
        assert torch.equal(model.loss(*batch)[0], VAE((1, 3, 3), 8, 4).loss(*batch)[0])
        assert BetaVAE().kl_weight == 4

    def test_free_bits_by_hand(self):
        model = FreeBitsVAE((2,), 8, 3, free_nats=0.5)
        x = torch.full((2, 2), 0.5)
        # KL of one dimension at logvar = 0 is mu^2 / 2: averages over the two items of 1, 0.25 and 0.5625, though 0.28 and 0.84 of the last
        mu = torch.tensor([[2.0, 0.5, 0.75], [0.0, math.sqrt(0.75), math.sqrt(1.6875)]])
        total, reconstruction, kl = model.loss(x, x, mu, torch.zeros_like(mu), beta=2.0)
        assert kl.item() == pytest.approx(1 + 0.25 + 0.5625)
        assert (total - reconstruction).item() == pytest.approx(2 * (1 + 0.5 + 0.5625), rel=1e-5)

    def test_without_free_nats_it_is_the_vae(self, batch):
        model = FreeBitsVAE((1, 3, 3), 8, 4, free_nats=0.0)
        torch.testing.assert_close(model.loss(*batch, beta=0.7), VAE((1, 3, 3), 8, 4).loss(*batch, beta=0.7))

    def test_a_dimension_within_its_free_nats_is_not_pulled_to_the_prior(self, batch):
        x_hat, x, mu, logvar = batch
        mu, logvar = (0.01 * mu).requires_grad_(), (0.01 * logvar).requires_grad_()
        FreeBitsVAE((1, 3, 3), 8, 4).loss(x_hat, x, mu, logvar)[0].backward()
        assert not mu.grad.any()
        assert not logvar.grad.any()


class TestInfoVAE:
    def test_the_discrepancy_pair_by_pair(self):
        a, b = normal(5, 3), 2 * normal(4, 3, seed=1) + 1

        def kernel(one: Tensor, other: Tensor) -> float:
            return 6 / (6 + float((one - other).square().sum()))

        def mean(first: Tensor, second: Tensor) -> float:
            return float(np.mean([kernel(one, other) for one in first for other in second]))

        assert maximum_mean_discrepancy(a, b).item() == pytest.approx(mean(a, a) + mean(b, b) - 2 * mean(a, b), rel=1e-4)

    def test_the_discrepancy_is_zero_for_equal_sets_and_grows_with_the_distance(self):
        a, b = normal(400, 6), normal(400, 6, seed=1)
        assert maximum_mean_discrepancy(a, a).item() == pytest.approx(0, abs=1e-6)
        found = [maximum_mean_discrepancy(a, b + shift).item() for shift in (0.0, 0.5, 1.0, 2.0, 1e4)]
        assert found == sorted(found)
        assert 0 <= found[0] < 0.01
        assert 0.9 < found[-1] < 2
        assert maximum_mean_discrepancy(a, 0.5 * b) > 2 * found[0]

    def test_alpha_zero_and_lambda_one_is_the_vae(self):
        batch = uniform(9, 1, 3, 3), uniform(9, 1, 3, 3, seed=1), normal(9, 4, seed=2), normal(9, 4, seed=3)
        found = InfoVAE((1, 3, 3), 8, 4, alpha=0.0, lambda_=1.0).loss(*batch, beta=0.7)
        torch.testing.assert_close(found, VAE((1, 3, 3), 8, 4).loss(*batch, beta=0.7))

    @pytest.mark.parametrize("alpha", [0.3, 1.0])
    def test_the_total_by_its_formula(self, alpha):
        model = InfoVAE((1, 3, 3), 8, 4, alpha=alpha, lambda_=50.0)
        x_hat, x, mu, logvar, z = uniform(9, 1, 3, 3), uniform(9, 1, 3, 3, seed=1), normal(9, 4), normal(9, 4, seed=2), normal(9, 4, seed=3)
        torch.manual_seed(5)
        total, reconstruction, kl = model.loss(x_hat, x, mu, logvar, beta=0.5, z=z)
        torch.manual_seed(5)
        discrepancy = maximum_mean_discrepancy(z, torch.randn_like(z))
        torch.testing.assert_close(total, reconstruction + 0.5 * ((1 - alpha) * kl + (alpha + 49) * discrepancy))
        assert torch.equal(kl, kl_divergence(mu, logvar).mean())
        assert torch.equal(model.loss(x_hat, x, mu, logvar, beta=0.0)[0], reconstruction)

    def test_without_codes_it_draws_its_own_from_the_posterior(self):
        model = InfoVAE((1, 3, 3), 8, 4)
        x = uniform(200, 1, 3, 3)
        near, far = (torch.full((200, 4), mean).requires_grad_() for mean in (0.0, 3.0))
        logvar = torch.zeros(200, 4, requires_grad=True)
        penalties = []
        for mu in (near, far):
            total, reconstruction, _ = model.loss(x, x, mu, logvar)
            penalties.append((total - reconstruction).item())
        assert penalties[0] < 2 < 20 < penalties[1]
        total.backward()
        assert (far.grad.sum(0) > 0).all()
        assert logvar.grad.any()


def dependence(model: AutoregressiveVAE, z: Tensor, x: Tensor) -> Tensor:
    """Which output (row) moves with which pixel of x (column), for each of the likelihood's parameters."""

    def outputs(flat: Tensor) -> Tensor:
        return torch.stack([one.flatten() for one in tensors(model.decode_given(z, flat.view(1, *model.input_shape)))])

    return torch.autograd.functional.jacobian(outputs, x.flatten()).abs()


class TestAutoregressive:
    @pytest.mark.parametrize("units", [5, 24, 50])
    @pytest.mark.parametrize("likelihood", NAMES)
    def test_a_pixel_sees_those_before_it_and_no_other(self, likelihood, units):
        model = AutoregressiveVAE((2, 3, 2), 8, 3, likelihood, units=units).double()
        for name, parameter in model.named_parameters():
            if name.startswith(("before", "after", "code")):
                nn.init.uniform_(parameter, 0.01, 0.1)  # no unit is off: what the masks allow shows
        found = dependence(model, torch.rand(1, 3).double(), torch.rand(12).double()) > 0
        earlier = torch.ones(12, 12).tril(-1).bool()
        assert not (found & ~earlier).any()
        if units >= 12:
            assert torch.equal(found, earlier.expand_as(found))
        seen_by_all = torch.autograd.functional.jacobian(
            lambda z: tensors(model.decode_given(z, torch.rand(1, 2, 3, 2).double()))[0].flatten(), torch.rand(1, 3).double()
        )
        assert seen_by_all.squeeze(1).abs().sum(1).min() > 0

    def test_forward_is_given_the_target_and_hides_pixels_in_training_alone(self):
        x = uniform(6, 1, 8, 8)
        plain, weakened = AutoregressiveVAE(), AutoregressiveVAE(input_dropout=0.5)
        for model, training, same in ((plain, True, True), (plain, False, True), (weakened, True, False), (weakened, False, True)):
            model.train(training)
            torch.manual_seed(3)
            x_hat, mu, logvar = model(x)
            torch.manual_seed(3)
            z = model.reparameterize(mu, logvar)
            assert torch.equal(model.decode_given(z, x), x_hat) == same

    @pytest.mark.parametrize("likelihood", NAMES)
    def test_decoding_puts_every_pixel_at_the_mean_that_the_earlier_ones_give_it(self, likelihood):
        model = AutoregressiveVAE((1, 3, 4), 8, 3, likelihood, input_dropout=0.5)
        z = normal(5, 3).requires_grad_()
        raw = model.decode(z)
        again = model.decode_given(z, model.likelihood.mean(raw))
        torch.testing.assert_close(tensors(again), tensors(raw))
        assert all(torch.equal(*pair) for pair in zip(tensors(raw), tensors(model.decode(z)), strict=True))
        sum(one.sum() for one in tensors(raw)).backward()
        assert (z.grad.abs().sum(1) > 0).all()

    def test_samples_are_drawn_pixel_by_pixel(self):
        model = AutoregressiveVAE((3,), 8, 2)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.zero_()
            # p(x_1) = 1/2, and each later pixel repeats those before it
            model.before.weight.fill_(1.0)
            model.after.weight.fill_(100.0)
            model.after.bias.copy_(torch.tensor([0.0, -20.0, -20.0]))
        x = model.sample(400)
        assert set(x.unique().tolist()) == {0.0, 1.0}
        assert torch.equal(x, x[:, :1].expand_as(x))
        assert 140 < x[:, 0].sum() < 260

    def test_draws_follow_their_likelihoods(self):
        n = 40_000
        p, mean, logvar = torch.full((n, 1), 0.3), torch.full((n, 1), 0.7), torch.full((n, 1), math.log(4.0))
        for name, raw, expected, deviation in (
            ("bernoulli", p, 0.3, math.sqrt(0.21)),
            ("squared-error", mean, 0.7, 1.0),
            ("gaussian", (mean, logvar), 0.7, 2.0),
        ):
            x = LIKELIHOODS[name].draw(raw)
            assert x.shape == (n, 1)
            assert x.mean().item() == pytest.approx(expected, abs=6 * deviation / math.sqrt(n))
            assert x.std().item() == pytest.approx(deviation, rel=0.03)
