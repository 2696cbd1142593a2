"""Finding what forward returns where, and what of mu, the second head and the output has to be seen inside of it.

What forward does not return is looked for among what its parts give and what it keeps as attributes. There behaviour tells:
without noise the decoder is given mu, and with noise of ones mu + sigma, of which the second head is a function.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.distributions import pair_of
from vae_conformance.binding.drawing import forms
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.heads import head_of
from vae_conformance.binding.interface import DECODE_NAMES, as_raw, candidates, sampler_candidates
from vae_conformance.binding.layout import ForwardLayout, Path, at, batched, by_keys, leaves, read_layout, same
from vae_conformance.binding.passes import RETURNED, Composition, Joint, gaussian, has_forward, leaf_modules, noting, stored_tensors
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Noise, Part, Standing, SubjectFault


@dataclass(frozen=True)
class Sight:
    """What one pass showed: forward's result, what each part gave, what was kept, and the code that was decoded."""

    noted: dict[str, Any]
    z: Tensor | None

    def tensors(self, x: Tensor) -> Iterator[tuple[Path, Tensor]]:
        """Everything that has an entry for each item, with its path."""
        for key, value in self.noted.items():
            if key == RETURNED or key.endswith("()") or key.startswith("self."):
                yield from (((key, *path), leaf) for path, leaf in batched(value, x))


def find_forward(found: Findings) -> None:
    """Find what forward returns where, and mu and the second head from there if encode does not give them."""
    if not has_forward(found.model):
        compositions = found.parts[Part.POSTERIOR].standing is Standing.PRESENT and candidates(found.model, DECODE_NAMES)
        if not compositions:
            found.report(Part.FORWARD, Standing.MISSING, "there is no forward, and not both of encode and decode to put one together from")
        return
    try:
        encoded = None
        if found.encode is not None and found.form is not None:
            encoded = found.form.read(found.call("encode", part_of(found.model, found.encode), found.x, train=True))
        result, again = (found.call("forward", found.forward, found.x, train=True, seed=seed) for seed in (0, 1))
    except SubjectFault as fault:
        found.report(Part.FORWARD, Standing.FAILING, fault.what, fault.diagnosis)
        return
    found.result = result
    found.layout = _of_distribution(found, read_layout(result, found.x, encoded, again), encoded)
    if not _complete(found):
        _look_inside(found)
    if found.layout is None:
        found.report(Part.FORWARD, Standing.FAILING, "returns no output that could be identified: return (x_hat, mu, logvar)")
        return
    found.raw = as_raw(at(found.result, found.layout.raw))
    if found.raw is None:
        found.report(Part.FORWARD, Standing.FAILING, "its output is neither a tensor nor a pair of tensors")
        return
    found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {found.layout.describe()}", known_by=_how(found, encoded))
    _posterior_from_forward(found)


def _of_distribution(found: Findings, layout: ForwardLayout | None, encoded: tuple[Tensor, Tensor] | None) -> ForwardLayout | None:
    """The layout without the heads that forward returns where encode gives a distribution and they are not its mean and log-variance."""
    if layout is None or layout.logvar is None or encoded is None or found.form is None or found.form.posterior is None:
        return layout
    return layout if same(at(found.result, layout.logvar), encoded[1]) else ForwardLayout(layout.raw, None, None)


def compose_forward(found: Findings) -> None:
    """Put a pass together from the parts of a model without a forward; see `vae_conformance.binding.passes`."""
    if Part.FORWARD in found.parts:
        return
    if found.encode is None or found.form is None or found.decode is None:
        found.report(Part.FORWARD, Standing.MISSING, "there is no forward, and not both of encode and decode to put one together from")
        return
    form, sample = found.draw_form, found.draw or partial(gaussian, found.model)

    def draw(model: Any, mu: Tensor, second: Tensor) -> Tensor:
        drawn: Tensor = form.call(part_of(model, sample) if isinstance(sample, str) else sample, mu, second)
        return drawn

    found.joint = Joint(composition=Composition(found.encode, found.form, draw, found.decode))
    try:
        found.result = found.call("forward", found.joint, found.model, found.x, train=True)
    except SubjectFault as fault:
        found.report(Part.FORWARD, Standing.FAILING, fault.what, fault.diagnosis)
        return
    encode, decode = f"{found.encode}()", f"{found.decode}()"
    posterior = None if found.form.posterior is None else (encode, *found.form.posterior)
    mu, second = (None, None) if posterior else ((encode, *found.form.mu), (encode, *found.form.second))
    found.layout = ForwardLayout((decode,), mu, second, posterior)
    found.raw = as_raw(at(found.result, found.layout.raw))
    put_together = f"put together: {found.encode}, {'a Gaussian draw' if found.draw is None else 'the sampling step'}, {found.decode}"
    found.report(Part.FORWARD, Standing.PRESENT, f"there is no forward: {put_together}")
    if found.draw is None:
        found.report(Part.DRAW, Standing.REPLACED, "there is none: the suite draws z = mu + exp(logvar / 2) * eps")


def _how(found: Findings, encoded: tuple[Tensor, Tensor] | None) -> str:
    """How the entries of a pass were told apart."""
    layout = found.layout
    assert layout is not None
    if not found.joint.plain:
        return "probe: its parts were watched while it ran, without noise and with noise of ones"
    if layout.posterior is not None:
        return "the distributions that it returns"
    if "raw" in by_keys(found.result):
        return "the names of its entries"
    if layout.raw == ():
        return "probe: it returns as many numbers as it takes"
    if encoded is not None and layout.mu is not None:
        return "probe: entries that equal what encode gives"
    return "the shapes and the order of its entries, and which of them the seed changes"


def _complete(found: Findings) -> bool:
    layout = found.layout
    return layout is not None and (
        found.encode is not None or layout.posterior is not None or (layout.mu is not None and layout.logvar is not None)
    )


def _posterior_from_forward(found: Findings) -> None:
    layout = found.layout
    if found.parts[Part.POSTERIOR].standing is not Standing.MISSING or layout is None:
        return
    if layout.posterior is not None:
        found.pair = pair_of(at(found.result, layout.posterior))
        found.report(
            Part.POSTERIOR, Standing.PRESENT, "mu and logvar are read from the distribution that forward returns", known_by="its type"
        )
    elif layout.mu is not None and layout.logvar is not None:
        mu, second = at(found.result, layout.mu), at(found.result, layout.logvar)
        if isinstance(mu, Tensor) and isinstance(second, Tensor) and mu.shape == second.shape:
            found.pair = mu, second
            where = "forward" if found.joint.plain else f"{_shown(layout.mu)} and {_shown(layout.logvar)} while forward runs"
            how = _how(found, None)
            found.report(Part.POSTERIOR, Standing.PRESENT, f"mu and logvar are read from {where}: encode does not give them", known_by=how)


def _shown(path: Path) -> str:
    return ".".join(map(str, path))


def sight(found: Findings, *, noise: Noise | None = None, seed: int = 0, parts: tuple[str, ...] | None = None) -> Sight:
    """One pass in training mode with everything noted; raises SubjectFault."""
    decoders = _decoders(found)
    encoders = () if found.encode is None else (found.encode,)
    watched = tuple(dict.fromkeys((*decoders, *encoders, *(leaf_modules(found.model) if parts is None else parts))))

    def run() -> dict[str, Any]:
        with noting(found.model, watched) as noted:
            noted[RETURNED] = found.forward(found.x)
        return noted

    noted = found.call("forward", run, train=True, seed=seed, noise=noise)
    noted |= {f"self.{name}": value for name, value in stored_tensors(found.model).items()}
    arguments = next((noted[name] for name in decoders if name in noted), ())
    code = arguments[0] if arguments and isinstance(arguments[0], Tensor) else None
    return Sight(noted, code)


def _look_inside(found: Findings) -> None:
    """Complete the layout by what can be seen while forward runs; leaves it as it is where that shows nothing."""
    try:
        seen = sight(found)
    except SubjectFault:
        return
    raw = _output(found, seen)
    heads = _heads(found, seen)
    if raw is None or heads is None:
        return
    mu, second, half = heads
    paths = [path for path in (raw, mu, second) if path is not None and path[0] != RETURNED]
    found.joint = Joint(
        parts=tuple(dict.fromkeys(str(path[0]).removesuffix("()") for path in paths if not str(path[0]).startswith("self."))),
        attributes=tuple(dict.fromkeys(str(path[0]).removeprefix("self.") for path in paths if str(path[0]).startswith("self."))),
        half=half,
    )
    found.result = found.call("forward", found.joint, found.model, found.x, train=True)
    if found.joint.plain:
        raw, mu, second = (path and path[1:] for path in (raw, mu, second))
        assert raw is not None
    found.layout = ForwardLayout(raw, mu, second)


def _output(found: Findings, seen: Sight) -> Path | None:
    """The output: forward's own, or what a decoder gave."""
    if found.layout is not None:
        return (RETURNED, *found.layout.raw)
    for name in _decoders(found):
        raw = as_raw(seen.noted.get(f"{name}()"))
        if raw is not None and raw[0].numel() % found.x.numel() == 0:
            return (f"{name}()",)
    return None


def _decoders(found: Findings) -> tuple[str, ...]:
    """The parts that may be handed the code: those with a decoder's name, and what forward hands it by any name."""
    named = tuple(part.name for part in candidates(found.model, DECODE_NAMES))
    return named if found.taker is None else (*named, found.taker)


def _heads(found: Findings, seen: Sight) -> tuple[Path | None, Path | None, tuple[str, ...]] | None:
    """Mu and the second head: what encode gave, else what the noise shows, else what attributes are called."""
    if found.encode is not None and found.form is not None:
        if f"{found.encode}()" not in seen.noted or found.form.posterior is not None:
            return None, None, ()
        return (f"{found.encode}()", *found.form.mu), (f"{found.encode}()", *found.form.second), ()
    return heads_by_noise(found) or _heads_handed(found) or _heads_by_name(seen)


def _heads_handed(found: Findings) -> tuple[Path, Path, tuple[str, ...]] | None:
    """What the sampling step is handed while forward runs: the layers that give it, or its own arguments."""
    steps = [part.name for part in sampler_candidates(found.model, None) if forms(part)]
    try:
        seen = sight(found, parts=(*leaf_modules(found.model), *steps))
    except SubjectFault:
        return None
    for step in steps:
        handed = [(path, leaf) for path, leaf in leaves(seen.noted.get(step, ()), (step,)) if isinstance(leaf, Tensor)]
        pair = [leaf for _path, leaf in handed]
        if len(pair) != 2 or pair[0].shape != pair[1].shape or pair[0].dim() < 2 or len(pair[0]) != BATCH:
            continue
        offered = list(_offered(seen, found.x, pair[0]))
        mus, seconds = ([(path, half) for path, leaf, half in offered if same(leaf, one)] for one in pair)
        both = ((mu, second) for mu in mus for second in seconds if mu[1] == second[1] and mu[0] != second[0])
        if (layers := next(both, None)) is not None:
            return layers[0][0], layers[1][0], layers[0][1]
        return handed[0][0], handed[1][0], ()
    return None


def _heads_by_name(seen: Sight) -> tuple[Path, Path, tuple[str, ...]] | None:
    kept = {name: value for name, value in seen.noted.items() if name.startswith("self.")}
    keys = by_keys({name.rpartition(".")[2]: value for name, value in kept.items()})
    whole = {name.rpartition(".")[2]: name for name in kept}
    if not {"mu", "logvar"} <= keys.keys() or kept[whole[keys["mu"]]].shape != kept[whole[keys["logvar"]]].shape:
        return None
    return (whole[keys["mu"]],), (whole[keys["logvar"]],), ()


def heads_by_noise(found: Findings) -> tuple[Path, Path, tuple[str, ...]] | None:
    """Mu is what the decoder is given without noise; the second head is what the spread of its codes is a function of."""
    try:
        silent = sight(found, noise=Noise.none())
        if silent.z is None or len(silent.z) != BATCH:
            return None
        ones = sight(found, noise=Noise(given=torch.ones_like(silent.z)))
    except SubjectFault:
        return None
    if ones.z is None or ones.z.shape != silent.z.shape:
        return None
    sigma = ones.z - silent.z
    offered = list(_offered(silent, found.x, silent.z))
    mus = [path for path, leaf, _half in offered if same(leaf, silent.z)]
    seconds = [(path, half) for path, leaf, half in offered if head_of(leaf, sigma) is not None and not same(leaf, silent.z)]
    for mu in mus:
        for second, half in sorted(seconds, key=lambda entry: entry[0][:-1] != mu[:-1]):
            return mu, second, half
    return None


def _offered(seen: Sight, x: Tensor, z: Tensor) -> Iterator[tuple[Path, Tensor, tuple[str, ...]]]:
    """The tensors of a code's shape, those returned and those kept before what parts gave; a layer of twice the width gives two."""
    order = {RETURNED: 0, "self": 1}
    for path, leaf in sorted(seen.tensors(x), key=lambda entry: order.get(str(entry[0][0]).partition(".")[0], 2)):
        if leaf.shape == z.shape:
            yield path, leaf, ()
        elif leaf.dim() == 2 and len(path) == 1 and z.dim() == 2 and leaf.shape[1] == 2 * z.shape[1]:
            name = str(path[0]).removesuffix("()")
            for index, half in enumerate(leaf.chunk(2, dim=1)):
                yield (*path, index), half, (name,)


def kl_inside(found: Findings) -> Path | None:
    """Where a pass leaves a KL of its own: a scalar, or one value an item, that forward returns beside the output or keeps as kl."""
    result = found.call("forward", found.forward, found.x, train=True)
    entries = [(path, leaf) for path, leaf in leaves(result) if isinstance(leaf, Tensor) and leaf.numel() in (1, BATCH) and leaf.dim() <= 1]
    if len(entries) == 1:
        return (RETURNED, *entries[0][0])
    kept = [name for name in stored_tensors(found.model) if "kl" in name.rpartition(".")[2].lower()]
    return (f"self.{kept[0]}",) if len(kept) == 1 and not entries else None
