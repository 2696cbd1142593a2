"""How the parts stand that nobody has to look for: what follows from the loss, the parameters and how the model was given."""

from __future__ import annotations

from vae_conformance.binding.findings import Findings
from vae_conformance.binding.loss_arguments import Kind
from vae_conformance.binding.losses import Loss
from vae_conformance.binding.returns import Returns
from vae_spec.subject import Facts, Part, PartReport, Standing


def report_rest(found: Findings, facts: Facts, loss: Loss) -> None:
    """Note how the loss's terms and its beta stand, the code inside forward, the parameters, and training.

    Args:
        found: what was found; its parts are completed.
        facts: of the subject.
        loss: that was found, or is supplied.
    """
    parts = found.parts
    parts.setdefault(Part.LATENT_IN_FORWARD, PartReport(Standing.REPLACED, "forward does not work"))
    works, reason = parts[Part.LOSS].standing, parts[Part.LOSS].diagnosis
    split = PartReport(
        Standing.REPLACED,
        "the loss returns one scalar: the reconstruction is its value at mu = 0, sigma = 1, the KL the rest",
    )
    whole = PartReport(works, parts[Part.LOSS].account if works is Standing.FAILING else loss.account, reason)
    parts[Part.LOSS_TERMS] = whole if loss.turned or loss.returns is not Returns.SCALAR or works is not Standing.PRESENT else split
    if loss.takes_beta:
        name = loss.roles.get("beta", "")
        shown = f"the weight {name} in its loop" if loss.kind is Kind.LOOP else f"argument {name}"
        shown = shown if loss.knob is None else loss.knob.account
        takes = shown if loss.own_beta == 1 else f"{shown}, {loss.own_beta:g} by default"
        parts[Part.BETA] = PartReport(Standing.REPLACED if works is Standing.FAILING else Standing.PRESENT, takes)
    else:
        parts[Part.BETA] = PartReport(Standing.REPLACED, "the loss takes no beta: training weighs its KL term")
    some = facts.parameters > 0
    parts[Part.PARAMETERS] = PartReport(
        Standing.PRESENT if some else Standing.FAILING,
        f"{facts.parameters:,}" if some else "there are no trainable parameters",
        None if some else "not-a-module",
    )
    if facts.given_weights:
        parts[Part.TRAINING] = PartReport(Standing.REPLACED, "the weights are judged as they are: nothing is trained")
    elif found.target.make is None:
        parts[Part.TRAINING] = PartReport(
            Standing.REPLACED, "a ready instance cannot be initialised anew: name its class to have training judged"
        )
    else:
        parts[Part.TRAINING] = parts[Part.PARAMETERS]
