"""Several losses in one file: which of them training uses."""

from __future__ import annotations

from contextlib import suppress

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_arguments import Kind
from vae_conformance.binding.loss_binding import losses
from vae_conformance.binding.loss_trial import Trial, alike, contradicts, try_loss
from vae_conformance.binding.losses import Loss
from vae_conformance.binding.objective.training_loop import loss_of_loop
from vae_conformance.errors import Unbound
from vae_spec.subject import SubjectFault


def used_in_training(found: Findings, loss: Loss, trial: Trial) -> Loss:
    """The loss, or the function beside it, that the file's training loop differentiates a multiple of; else what the loop differentiates.

    Raises:
        Unbound: no loop says which of several functions that give different numbers it is.
    """
    loop = loss_of_loop(found, trial)
    if loop is not None and not contradicts(found, loop, loss, trial):
        return loss
    others = _others(found, loss, trial) if loss.kind is Kind.DIRECT and not loss.account.startswith("method") else []
    names = ", ".join(one.name for one in (loss, *others))
    if loop is None and others:
        raise Unbound(
            f"{found.target.name} has {len(others) + 1} losses that give different numbers: {names}",
            f"name the one that training uses: --loss {loss.name}",
        )
    if loop is None:
        return loss
    meant = next((other for other in others if not contradicts(found, loop, other, trial)), None)
    if meant is not None:
        found.notes.append(f"of the losses {names} the file calls {meant.name}: it is taken")
        return meant
    found.notes.append(f"{loop.account} compute another loss than {loss.account}: what they differentiate is judged")
    return loop


def _others(found: Findings, loss: Loss, trial: Trial) -> list[Loss]:
    """Other functions of the parts that give other numbers."""
    there: dict[str, Loss] = {}
    for candidate in losses(found):
        if candidate.kind is Kind.DIRECT and candidate.account.startswith("function") and candidate.account != loss.account:
            with suppress(SubjectFault):
                if (tried := try_loss(found, candidate, trial)) is not None and not alike(found, loss, tried, trial):
                    there.setdefault(tried.name, tried)
    return list(there.values())
