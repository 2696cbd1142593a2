"""What a variational autoencoder is and how it behaves in training, as claims that a machine can check.

Pure: no pytest, no files, no training loop. `vae_spec.registry.CLAIMS` holds the claims, `vae_spec.subject.Subject` is the door through
which they reach an implementation, and `vae_spec.mistakes.MISTAKES` names what people get wrong.
"""
