"""The reference models: their sizes, formulas and extremes, and the printed figures of the two-dimensional lab."""

import math

import numpy as np
import pytest
import torch
from jaxtyping import TypeCheckError
from torch import Tensor, nn
from torch.distributions import Bernoulli, Independent, Normal
from torch.distributions import kl_divergence as torch_kl

from vae_reference import VAE, Autoencoder, TinyVAE, clusters, kl_divergence, train_lab
from vae_reference.likelihoods import LIKELIHOODS, LOGVAR_LIMIT

NAMES = tuple(LIKELIHOODS)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=generator(seed), dtype=torch.float64)


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed), dtype=torch.float64)


def tensors(raw: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
    return raw if isinstance(raw, tuple) else (raw,)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def drawn(seed: int, model: VAE | TinyVAE, mu: Tensor, logvar: Tensor) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return model.reparameterize(mu, logvar)


@pytest.fixture(params=[*NAMES, "tiny"])
def model(request) -> VAE | TinyVAE:
    """A small VAE of each likelihood, and the two-dimensional one, always with the same weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TinyVAE() if request.param == "tiny" else VAE((1, 4, 4), 16, 3, likelihood=request.param)


class TestSizes:
    def test_the_default_is_784_256_32_256_784(self):
        shapes = [tuple(parameter.shape) for parameter in VAE().parameters() if parameter.ndim == 2]
        assert shapes == [(256, 784), (32, 256), (32, 256), (256, 32), (784, 256)]
        assert parameters(VAE()) == 784 * 256 + 256 + 2 * (256 * 32 + 32) + 32 * 256 + 256 + 256 * 784 + 784 == 427_344

    def test_the_gaussian_has_a_second_output_for_each_pixel(self):
        assert parameters(VAE(likelihood="gaussian")) - parameters(VAE()) == 256 * 784 + 784

    @pytest.mark.parametrize("likelihood", NAMES)
    def test_the_autoencoder_lacks_the_logvar_head_alone(self, likelihood):
        vae = VAE(likelihood=likelihood)
        assert parameters(vae) - parameters(Autoencoder(likelihood=likelihood)) == parameters(vae.logvar)

    @pytest.mark.parametrize("likelihood", NAMES)
    @pytest.mark.parametrize("shape", [(1, 28, 28), (3, 5, 4), (10,)])
    def test_shapes(self, checked, shape, likelihood):
        model = checked.VAE(shape, hidden_dim=16, latent_dim=3, likelihood=likelihood)
        x = uniform(6, *shape).float()
        x_hat, mu, logvar = model(x)
        assert (model.input_shape, model.latent_dim) == (shape, 3)
        assert mu.shape == logvar.shape == model.reparameterize(mu, logvar).shape == (6, 3)
        assert [tensor.shape for tensor in tensors(x_hat)] == [x.shape] * model.likelihood.outputs
        assert [term.shape for term in model.loss(x_hat, x, mu, logvar)] == [()] * 3
        assert model.sample(4).shape == (4, *shape)
        assert not model.sample(4).requires_grad

    @pytest.mark.parametrize("likelihood", NAMES)
    def test_shapes_of_the_autoencoder(self, checked, likelihood):
        model = checked.Autoencoder((2, 4, 3), hidden_dim=16, latent_dim=5, likelihood=likelihood)
        x = uniform(6, 2, 4, 3).float()
        x_hat = model(x)
        assert model.encode(x).shape == (6, 5)
        assert [tensor.shape for tensor in tensors(x_hat)] == [x.shape] * model.likelihood.outputs
        assert model.loss(x_hat, x).shape == ()

    def test_signatures_reject_a_flat_reconstruction_of_an_image(self, checked):
        model = checked.VAE((1, 4, 4), 8, 2)
        codes = torch.zeros(3, 2)
        with pytest.raises(TypeCheckError):
            model.loss(torch.rand(3, 16), torch.rand(3, 1, 4, 4), codes, codes)

    def test_an_unknown_likelihood_is_refused_with_the_choices(self):
        for model in (VAE, Autoencoder):
            with pytest.raises(ValueError, match="no likelihood 'bce'; choose one of bernoulli, squared-error"):
                model(likelihood="bce")

    def test_a_pair_is_refused_where_one_tensor_is_needed(self):
        with pytest.raises(TypeError, match="one tensor"):
            LIKELIHOODS["bernoulli"].negative_log((uniform(2, 3), uniform(2, 3)), uniform(2, 3))


class TestDivergence:
    def test_it_is_that_of_torch_distributions(self):
        mu, logvar = 3 * normal(200, 7, seed=1), 4 * normal(200, 7, seed=2)
        posterior = Independent(Normal(mu, (0.5 * logvar).exp()), 1)
        prior = Independent(Normal(torch.zeros_like(mu), torch.ones_like(mu)), 1)
        torch.testing.assert_close(kl_divergence(mu, logvar), torch_kl(posterior, prior), rtol=1e-12, atol=0)

    def test_it_is_zero_at_the_prior_and_accurate_near_it_in_single_precision(self):
        assert kl_divergence(torch.zeros(1, 5), torch.zeros(1, 5)).item() == 0
        logvar = torch.tensor([1e-2, -1e-2, 1e-3, -1e-3]).unsqueeze(1)
        found = kl_divergence(torch.zeros_like(logvar), logvar)
        torch.testing.assert_close(found.double(), (logvar.double() ** 2 / 4).squeeze(1), rtol=6e-3, atol=0)

    def test_its_gradients(self):
        mu, logvar = normal(5, 3, seed=3).requires_grad_(), (2 * normal(5, 3, seed=4)).requires_grad_()
        of_mu, of_logvar = torch.autograd.grad(kl_divergence(mu, logvar).sum(), (mu, logvar))
        torch.testing.assert_close(of_mu, mu.detach())
        torch.testing.assert_close(of_logvar, 0.5 * torch.expm1(logvar.detach()))


class TestSamplingStep:
    @pytest.mark.parametrize("training", [True, False])
    def test_z_is_mu_plus_sigma_eps_in_both_modes(self, model, training):
        model.train(training)
        shape = (500, model.latent_dim)
        mu, logvar = normal(*shape, seed=5), 2 * normal(*shape, seed=6)
        eps = drawn(1, model, torch.zeros_like(mu), torch.zeros_like(logvar))
        torch.testing.assert_close(drawn(1, model, mu, logvar), mu + torch.exp(logvar / 2) * eps)
        assert eps.unique().numel() == eps.numel()
        assert not torch.equal(eps, drawn(2, model, torch.zeros_like(mu), torch.zeros_like(logvar)))

    def test_gradients_flow_through_the_draw(self, model):
        shape = (50, model.latent_dim)
        mu, logvar = normal(*shape, seed=7).requires_grad_(), normal(*shape, seed=8).requires_grad_()
        z = drawn(3, model, mu, logvar)
        of_mu, of_logvar = torch.autograd.grad(z.sum(), (mu, logvar))
        torch.testing.assert_close(of_mu, torch.ones_like(of_mu))
        torch.testing.assert_close(of_logvar, (z - mu).detach() / 2)


class TestLikelihoods:
    def test_bernoulli(self):
        x, p = (uniform(9, 2, 3, seed=1) > 0.5).double(), uniform(9, 2, 3, seed=2)
        expected = -Bernoulli(p).log_prob(x).flatten(1).sum(1)
        torch.testing.assert_close(LIKELIHOODS["bernoulli"].negative_log(p, x), expected)

    def test_squared_error_is_a_gaussian_of_unit_variance_up_to_its_constant(self):
        x, mean = normal(9, 2, 3, seed=1), normal(9, 2, 3, seed=2)
        expected = -Normal(mean, 1).log_prob(x).flatten(1).sum(1) - 3 * np.log(2 * np.pi)
        torch.testing.assert_close(LIKELIHOODS["squared-error"].negative_log(mean, x), expected)

    def test_gaussian(self):
        x, mean, logvar = normal(9, 2, 3, seed=1), normal(9, 2, 3, seed=2), 2 * normal(9, 2, 3, seed=3)
        expected = -Normal(mean, (0.5 * logvar).exp()).log_prob(x).flatten(1).sum(1)
        torch.testing.assert_close(LIKELIHOODS["gaussian"].negative_log((mean, logvar), x), expected)

    def test_the_gaussian_logvar_is_bent_softly_into_its_range(self):
        linear = torch.linspace(-60, 60, 241, dtype=torch.float64).view(-1, 1, 1).repeat(1, 2, 1).requires_grad_()
        mean, logvar = LIKELIHOODS["gaussian"].parameters(linear)
        assert torch.equal(mean, linear[:, 0])
        assert logvar.abs().max() < LOGVAR_LIMIT
        (slope,) = torch.autograd.grad(logvar.sum(), linear)
        assert slope[120, 1].item() == pytest.approx(1)
        assert (slope[:, 1] > 0).all()

    @pytest.mark.parametrize("name", NAMES)
    def test_the_mean_is_the_item_to_look_at(self, name):
        likelihood = LIKELIHOODS[name]
        raw = likelihood.parameters(normal(4, likelihood.outputs, 2, 3))
        assert likelihood.mean(raw) is tensors(raw)[0]

    def test_data_outside_the_unit_interval_are_refused_by_the_bernoulli(self):
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            LIKELIHOODS["bernoulli"].negative_log(uniform(2, 3), 1 + uniform(2, 3))


class TestObjective:
    @pytest.mark.parametrize("likelihood", NAMES)
    def test_terms_are_batch_means_of_item_sums_and_the_total_is_linear_in_beta(self, likelihood):
        model = VAE((1, 3, 3), 8, 4, likelihood=likelihood).double()
        x = uniform(5, 1, 3, 3)
        x_hat, mu, logvar = model(x)
        total, reconstruction, kl = model.loss(x_hat, x, mu, logvar)
        items = [
            model.loss(
                x_hat[i : i + 1] if isinstance(x_hat, Tensor) else tuple(part[i : i + 1] for part in x_hat),
                x[i : i + 1],
                mu[i : i + 1],
                logvar[i : i + 1],
            )
            for i in range(5)
        ]
        torch.testing.assert_close(reconstruction, torch.stack([item[1] for item in items]).mean())
        torch.testing.assert_close(kl, kl_divergence(mu, logvar).sum() / 5)
        torch.testing.assert_close(total, reconstruction + kl)
        for beta in (0.0, 0.1, 4.0):
            weighted = model.loss(x_hat, x, mu, logvar, beta=beta)
            torch.testing.assert_close(weighted, (reconstruction + beta * kl, reconstruction, kl))

    def test_the_terms_of_the_tiny_model_are_means_over_everything(self):
        x_hat, x, mu, logvar = (normal(6, 2, seed=seed) for seed in range(4))
        total, reconstruction, kl = TinyVAE().loss(x_hat, x, mu, logvar, beta=0.3)
        torch.testing.assert_close(reconstruction, nn.functional.mse_loss(x_hat, x))
        torch.testing.assert_close(kl, kl_divergence(mu, logvar).mean() / 2)
        torch.testing.assert_close(total, reconstruction + 0.3 * kl)

    def test_every_parameter_gets_a_gradient(self, model):
        x = uniform(32, *model.input_shape).float()
        x_hat, mu, logvar = model(x)
        model.zero_grad()
        model.loss(x_hat, x, mu, logvar)[0].backward()
        norms = {name: parameter.grad.norm().item() for name, parameter in model.named_parameters()}
        assert min(norms.values()) > 0, norms

    @pytest.mark.parametrize("name", NAMES)
    def test_the_autoencoder_minimises_the_reconstruction_alone(self, name):
        x = uniform(4, 1, 3, 3).float()
        model = Autoencoder((1, 3, 3), 8, 2, likelihood=name)
        x_hat = model.decode(model.encode(x))
        codes = torch.zeros(4, 2)
        assert torch.equal(model.loss(x_hat, x), VAE((1, 3, 3), 8, 2, likelihood=name).loss(x_hat, x, codes, codes)[1])


class TestExtremes:
    @pytest.mark.parametrize("logvar", [-60.0, 60.0])
    def test_loss_and_gradients_are_finite_at_extreme_variances_and_black_and_white_pixels(self, model, logvar):
        nn.init.constant_(model.logvar.bias, logvar)
        x = (uniform(16, *model.input_shape) > 0.5).float()
        x_hat, mu, found = model(x)
        assert (found - logvar).abs().max() < 5
        terms = model.loss(x_hat, x, mu, found)
        model.zero_grad()
        terms[0].backward()
        assert all(torch.isfinite(term) for term in terms)
        assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())

    @pytest.mark.parametrize("pixel", [0.0, 1.0])
    @pytest.mark.parametrize("output", [-1e4, 1e4])
    @pytest.mark.parametrize("name", NAMES)
    def test_saturated_outputs_give_a_finite_loss_and_gradient(self, name, output, pixel):
        likelihood = LIKELIHOODS[name]
        linear = torch.full((2, likelihood.outputs, 3), output, requires_grad=True)
        loss = likelihood.negative_log(likelihood.parameters(linear), torch.full((2, 3), pixel)).sum()
        (gradient,) = torch.autograd.grad(loss, linear)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()

    def test_a_probability_of_exactly_zero_costs_much_but_not_everything(self):
        p = torch.tensor([[0.0, 1.0]], requires_grad=True)
        loss = LIKELIHOODS["bernoulli"].negative_log(p, torch.tensor([[1.0, 0.0]])).sum()
        (gradient,) = torch.autograd.grad(loss, p)
        assert loss.item() == pytest.approx(-2 * math.log(1e-12))
        assert torch.isfinite(gradient).all()


class TestTinyLab:
    def test_layout(self):
        assert [(name, tuple(parameter.shape)) for name, parameter in TinyVAE().named_parameters()] == [
            ("encoder.0.weight", (16, 2)),
            ("encoder.0.bias", (16,)),
            ("mu.weight", (2, 16)),
            ("mu.bias", (2,)),
            ("logvar.weight", (2, 16)),
            ("logvar.bias", (2,)),
            ("decoder.0.weight", (16, 2)),
            ("decoder.0.bias", (16,)),
            ("decoder.2.weight", (2, 16)),
            ("decoder.2.bias", (2,)),
        ]
        assert isinstance(TinyVAE(nn.Tanh).decoder[1], nn.Tanh)
        assert isinstance(TinyVAE(nn.Tanh).encoder[1], nn.ReLU)

    def test_clusters_come_from_the_global_generator(self):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(4)
            points = clusters()
            torch.manual_seed(4)
            assert torch.equal(points, clusters())
            assert not torch.equal(points, clusters())
        assert points.shape == (256, 2)
        for half, centre in ((points[:128], 1.0), (points[128:], -1.0)):
            torch.testing.assert_close(half.mean(0), torch.tensor([centre, 0.0]), atol=0.06, rtol=0)
            torch.testing.assert_close(half.std(0), torch.tensor([0.15, 0.15]), atol=0.04, rtol=0)

    def test_seed_four_gives_the_printed_figures_to_every_digit(self):
        run = train_lab(seed=4)
        printed = {
            epoch: tuple(f"{curve[epoch - 1]:.4f}" for curve in (run.reconstruction, run.kl, run.loss)) for epoch in (1, 50, 100, 200)
        }
        assert printed == {
            1: ("0.5903", "0.0293", "0.5917"),
            50: ("0.0335", "0.9007", "0.0785"),
            100: ("0.0261", "0.8229", "0.0673"),
            200: ("0.0244", "0.7138", "0.0601"),
        }
        assert [[round(value, 3) for value in point.tolist()] for point in run.generated] == [
            [1.075, -0.014],
            [-0.997, -0.001],
            [-1.118, -0.054],
            [0.553, 0.041],
            [0.74, 0.021],
        ]

    def test_the_record_is_whole_and_the_callers_stream_is_left_alone(self, checked):
        before = torch.get_rng_state()
        run = checked.train_lab(seed=1, epochs=5, samples=3, activation=nn.Tanh)
        assert torch.equal(torch.get_rng_state(), before)
        assert run.data.shape == (256, 2)
        assert run.generated.shape == (3, 2)
        assert run.loss.shape == run.kl.shape == run.reconstruction.shape == (5,)
        np.testing.assert_allclose(run.loss, run.reconstruction + 0.05 * run.kl, rtol=1e-5)
        assert torch.equal(run.generated, train_lab(seed=1, epochs=5, samples=3, activation=nn.Tanh).generated)
        assert not torch.equal(run.generated, train_lab(seed=2, epochs=5, samples=3, activation=nn.Tanh).generated)

    def test_the_weight_of_the_kl_moves_it(self):
        unweighted, heavy = train_lab(kl_weight=0.0), train_lab(kl_weight=0.5)
        assert unweighted.kl[-1] > 2 > heavy.kl[-1]
        assert heavy.reconstruction[-1] > 2 * unweighted.reconstruction[-1]
