"""The registry of common mistakes in VAE implementations: what each does, its symptoms, and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass

from vae_spec.parts import Part


@dataclass(frozen=True)
class Mistake:
    """A known mistake.

    Attributes:
        id: stable, lower case with hyphens.
        what: what the source code does.
        seen: its symptoms.
        mend: how to fix it.
        frequency: how common it is in public code and questions.
        parts: the parts that may contain it, the likeliest first.
        stops_the_code: whether it prevents the source code from running, so that it explains all other violations.
    """

    id: str
    what: str
    seen: str
    mend: str
    frequency: str
    parts: tuple[Part, ...]
    stops_the_code: bool = False


_ALL = (
    Mistake(
        "recon-mean-kl-sum",
        "the reconstruction is averaged over pixels while the KL is summed over latent dimensions",
        "every reconstruction is the same grey mean image, and the KL falls to 0 in one to three epochs",
        "sum the reconstruction over pixels (reduction='sum', divided by the batch size), as the KL is summed over dimensions",
        "commonest",
        (Part.LOSS,),
    ),
    Mistake(
        "kl-mean-recon-sum",
        "the KL is averaged over latent dimensions or pixels while the reconstruction is summed",
        "sharp reconstructions, and prior samples that are noise: a hidden beta of 1/d",
        "sum the KL over latent dimensions and average over the batch only",
        "very common",
        (Part.LOSS,),
    ),
    Mistake(
        "terms-scale-with-batch",
        "one term is a batch total and the other a per-item mean, or a fixed number stands for the batch size",
        "results change with the batch size, and the last batch is weighted wrongly",
        "divide both terms by x.size(0), or neither",
        "very common",
        (Part.LOSS,),
    ),
    Mistake(
        "eps-from-rand",
        "the noise is uniform (rand_like) where it must be standard normal (randn_like)",
        "nothing: it trains, but z is biased by half a sigma",
        "draw eps = torch.randn_like(std)",
        "very common",
        (Part.DRAW,),
    ),
    Mistake(
        "std-no-half",
        "the sampling step uses std = exp(logvar) while the KL reads a log-variance",
        "the KL and the sampler disagree; it still trains",
        "std = torch.exp(0.5 * logvar)",
        "very common",
        (Part.DRAW,),
    ),
    Mistake(
        "logvar-as-std",
        "the log-variance is used as if it were the standard deviation or a log-standard deviation, in the sampler or the KL",
        "as with a missing half; the KL may go negative",
        "std = torch.exp(0.5 * logvar), and the KL in the same logvar",
        "common",
        (Part.DRAW, Part.LOSS),
    ),
    Mistake(
        "double-sigmoid",
        "a sigmoid output goes into a with-logits loss, or a ReLU stands before the sigmoid",
        "grey images, a loss that stops near 0.69 a pixel",
        "give the logits to the with-logits loss, or the sigmoid's output to binary_cross_entropy: one sigmoid, no ReLU before it",
        "common",
        (Part.DECODE, Part.LOSS),
    ),
    Mistake(
        "data-out-of-range",
        "the Bernoulli likelihood is applied to data outside [0, 1]",
        "an assertion, NaN, or a negative loss",
        "leave the data in [0, 1], or use a likelihood that fits its range",
        "common",
        (Part.LOSS,),
    ),
    Mistake(
        "no-encoder-gradient",
        "the gradient cannot flow through the sampling step: sample() for rsample(), torch.normal, detach, .data, no_grad",
        "the encoder's weights do not move, and the KL slides to 0",
        "z = mu + std * torch.randn_like(std), or rsample()",
        "common",
        (Part.DRAW, Part.FORWARD),
    ),
    Mistake(
        "activation-on-heads",
        "a ReLU, tanh or softplus on mu or logvar",
        "mu >= 0 or sigma >= 1: blur, half of the latent space empty",
        "end both heads with a plain linear layer",
        "common",
        (Part.POSTERIOR,),
    ),
    Mistake(
        "overflow",
        "an exponential or a logarithm that overflows for values that occur",
        "NaN after some epochs",
        "use F.binary_cross_entropy or its with-logits form, and exp(logvar) once",
        "common",
        (Part.LOSS,),
    ),
    Mistake(
        "kl-sign",
        "the KL is subtracted, or reported with the wrong sign",
        "the loss goes to minus infinity, or the log shows a negative KL",
        "kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar)), added to the reconstruction",
        "common",
        (Part.LOSS,),
    ),
    Mistake(
        "beta-unused",
        "beta is accepted and never used, squared, or put on the wrong term",
        "changing beta changes nothing, or the wrong thing",
        "total = reconstruction + beta * kl",
        "common",
        (Part.LOSS,),
    ),
    Mistake(
        "sample-by-encoding-noise",
        "new samples are made by pushing a random image through the encoder",
        "samples look like reconstructions of noise",
        "decode z ~ N(0, I) directly",
        "some",
        (Part.DECODE,),
    ),
    Mistake(
        "weighted-pixels",
        "the reconstruction term weighs, masks or clamps some entries: black background counts less, or outputs near 0 and 1 are cut off",
        "foreground is learned at the cost of background, and the loss is no bound on the log-likelihood",
        "sum the likelihood's own term over all entries, each with weight 1",
        "some",
        (Part.LOSS,),
    ),
    Mistake(
        "kl-halved",
        "the KL has its factor 1/2 twice: -0.25 * sum(...)",
        "every KL reads half of what it is: a hidden beta of 1/2",
        "kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar))",
        "rare",
        (Part.LOSS,),
    ),
    Mistake(
        "missing-half",
        "the KL lacks its factor 1/2",
        "the KL reads twice too high: a hidden beta of 2",
        "kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar))",
        "some",
        (Part.LOSS,),
    ),
    Mistake(
        "eps-shared",
        "one eps is broadcast over the batch or the dimensions, or is fixed, or is 1, or neighbours share a part of it",
        "no diversity within a batch",
        "eps = torch.randn_like(std): one value for each item and dimension, anew in each call",
        "some",
        (Part.DRAW,),
    ),
    Mistake(
        "eps-shrunk",
        "eps is scaled by a small constant, or cut off",
        "too good a loss: it is no bound any more",
        "use eps as it is drawn; weigh the KL with beta if you want less noise",
        "some",
        (Part.DRAW,),
    ),
    Mistake(
        "batch-size-frozen",
        "eps or a view has a fixed batch size",
        "a crash on the last batch or on one item",
        "take the batch size from the input: x.size(0)",
        "common",
        (Part.FORWARD, Part.DRAW, Part.DECODE),
        stops_the_code=True,
    ),
    Mistake(
        "hard-coded-shape",
        "a shape is written down where it follows from the input, or a flat output meets an image target and broadcasts",
        "a shape error, or silently a wrong squared error",
        "give the output the input's shape before the loss: x_hat.view_as(x)",
        "common",
        (Part.FORWARD, Part.DECODE, Part.POSTERIOR),
        stops_the_code=True,
    ),
    Mistake(
        "decoder-range",
        "the decoder's output cannot reach the data's range, or leaves it",
        "dead pixels, or pixels that are never black",
        "end with a sigmoid for data in [0, 1], with tanh for [-1, 1]",
        "some",
        (Part.DECODE,),
    ),
    Mistake(
        "not-a-module",
        "the class does not derive from nn.Module, keeps layers in a plain list or dict, or an attribute shadows a submodule",
        "no parameters, or fewer than there are; endless recursion",
        "class VAE(nn.Module), super().__init__() first, layers as attributes, lists of layers in nn.ModuleList",
        "rare",
        (Part.PARAMETERS,),
        stops_the_code=True,
    ),
    Mistake(
        "cuda-always",
        "the model calls .cuda() or asks a CPU tensor for its GPU",
        "a crash without a GPU",
        "create tensors on x.device",
        "some",
        (Part.FORWARD, Part.DRAW),
        stops_the_code=True,
    ),
    Mistake(
        "encoder-ignores-x",
        "the posterior does not depend on the input",
        "collapse",
        "feed x through the encoder",
        "some",
        (Part.POSTERIOR,),
    ),
    Mistake(
        "decoder-ignores-z", "the output does not depend on the code", "collapse", "feed z through the decoder", "some", (Part.DECODE,)
    ),
    Mistake(
        "decoder-sees-x",
        "a shortcut carries x past the code to the output",
        "perfect reconstructions, and noise as samples",
        "let the decoder see z alone",
        "some",
        (Part.FORWARD, Part.DECODE),
    ),
    Mistake(
        "shared-head",
        "one layer gives both mu and logvar",
        "bad samples",
        "two heads: one for mu, one for logvar",
        "rare",
        (Part.POSTERIOR,),
    ),
    Mistake(
        "kl-of-batch-mean",
        "the KL is computed from the batch's mean code",
        "the KL is too low, and single items wander",
        "compute the KL item by item, then average",
        "rare",
        (Part.LOSS,),
    ),
    Mistake(
        "kl-reversed",
        "the KL is that of the prior from the posterior",
        "the KL is off; a Monte Carlo estimate disagrees",
        "KL(q || p), not KL(p || q)",
        "rare",
        (Part.LOSS,),
    ),
    Mistake(
        "kl-first-dimension",
        "the KL counts one latent dimension, or one item, only",
        "the KL is too low; the other dimensions wander",
        "sum over all latent dimensions",
        "rare",
        (Part.LOSS,),
    ),
    Mistake(
        "kl-wrong-prior",
        "the KL is taken against another distribution than N(0, I)",
        "prior samples do not fit",
        "kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar))",
        "rare",
        (Part.LOSS,),
    ),
    Mistake(
        "kl-missing-term",
        "a term of the closed form is missing",
        "the KL is off; sigma or mu wanders",
        "kl = -0.5 * sum(1 + logvar - mu^2 - exp(logvar)): four terms",
        "rare",
        (Part.LOSS,),
    ),
    Mistake(
        "autoencoder-plus-noise",
        "noise of a fixed scale is added to a code, and there is no KL",
        "good reconstructions, and noise as prior samples",
        "let the encoder give logvar, and add the KL to the loss",
        "some",
        (Part.POSTERIOR, Part.DRAW, Part.LOSS),
    ),
    Mistake(
        "memorising-decoder",
        "prior samples are training items",
        "samples look perfect",
        "decode through a network, not through a table of the data",
        "rare",
        (Part.DECODE,),
    ),
    Mistake(
        "mean-in-training",
        "the training forward pass decodes the mean: there is no noise",
        "an autoencoder with a penalty",
        "decode z = mu + std * eps in training",
        "some",
        (Part.FORWARD,),
    ),
    Mistake(
        "batch-coupled-encoder",
        "an item's code depends on the other items of the batch, in eval mode too",
        "results change with the composition of the batch",
        "normalise with statistics that eval mode freezes (BatchNorm's running ones), not with the batch's own",
        "rare",
        (Part.POSTERIOR,),
    ),
    Mistake(
        "rounded-code",
        "the code is rounded, or looked up in a table, before it is decoded",
        "interpolations jump from one image to the next, and the gradient of the decoder is zero or made up",
        "decode z as it was drawn: a code that is quantised is another model (a VQ-VAE), with another objective",
        "rare",
        (Part.DRAW, Part.DECODE),
    ),
)

MISTAKES = {mistake.id: mistake for mistake in _ALL}
"""Every known mistake by its id."""
