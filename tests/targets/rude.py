"""Everything that a script does to the interpreter around it."""
import io
import os
import sys

import torch
from torch import nn

print("epoch 1, loss \N{GREEK SMALL LETTER ALPHA}")
print("to the errors", file=sys.stderr)
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
sys.stdout.write("through a wrapper\n")
sys.path.insert(0, os.path.join(os.path.dirname(__file__), "elsewhere"))
sys.path = [*sys.path, "/nowhere"]
sys.argv.append("--seen")
torch.set_grad_enabled(False)
import shared_name


class VAE(nn.Module):
    shared = shared_name.WHO

    def sampling(self, mu):
        return mu

    def forward(self, x):
        return self.sampling(x)


if __name__ == "__main__":
    raise RuntimeError("training ran")
