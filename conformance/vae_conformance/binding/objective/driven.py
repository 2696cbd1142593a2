"""Losses that are asked by way of the model: of what its pass gives, of the batch, of the model or its networks, and the pass itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

from torch import Tensor
from torch.distributions import Distribution

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_arguments import POSITIONS, Kind, Signature
from vae_conformance.binding.loss_search import Candidate
from vae_conformance.binding.loss_values import entry_of
from vae_conformance.binding.losses import Loss, behind
from vae_conformance.binding.objective.replayed import Replayed, replayed
from vae_conformance.binding.passes import RETURNED, call_forward, has_forward
from vae_conformance.binding.returns import Returns
from vae_spec.subject import Raw

DRIVEN = {role: role for role in POSITIONS}
_HANDED = "probe: its pass was replayed with other outputs and posteriors, and what it returns follows both"


def own_pass(found: Findings) -> Iterator[Loss]:
    """The model's own pass, which may give the loss; whether it follows the output and the posterior shows when it is called."""
    if has_forward(found.model) and not found.joint.composition:
        yield _loss(found, "forward(x)", found.model.forward, lambda x: call_forward(found.model, x), Signature(Kind.DRIVEN, {}))


def driven_losses(found: Findings, candidate: Candidate) -> Iterator[Loss]:
    """A loss that runs the model, for a batch without labels and with them."""
    call, roles = candidate.call, candidate.signature.places
    for labelled in (True,) if candidate.signature.takes_index else (False, True):
        read = [entry_of(found, role, labelled=labelled) for role in roles]

        def run(x: Tensor, *, read: Any = read, **weight: float) -> Any:
            return call(*(one(None, x) for one in read), **weight)

        shown = ", ".join(roles) if {"model", "encoder", "decoder"} & {*roles} else "x"
        yield _loss(found, f"{candidate.account}({shown})", call, run, candidate.signature)


def loss_of_entries(found: Findings, candidate: Candidate) -> Loss:
    """A loss that takes what a pass of the model gives, or entries of it that are no tensors, behind such a pass."""
    call, roles = candidate.call, candidate.signature.places
    read = {role: entry_of(found, role) for role in roles}
    output_alone = read | ({"outputs": entry_of(found, "raw")} if "outputs" in read else {})
    name = candidate.account.rpartition(" ")[2]
    # What is read off a pass's own tape is not there under the casts of a replay.
    off_tape = not found.joint.plain and found.joint.composition is None

    def run(x: Tensor, **weight: float) -> Any:
        with _unchecked():
            result = {RETURNED: call_forward(found.model, x.clone())} if off_tape else found.joint(found.model, x.clone())
            try:
                return call(*(one(result, x) for one in read.values()), **weight)
            except Exception:
                with suppress(Exception):
                    call(*(one(result, x) for one in output_alone.values()), **weight)
                    said = f"{name} takes the reconstruction and the input alone: it is a term of a loss, whose rest stands elsewhere"
                    found.notes[:] = dict.fromkeys([*found.notes, said])
                    return None
                raise

    taken = ", ".join(candidate.signature.roles[role] for role in roles)
    known_by = "its arguments: it takes what forward returns"
    signature = replace(candidate.signature, kind=Kind.WHOLE)
    return _loss(found, f"{candidate.account}({taken})", call, run, signature, known_by)


@contextmanager
def _unchecked() -> Iterator[None]:
    """Distributions take grey values inside the block: those of a Bernoulli distribution are 0 and 1 in the author's own data."""
    before = Distribution._validate_args  # noqa: SLF001  there is no public way to read it
    Distribution.set_default_validate_args(False)
    try:
        yield
    finally:
        Distribution.set_default_validate_args(before)


def _loss(
    found: Findings, account: str, own: Callable[..., Any], run: Callable[..., Any], signature: Signature, known_by: str = _HANDED
) -> Loss:
    beta = {role: name for role, name in signature.roles.items() if role == "beta"}
    call = behind(own, _driven(found, run, dict.fromkeys(beta.values(), 1.0) if signature.needs_weight else {}))
    return Loss(account, call, DRIVEN | beta, Returns.SCALAR, needs_beta=signature.needs_weight, kind=signature.kind, known_by=known_by)


def _driven(found: Findings, run: Callable[..., Any], needed: Mapping[str, float]) -> Callable[..., Any]:
    @cache
    def objective() -> Replayed | None:
        return replayed(found, partial(run, **needed))

    def loss(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, **weight: float) -> Any:
        there = objective()  # None where no output and no posterior in its pass show that others could take the place of
        return None if there is None else there(partial(run, **weight), raw, x, mu, second)

    return loss
