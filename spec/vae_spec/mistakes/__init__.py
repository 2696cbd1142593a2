"""The registry of common mistakes in VAE implementations: what each does, its symptoms, and how to fix it."""

from __future__ import annotations

from vae_spec.mistakes.of_the_loss import OF_THE_LOSS
from vae_spec.mistakes.of_the_model import OF_THE_MODEL
from vae_spec.mistakes.record import Mistake as Mistake

MISTAKES = {mistake.id: mistake for mistake in (*OF_THE_LOSS, *OF_THE_MODEL)}
"""Every known mistake by its id."""
