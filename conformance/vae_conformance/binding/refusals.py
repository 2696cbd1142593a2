"""What is refused in one message: what no claim speaks of, as codebooks and several draws, and what the suite could not identify."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from typing import NoReturn

import torch
from torch import Tensor, nn

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.layout import leaves
from vae_conformance.binding.passes import forward_of, has_forward
from vae_conformance.config.options import RunOptions
from vae_conformance.errors import Unbound
from vae_conformance.guard.calls import tells_nothing
from vae_conformance.guard.random_calls import DROPPING
from vae_conformance.target.adapter import inner_of, settled
from vae_spec.subject import Part, Standing

_SHAPE = "hard-coded-shape"
"""The mistake that a clash of shapes points to."""
_CLASH = re.compile(
    r"shapes? (cannot|'\[)|must match the|invalid for input|different to the input|channels|[Kk]ernel size|Sizes of tensors|[Ee]xpected .*"
    r"(\dD|dimension)|Dimension out of range|values to unpack|input\.size|normalized_shape"
)
"""What PyTorch says of a tensor of another shape than a layer takes."""
_OF_ITEMS = "non-singleton dimension 0"
"""What PyTorch says where it is the number of items that does not fit: an item's shape does."""
_GIVE_A_DEFAULT = "give the argument a default, or write an adapter that passes it (docs/adapters.md)"
_SAY_WHICH = "say which is which with an adapter (docs/adapters.md), or let forward return (x_hat, mu, logvar)"


def refuse_entries(found: Findings) -> None:
    """Refuse a model whose pass takes a batch of several entries, as `batch["x"]` or `x, y = batch`, and none of plain images.

    Raises:
        Unbound: it takes such a batch.
    """
    if found.fault is None or settled(found.model, ("forward",)) is not None:
        return
    try:
        source = inspect.getsource(forward_of(inner_of(found.model)))
    except (OSError, TypeError):
        return
    first = re.search(r"def \w+\(\s*self,\s*(\w+)", source)
    if first is None:
        return
    entry = re.search(rf"\b{first[1]}\[(['\"])(\w+)\1\]", source)
    unpacked = re.search(rf"^\s*(\(?\w+(?:, *\w+)+\)?) = {first[1]}\s*(?:#.*)?$", source, re.MULTILINE)
    if entry is not None or unpacked is not None:
        taken = f"named entries ({first[1]}[{entry[2]!r}])" if entry else f"several tensors ({unpacked[0].strip()})" if unpacked else ""
        given = f"{{{entry[2]!r}: x}}" if entry else "x with what stands beside it"
        raise Unbound(
            f"{found.target.name}: forward takes a batch of {taken}, no plain images: it {found.fault.what}",
            f"write an adapter whose forward passes it {given}, and whose loss takes x_hat, x, mu and logvar (docs/adapters.md)",
        )


def refuse_several_draws(found: Findings, name: str, given: object, like: Tensor, what: str = "codes") -> None:
    """Refuse a part that gives several codes or outputs for each item, along a dimension of their own or as a list.

    Args:
        found: what is known of the model.
        name: of the part.
        given: what it gives.
        like: of the shape of one for each item.
        what: what it gives several of.

    Raises:
        Unbound: it does.
    """
    several = 0
    if isinstance(given, Tensor) and given.dim() == like.dim() + 1 and given.numel() > like.numel():
        ahead, behind = given.shape[1:] == like.shape, (*given.shape[:1], *given.shape[2:]) == tuple(like.shape)
        several = given.shape[0 if ahead else 1] if ahead or behind else 0
    # Two may be a mean and its spread, and a tuple the parameters of a distribution.
    elif isinstance(given, list) and len(given) != 2 and all(isinstance(one, Tensor) and one.numel() == like.numel() for one in given):
        several = len(given)
    if several:
        given_as = f"{several} {what} for each item" if several > 1 else f"a list of {what} for each item"
        raise Unbound(
            f"{found.target.name}: {name} gives {given_as}, and the claims speak of one",
            "judge it with one draw an item, without a dimension or a list for several: write an adapter that passes num_samples=1 and"
            " takes that dimension away (docs/adapters.md)",
        )


def refuse_size_of_item(found: Findings, decoder: str) -> NoReturn:
    """Refuse a decoder that is given one number of each item beside z, made of x, such as the sum of its counts.

    Raises:
        Unbound: always.
    """
    raise Unbound(
        f"{found.target.name}: {decoder} takes one number of each item beside z, made of x (a library size, an exposure), and the claims"
        " speak of decode(z)",
        "write an adapter whose decode and forward fix that number (docs/adapters.md)",
    )


def refuse_teacher(found: Findings, decoder: str) -> None:
    """Refuse a decoder of tokens that is given the tokens themselves beside z, as a sentence's decoder is in training.

    Raises:
        Unbound: the model takes tokens.
    """
    if found.target.vocabulary:
        raise Unbound(
            f"{found.target.name}: {decoder} is autoregressive: it takes the tokens before each token beside z (teacher forcing), and the"
            " claims speak of decode(z)",
            "write an adapter whose decode(z) builds the sequence from z alone, and declare --decoder autoregressive (docs/adapters.md)",
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


def refuse_unidentified(found: Findings, options: RunOptions) -> None:
    """Refuse a model of which a required part could not be called or identified: that says nothing of the author's code.

    A part that fails over its shapes where only the latent dimension is a guess keeps failing, but points to no mistake.

    Raises:
        Unbound: a part does not take the arguments that the suite has; no shape of an item that was tried fits; or forward draws, or
            decodes, and what it draws from, or what decodes, could not be identified.
    """
    for part, fault in found.faults.items():
        if found.parts[part].diagnosis is None and tells_nothing(fault):
            raise Unbound(f"{found.target.name}: {part} {fault.what}, and nothing says what else to pass", _GIVE_A_DEFAULT)
    posterior, decode, forward = (found.parts[part] for part in (Part.POSTERIOR, Part.DECODE, Part.FORWARD))
    seen, works = posterior.standing is Standing.PRESENT, forward.standing is Standing.PRESENT
    faults = [fault for part, fault in found.faults.items() if part is not Part.DECODE]
    clashing = [fault for fault in faults if _CLASH.search(fault.what) and _OF_ITEMS not in fault.what]
    if not seen and clashing and options.input_shape is None:
        raise Unbound(
            f"no shape of input was found that {found.target.name} takes: with the shape {found.shape} {clashing[0]}",
            "name the shape of one item with --input-shape, for example --input-shape 1,28,28; with it, code that takes no shape is judged",
        )
    if works and posterior.standing is Standing.MISSING and found.latent is None and found.random - DROPPING:
        drawn = ", ".join(sorted(found.random - DROPPING))
        raise Unbound(
            f"{found.target.name}: forward draws ({drawn}), and no mean and second head of like shape were identified that it draws from:"
            f" {posterior.account}",
            f"only a Gaussian posterior with independent dimensions is judged, one for each item: {_SAY_WHICH}",
        )
    inner = found.result if isinstance(found.result, list | tuple) else ()
    for given in (*inner, *(leaf for _path, leaf in leaves(found.result))) if seen else ():
        refuse_several_draws(found, "forward", given, found.x, "outputs")
    shapes = ", ".join(str(tuple(leaf.shape)) for _path, leaf in leaves(found.result) if isinstance(leaf, Tensor))
    if seen and forward.standing is Standing.FAILING and Part.FORWARD not in found.faults and shapes:
        raise Unbound(f"{found.target.name}: among what forward returns, of the shapes {shapes}, no output was identified", _SAY_WHICH)
    gives_items = found.raw is not None and found.raw[0].numel() % found.x.numel() == 0
    if works and seen and gives_items and decode.standing is Standing.MISSING and decode.diagnosis is None and not _repeats(found):
        raise Unbound(f"{found.target.name}: what decodes z could not be identified: {decode.account}", _SAY_WHICH)
    if found.pair is None and decode.diagnosis == _SHAPE:
        account = f"{decode.account}; the latent dimension is not known for sure"
        found.parts[Part.DECODE] = replace(decode, account=account, diagnosis=None)


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
