"""The VAEs of the two teaching documents, as plain PyTorch that is meant to be read.

`VAE` is the image model of Deep Learning Notes 13.4, `Autoencoder` its counterpart without noise and without a KL term,
`TinyVAE` the two-dimensional model of VAE Basics 6.6.3 with its whole lab in `train_lab`.
"""

from vae_reference.autoencoder import Autoencoder
from vae_reference.mlp import VAE, kl_divergence
from vae_reference.tiny import LabRun, TinyVAE, clusters, train_lab

__all__ = ["VAE", "Autoencoder", "LabRun", "TinyVAE", "clusters", "kl_divergence", "train_lab"]
