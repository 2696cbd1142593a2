"""A block of the decoder runs under no_grad: what stands before it is never trained by the reconstruction, and nor is the block."""

import torch
from _sound import VAE as SoundVAE

MISTAKE = "no-encoder-gradient"
KILLERS = ("OBJ-04",)


class VAE(SoundVAE):
    def decode(self, z):
        with torch.no_grad():
            offset = self.decoder[0](z)
        h = torch.relu(z @ self.decoder[0].weight.detach().T + offset.mul(0.5))
        return torch.sigmoid(self.decoder[2](h)).view(z.size(0), *self.input_shape)
