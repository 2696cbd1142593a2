"""The VAEs of the two teaching documents, and the systems they are compared with, in plain PyTorch written to be read.

`VAE` is the image model of Deep Learning Notes 13.4, `Autoencoder` its counterpart without noise and without a KL term,
`TinyVAE` the two-dimensional model of VAE Basics 6.6.3 with its whole lab in `train_lab`.

Also mentioned in the documents: `ConvolutionalVAE` has convolutional networks, `AutoregressiveVAE` a decoder strong enough to ignore z;
`BetaVAE`, `FreeBitsVAE`, `InfoVAE` and `warmup` weigh the KL differently; `collapse` trains the strong decoder with each of these remedies;
`GAN` is the third model of VAE Basics' comparison.
"""

from vae_reference.autoencoder import Autoencoder
from vae_reference.autoregressive import AutoregressiveVAE
from vae_reference.collapse import REMEDIES, CollapseRun, Information, information, train_remedy
from vae_reference.convolutional import ConvolutionalVAE
from vae_reference.gan import GAN, GANRun, train_gan
from vae_reference.infovae import InfoVAE, maximum_mean_discrepancy
from vae_reference.mlp import VAE, kl_divergence
from vae_reference.objectives import BetaVAE, FreeBitsVAE, warmup
from vae_reference.tiny import LabRun, TinyVAE, clusters, train_lab

__all__ = [
    "GAN",
    "REMEDIES",
    "VAE",
    "Autoencoder",
    "AutoregressiveVAE",
    "BetaVAE",
    "CollapseRun",
    "ConvolutionalVAE",
    "FreeBitsVAE",
    "GANRun",
    "InfoVAE",
    "Information",
    "LabRun",
    "TinyVAE",
    "clusters",
    "information",
    "kl_divergence",
    "maximum_mean_discrepancy",
    "train_gan",
    "train_lab",
    "train_remedy",
    "warmup",
]
