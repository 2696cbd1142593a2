"""Several losses in one file: which of them training uses."""

from __future__ import annotations

import ast
from typing import Any

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_binding import losses
from vae_conformance.binding.loss_trial import Trial, try_loss
from vae_conformance.binding.losses import Kind, Loss
from vae_conformance.errors import Unbound
from vae_conformance.target.source_code import source_tree
from vae_spec.subject import SubjectFault


def preferred(found: Findings, loss: Loss, trial: Trial, asked: str | None) -> Loss:
    """The loss among those of a file that take the same and give other numbers: the one that the file calls.

    A model's own method goes before what stands beside it, and a loss that another one calls is a part of that.

    Raises:
        Unbound: the file calls several of them, or none.
    """
    if asked is not None or loss.kind is not Kind.DIRECT or loss.account.startswith("method"):
        return loss
    others = [other for other in _others(found, loss, trial) if _differs(found, loss, other, trial)]
    if not others:
        return loss
    rivals = {one.name: one for one in (loss, *others)}
    called = [name for name in rivals if name in _called(found.target.namespace, set(rivals))]
    if len(called) == 1:
        found.notes.append(f"of the losses {', '.join(rivals)} the file calls {called[0]}: it is taken")
        return rivals[called[0]]
    raise Unbound(
        f"{found.target.name} has {len(rivals)} losses that give different numbers: {', '.join(rivals)}",
        f"name the one that training uses: --loss {loss.name}",
    )


def _others(found: Findings, loss: Loss, trial: Trial) -> list[Loss]:
    there: dict[str, Loss] = {}
    for candidate in losses(found):
        if candidate.kind is not Kind.DIRECT or candidate.account.startswith("method") or candidate.account == loss.account:
            continue
        try:
            tried = try_loss(found, candidate, trial)
        except SubjectFault:
            continue
        if tried is not None:
            there.setdefault(tried.name, tried)
    return list(there.values())


def _differs(found: Findings, loss: Loss, other: Loss, trial: Trial) -> bool:
    """Whether two losses give different totals for one output and posterior."""
    code, neutral = trial.code(0.7), trial.code(0.5)
    first, second = (
        float(found.call("loss", one.evaluate, trial.raw, trial.x, code, neutral, neutral, code, None).total) for one in (loss, other)
    )
    return abs(first - second) > 1e-4 * (abs(first) + abs(second))


def _called(namespace: Any, rivals: set[str]) -> set[str]:
    """The names that the file calls anywhere but inside of the rivals themselves."""
    tree = source_tree(namespace)
    called = set()
    for statement in tree.body:
        within = getattr(statement, "name", None)
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id != within:
                called.add(node.func.id)
    return called & rivals
