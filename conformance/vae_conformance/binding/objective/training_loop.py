"""The loss that a training loop computes: what it differentiates, when it is run with stand-ins for what it has and the suite has not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_arguments import POSITIONS, Kind
from vae_conformance.binding.loss_trial import Trial, alike, try_loss
from vae_conformance.binding.losses import Loss, behind
from vae_conformance.binding.objective.loops import Loop, loops_of
from vae_conformance.binding.objective.replayed import replayed
from vae_conformance.binding.objective.stand_ins import Stage
from vae_conformance.binding.returns import Returns
from vae_spec.subject import Raw, SubjectFault

_FORMS: tuple[Callable[[Tensor, int], Any], ...] = (
    lambda x, label: (x, torch.full((len(x),), label, dtype=torch.long, device=x.device)),
    lambda x, _label: x,
    lambda x, _label: [x],
)
"""What a loader may give: the batch with its labels, the batch alone, or a list of nothing else."""


def loss_of_loop(found: Findings, trial: Trial) -> Loss | None:
    """The loss that the file's training loop differentiates; None where none can be run, or several differ.

    Args:
        found: what is known of the model.
        trial: what it is tried with.
    """
    bound: list[Loss] = []
    for loop in loops_of(found.target.namespace):
        try:
            loss = next((tried for one in _losses(found, loop) if (tried := try_loss(found, one, trial)) is not None), None)
        except SubjectFault as fault:
            found.notes.append(f"the loss of {loop.account} {fault.what}")
            continue
        if loss is not None and not any(alike(found, loss, other, trial) for other in bound):
            bound.append(loss)
    if len(bound) > 1:
        found.notes.append(f"the file has {len(bound)} training loops whose losses differ: {'; '.join(one.account for one in bound)}")
    return bound[0] if len(bound) == 1 else None


def _losses(found: Findings, loop: Loop) -> Iterator[Loss]:
    """The loss of a loop for each kind of batch that it runs on.

    Raises:
        SubjectFault: it runs on none.
    """
    failed: SubjectFault | None = None
    ran = False
    tried = [(form, frozenset[str]()) for form in _FORMS]
    for form, models in tried:
        stage = Stage(found.model, models=models)
        try:
            run = _on_batches(form, stage, found.call("loss", loop.staged, stage))
            found.call("loss", run, found.x.clone(), train=True)  # what is missing is stood in for before anything is recorded
            objective = replayed(found, run)
        except SubjectFault as fault:
            failed = failed or fault
            if stage.called and not models:
                tried.append((form, frozenset(stage.called)))
            continue
        ran = True
        if objective is None and not stage.unknown:
            continue
        if needs := _unsettled(found, stage, run):
            raise SubjectFault("loss", f"cannot be determined: it depends on {', '.join(needs)}")
        name = next(iter(stage.weights), None) if _follows_weight(found, run) else None

        def loss(raw: Raw, x: Tensor, mu: Tensor, second: Tensor, *, run: Any = run, objective: Any = objective, **weight: float) -> Any:
            given = next(iter(weight.values()), 1.0)
            return objective(lambda batch: run(batch, given), raw, x, mu, second)

        yield Loss(
            loop.account,
            behind(loop.own, loss),
            {role: role for role in POSITIONS} | ({} if name is None else {"beta": name}),
            Returns.SCALAR,
            kind=Kind.LOOP,
            known_by="what its training loop differentiates; probe: it follows the output and the posterior",
        )
    if failed is not None and not ran:
        raise failed


def _on_batches(form: Callable[[Tensor, int], Any], stage: Stage, runs: Callable[[], Tensor | None]) -> Callable[..., Tensor]:
    def run(x: Tensor, weight: float = 1.0) -> Tensor:
        stage.batch, stage.weight = form(x, stage.label), weight
        with torch.enable_grad():
            loss = runs()
        if loss is None:
            raise SubjectFault("loss", "does not come to the point where it is differentiated")
        return loss

    return run


def _follows_weight(found: Findings, run: Callable[..., Tensor]) -> bool:
    """Whether a loss follows the weight that its loop is given."""
    once, twice = (float(found.call("loss", run, found.x.clone(), weight, train=True).detach().mean()) for weight in (1.0, 2.0))
    return once != twice


def _unsettled(found: Findings, stage: Stage, run: Callable[..., Tensor]) -> list[str]:
    """What a loss depends on and only its loop knows: functions, numbers, labels, and what changes from one round to the next."""
    names = list(stage.unknown)

    def total(**changed: Any) -> float | None:
        before = {name: getattr(stage, name) for name in changed}
        for name, value in changed.items():
            setattr(stage, name, value)
        try:
            return float(found.call("loss", run, found.x.clone(), train=True).detach().mean())
        except SubjectFault:
            return None
        finally:
            for name, value in before.items():
                setattr(stage, name, value)

    usual = total()
    if total() != usual:
        return [*names, "what the loop counts"]
    names += [name for name in list(stage.numbers) if total(number=2.0, varied=name) not in (usual, None)]
    names += ["label"] if total(label=1) not in (usual, None) else []
    if not names and total(rounds=2) not in (usual, None):
        names.append("what the loop counts")
    return names
