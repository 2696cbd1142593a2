"""Finding what forward returns where; what it does not return is followed on its tape."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor

from vae_conformance.binding.findings import BATCH, Findings
from vae_conformance.binding.interface import DECODE_NAMES, as_raw, candidates
from vae_conformance.binding.layout import ForwardLayout, Path, at, leaves, same
from vae_conformance.binding.passes import RETURNED, Composition, Joint, gaussian, has_forward, stored_tensors
from vae_conformance.binding.reading import by_keys, read_layout
from vae_conformance.binding.traced import followed
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Part, Standing, SubjectFault

_NOTHING = "there is no forward, and not both of encode and decode to put one together from"


def find_forward(found: Findings) -> Findings:
    """Find what forward returns where, and mu and the second head from there if encode does not give them."""
    if not has_forward(found.model):
        if found.encode is None or not candidates(found.model, DECODE_NAMES):
            found.report(Part.FORWARD, Standing.MISSING, _NOTHING)
        return found
    if found.fault is not None:
        found.fails(Part.FORWARD, found.fault.what, found.fault)
        return found
    layout = read_layout(found.result, found.x, found.again, found.encoded, found.latent)
    found = replace(found, layout=layout)
    if layout is None or (found.encode is None and layout.posterior is None and None in (layout.mu, layout.logvar)):
        found = followed(found)
    layout = found.layout
    if layout is not None and layout.logvar is not None and found.form is not None and found.form.posterior is not None:
        # Beside the distribution that encode gives, heads that are not its mean and log-variance are nothing to read.
        assert found.encoded is not None
        if not same(at(found.result, layout.logvar), found.encoded[1]):
            found = replace(found, layout=ForwardLayout(layout.raw, None, None))
    if found.layout is None:
        found.report(Part.FORWARD, Standing.FAILING, "returns no output that could be identified: return (x_hat, mu, logvar)")
        return found
    found = replace(found, raw=as_raw(at(found.result, found.layout.raw)))
    if found.raw is None:
        found.report(Part.FORWARD, Standing.FAILING, "its output is neither a tensor nor a pair of tensors")
        return found
    assert found.layout is not None
    found.report(Part.FORWARD, Standing.PRESENT, f"forward(x): {found.layout.describe()}", known_by=_how(found))
    return found if found.parts[Part.POSTERIOR].standing is not Standing.MISSING else _with_posterior(found)


def compose_forward(found: Findings) -> Findings:
    """Put a pass together from the parts of a model without a forward; see `vae_conformance.binding.passes`."""
    if Part.FORWARD in found.parts:
        return found
    if found.encode is None or found.form is None or found.decode is None:
        found.report(Part.FORWARD, Standing.MISSING, _NOTHING)
        return found
    form, sample = found.draw_form, found.draw or partial(gaussian, found.model)

    def draw(model: Any, mu: Tensor, second: Tensor) -> Tensor:
        drawn: Tensor = form.call(part_of(model, sample) if isinstance(sample, str) else sample, mu, second)
        return drawn

    joint = Joint(composition=Composition(found.encode, found.form, draw, found.decode))
    try:
        result = found.call("forward", joint, found.model, found.x, train=True)
    except SubjectFault as fault:
        found.fails(Part.FORWARD, fault.what, fault)
        return replace(found, joint=joint)
    encode, decode = f"{found.encode}()", f"{found.decode}()"
    posterior = None if found.form.posterior is None else (encode, *found.form.posterior)
    mu, second = (None, None) if posterior else ((encode, *(found.form.mu or ())), (encode, *(found.form.second or ())))
    put_together = f"put together: {found.encode}, {'a Gaussian draw' if found.draw is None else 'the sampling step'}, {found.decode}"
    found.report(Part.FORWARD, Standing.PRESENT, f"there is no forward: {put_together}")
    if found.draw is None:
        found.report(Part.DRAW, Standing.REPLACED, "there is none: the suite draws z = mu + exp(logvar / 2) * eps")
    layout = ForwardLayout((decode,), mu, second, posterior)
    return replace(found, joint=joint, result=result, layout=layout, raw=as_raw(at(result, layout.raw)))


def _how(found: Findings) -> str:
    """How the entries of a pass were identified."""
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
    if found.encoded is not None and layout.mu is not None:
        return "probe: entries that equal what encode gives"
    return "the shapes and the order of its entries, and which of them the seed changes"


def _with_posterior(found: Findings) -> Findings:
    """Mu and the second head as forward gives them."""
    layout, (mu, second) = found.layout, found.heads
    if layout is None or mu is None or second is None or mu.shape != second.shape:
        return found
    if layout.posterior is not None:
        account, known = "mu and logvar are read from the distribution that forward returns", "its type"
    else:
        assert layout.mu is not None
        assert layout.logvar is not None
        where = "forward" if found.joint.plain else f"{_shown(layout.mu)} and {_shown(layout.logvar)} while forward runs"
        account, known = f"mu and logvar are read from {where}: encode does not give them", _how(found)
    found.report(Part.POSTERIOR, Standing.PRESENT, account, known_by=known)
    return replace(found, pair=(mu, second))


def _shown(path: Path) -> str:
    return ".".join(map(str, path))


def kl_inside(found: Findings) -> Path | None:
    """Where a pass leaves a KL of its own: a scalar, or one value an item, that forward returns beside the output or keeps as kl."""
    result = found.call("forward", found.forward, found.x, train=True)
    entries = [(path, leaf) for path, leaf in leaves(result) if isinstance(leaf, Tensor) and leaf.numel() in (1, BATCH) and leaf.dim() <= 1]
    if len(entries) == 1:
        return (RETURNED, *entries[0][0])
    kept = [name for name in stored_tensors(found.model) if "kl" in name.rpartition(".")[2].lower()]
    return (f"self.{kept[0]}",) if len(kept) == 1 and not entries else None
