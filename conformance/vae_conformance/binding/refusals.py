"""What is refused in one message, because no claim speaks of it: codebooks, several draws, and what shows no part of a VAE.

And what is not laid at an author's door: a clash of shapes where the suite had to guess them.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import replace

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.layout import leaves
from vae_conformance.binding.passes import forward_of, has_forward
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.target.adapter import inner_of, settled
from vae_spec.subject import Part, Standing

_SHAPE = "hard-coded-shape"
"""The mistake that a clash of shapes points to."""


def refuse_entries(found: Findings) -> None:
    """Refuse a model whose pass takes a batch of named entries, as `batch["x"]`, and none of plain images.

    Raises:
        Unbound: it takes such a batch.
    """
    if found.fault is None or settled(found.model, ("forward",)) is not None:
        return
    try:
        source = inspect.getsource(forward_of(inner_of(found.model)))
    except (OSError, TypeError):
        return
    failure = found.fault.what
    first = re.search(r"def \w+\(\s*self,\s*(\w+)", source)
    entry = re.search(rf"\b{first[1]}\[(['\"])(\w+)\1\]", source) if first else None
    if first is not None and entry is not None:
        raise Unbound(
            f"{found.target.name}: forward takes a batch of named entries ({first[1]}[{entry[2]!r}]), no plain images: it {failure}",
            f"write an adapter whose forward hands it {{{entry[2]!r}: x}}, and whose loss takes x_hat, x, mu and logvar (docs/adapters.md)",
        )


def refuse_several_draws(found: Findings, name: str, z: object, code: Tensor) -> None:
    """Refuse a sampling step that gives several codes for each item, along a dimension of their own.

    Args:
        found: what is known of the model.
        name: of the step.
        z: what it gives.
        code: of the shape of one code for each item.

    Raises:
        Unbound: it does.
    """
    if isinstance(z, Tensor) and z.dim() == code.dim() + 1 and z.numel() != code.numel():
        ahead, behind = z.shape[1:] == code.shape, (*z.shape[:1], *z.shape[2:]) == tuple(code.shape)
        if ahead or behind:
            raise Unbound(
                f"{found.target.name}: {name} gives {z.shape[0 if ahead else 1]} codes for each item, and the claims speak of one",
                "judge it with one draw an item: let its default be 1, or write an adapter that builds it so (docs/adapters.md)",
            )


def refuse_codebook(found: Findings) -> None:
    """Refuse a VQ-VAE: a codebook, no pair of heads, and a training pass that draws nothing.

    Raises:
        Unbound: it is one.
    """
    if found.parts[Part.POSTERIOR].standing is Standing.PRESENT or not isinstance(found.model, nn.Module) or not has_forward(found.model):
        return
    books = [path for path, module in found.model.named_modules() if isinstance(module, nn.Embedding)]
    if not books or not _repeats(found):
        return
    raise Unbound(
        f"{found.target.name} looks like a VQ-VAE: it has a codebook ({books[0]}), gives no mu and logvar, and draws nothing, for two seeds"
        " give the same output in training mode; its codes are discrete, so there is no Gaussian posterior, no sampling step and no KL that"
        " the claims could speak of",
        "there is nothing to fix: only VAEs with a Gaussian posterior are judged; where the file has one beside it, name that (FILE:Name)",
    )


def _repeats(found: Findings) -> bool:
    """Whether two training passes under different seeds give the same."""
    if found.fault is not None:
        return False
    one, other = ([leaf for _path, leaf in leaves(result) if isinstance(leaf, Tensor)] for result in (found.result, found.again))
    return bool(one) and all(torch.equal(first, second) for first, second in zip(one, other, strict=False))


def excuse_guessed_shapes(found: Findings, options: RunOptions) -> None:
    """Let a part that fails over its shapes point to no mistake where the shape that it was given is the suite's guess.

    Where nothing has taken the batch, its shape may be wrong; where no code was seen, the latent dimension may be.
    """
    seen = found.parts[Part.POSTERIOR].standing is Standing.PRESENT
    guessed = {Part.DECODE: found.pair is None, Part.FORWARD: not seen and options.input_shape is None}
    for part, is_guess in guessed.items():
        report = found.parts[part]
        if is_guess and report.diagnosis == _SHAPE:
            unknown = "the latent dimension is" if part is Part.DECODE else "the shape of an item is"
            found.parts[part] = replace(report, account=f"{report.account}; {unknown} not known for sure", diagnosis=None)


def refuse_nothing(found: Findings) -> None:
    """Refuse what shows neither an encoder nor a decoder nor a forward that gives mu and logvar.

    A part of the usual name that fails, and a failing that points to a mistake, are for the claims: there is a VAE, and it is broken.

    Raises:
        Unbound: nothing of a VAE was found.
    """
    parts = (Part.POSTERIOR, Part.DECODE, Part.FORWARD)
    posterior, decode, forward = (found.parts[part] for part in parts)
    if {posterior.standing, decode.standing} & {Standing.PRESENT, Standing.FAILING} or forward.diagnosis is not None:
        return
    accounts = "; ".join(f"{part}: {found.parts[part].account}" for part in parts)
    raise Unbound(
        f"nothing in {found.target.name} was recognised as a part of a VAE: {accounts}",
        "let it have encode(x), which gives mu and logvar, and decode(z), or let forward return (x_hat, mu, logvar); where these have other"
        " shapes, say which is which with an adapter (docs/adapters.md); where the file has another class, name it (FILE:Name); where an"
        " item has a shape of its own, give it with --input-shape",
    )
