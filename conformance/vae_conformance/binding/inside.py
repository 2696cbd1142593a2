"""Finding what forward returns where; what it does not return is followed on its tape."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor

from vae_conformance.binding.distributions import pair_of
from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.follow import MU, OUTPUT, SECOND, follow
from vae_conformance.binding.interface import DECODE_NAMES, as_raw, candidates
from vae_conformance.binding.layout import ForwardLayout, Path, at, by_keys, leaves, read_layout, same
from vae_conformance.binding.passes import RETURNED, Composition, Joint, gaussian, has_forward, stored_tensors
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Part, Standing, SubjectFault


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
        return "probe: what its tape shows to be mu + sigma * eps under other noise"
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


def _look_inside(found: Findings) -> None:
    """Complete the layout by what forward computes and does not return; leave it as it is where its pass does not show that."""
    try:
        followed = follow(found, output=found.layout is None)
        if followed is None:
            return
        joint = Joint(followed=followed)
        found.result = found.call("forward", joint, found.model, found.x, train=True)
    except SubjectFault:
        return
    found.joint = joint
    raw = (OUTPUT,) if found.layout is None else (RETURNED, *found.layout.raw)
    found.layout = ForwardLayout(raw, (MU,), (SECOND,) if SECOND in found.result else None)


def kl_inside(found: Findings) -> Path | None:
    """Where a pass leaves a KL of its own: a scalar, or one value an item, that forward returns beside the output or keeps as kl."""
    result = found.call("forward", found.forward, found.x, train=True)
    entries = [(path, leaf) for path, leaf in leaves(result) if isinstance(leaf, Tensor) and leaf.numel() in (1, BATCH) and leaf.dim() <= 1]
    if len(entries) == 1:
        return (RETURNED, *entries[0][0])
    kept = [name for name in stored_tensors(found.model) if "kl" in name.rpartition(".")[2].lower()]
    return (f"self.{kept[0]}",) if len(kept) == 1 and not entries else None
