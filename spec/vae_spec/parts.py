"""The parts of an implementation, by their names in reports. Imports only enum."""

from __future__ import annotations

from enum import StrEnum


class Part(StrEnum):
    """The parts of an implementation that a claim may need."""

    POSTERIOR = "encode"
    FORWARD = "forward"
    DRAW = "sampling step"
    DECODE = "decode"
    LOSS = "loss"
    LOSS_TERMS = "separate loss terms"
    BETA = "beta argument of the loss"
    PARAMETERS = "trainable parameters"
    TRAINING = "training from a fresh initialisation"
    NOISE_CONTROL = "control of the noise"
    LATENT_IN_FORWARD = "the code that forward decodes"
