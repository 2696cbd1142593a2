"""Finds and binds an implementation of a VAE, runs the experiments, asks the claims of `vae_spec`, and reports."""
