"""Losses that are asked by way of the model: of what its pass gives, of the batch, of the model or its networks, and the pass itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor
from torch.distributions import Distribution

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_arguments import POSITIONS, Batch
from vae_conformance.binding.loss_search import Candidate, driving_candidates
from vae_conformance.binding.loss_values import entry_of
from vae_conformance.binding.losses import Kind, Loss, behind
from vae_conformance.binding.objective.replayed import Replayed, replayed
from vae_conformance.binding.passes import RETURNED, call_forward, has_forward
from vae_conformance.binding.returns import Returns, entries
from vae_conformance.target.adapter import part_of
from vae_spec.subject import Raw

DRIVEN = {role: role for role in POSITIONS}
_HANDED = "probe: its pass was replayed with other outputs and posteriors, and what it returns follows both"


def driven_losses(found: Findings, named: tuple[str, ...] = ()) -> Iterator[Loss]:
    """Losses of the batch; whether they follow the output and the posterior shows when they are called."""
    model = found.model
    if has_forward(model) and not found.joint.composition:
        yield _loss(found, "forward(x)", model.forward, lambda x: call_forward(model, x))
    for account, call, batch in driving_candidates(model, found.target.namespace, named):
        for labelled in (True,) if batch.takes_index else (False, True):
            shown = f"{account}({', '.join(batch.order)})" if batch.takes_model else f"{account}(x)"
            run = _called(call, found, batch, labelled=labelled)
            yield _loss(found, shown, call, run, batch.weight, needs=batch.needs_weight)


def loss_of_entries(found: Findings, candidate: Candidate) -> Loss:
    """A loss that takes what a pass of the model gives, or entries of it that are no tensors, behind such a pass."""
    call, signature = candidate.call, candidate.signature
    name = candidate.account.rpartition(" ")[2]
    read = {role: entry_of(found, role) for role in signature.roles if role != "beta"}
    output_alone = read | ({"outputs": entry_of(found, "raw")} if "outputs" in read else {})
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

    taken = ", ".join(name for role, name in signature.roles.items() if role != "beta")
    weight = signature.roles.get("beta")
    known_by = "its arguments: it takes what forward returns"
    account = f"{candidate.account}({taken})"
    return _loss(found, account, call, run, weight, needs=signature.needs_beta, kind=Kind.WHOLE, known_by=known_by)


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
    found: Findings,
    account: str,
    own: Callable[..., Any],
    run: Callable[..., Any],
    weight: str | None = None,
    *,
    needs: bool = False,
    kind: Kind = Kind.DRIVEN,
    known_by: str = _HANDED,
) -> Loss:
    needed = {weight: 1.0} if needs and weight is not None else {}
    call, roles = behind(own, _driven(found, run, needed)), DRIVEN if weight is None else {**DRIVEN, "beta": weight}
    return Loss(account, call, roles, Returns.SCALAR, needs_beta=needs, kind=kind, known_by=known_by)


def _called(call: Callable[..., Any], found: Findings, batch: Batch, *, labelled: bool) -> Callable[..., Any]:
    def run(x: Tensor, **weight: float) -> Any:
        label = torch.zeros(len(x), dtype=torch.long, device=x.device)
        given: Any = (x, label) if labelled else x
        there = {"model": found.model, "x": given, "index": 0, "label": label}
        for role, name in (("encoder", found.encode), ("decoder", found.decode)):
            if role in batch.order:
                there[role] = getattr(found.model, role, None) or part_of(found.model, name or role)
        return call(*(there[role] for role in batch.order), **weight)

    return run


def _driven(found: Findings, run: Callable[..., Any], needed: Mapping[str, float]) -> Callable[..., Any]:
    @cache
    def objective() -> Replayed | None:
        return replayed(found, partial(run, **needed))

    def loss(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, **weight: float) -> Any:
        there = objective()  # None where no output and no posterior in its pass show that others could take the place of
        return None if there is None else entries(there(partial(run, **weight), raw, x, mu, second), len(x))

    return loss
