"""How the two networks are judged. Only this module imports vae-conformance, and nothing else of the package imports it."""

from vae_conformance import Implementation
from vae_conformance_example.networks import cost, jitter, painter, recogniser


def _loss(_model, x_hat, x, mu, log_deviation, beta=1.0):
    reconstruction, kl = cost(x_hat, x, mu, log_deviation)
    return reconstruction + beta * kl, reconstruction, kl


pair = Implementation(
    lambda: {"recogniser": recogniser(), "painter": painter()},
    name="recogniser and painter",
    encode=lambda model, x: model["recogniser"](x).chunk(2, dim=1),
    sample=lambda _model, mu, log_deviation: jitter(mu, log_deviation),
    decode=lambda model, z: model["painter"](z),
    loss=_loss,
    second_head="log-std",
    input_shape=(1, 8, 8),
)
