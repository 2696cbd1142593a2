"""Source code of losses whose terms are added in the training loop."""

from __future__ import annotations

RECON = """

def recon_loss(x_hat, x):
    return F.binary_cross_entropy(x_hat, x, reduction="sum") / len(x)
"""


KL = """

def kl_loss(mu, logvar):
    return 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
"""


LOOP = """

def train(model, batches, beta=1.0):
    optimiser = torch.optim.Adam(model.parameters())
    for x in batches:
        x_hat, mu, logvar = model(x)
{lines}
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
"""


PLAIN = "        loss = recon_loss(x_hat, x) + kl_loss(mu, logvar)"
