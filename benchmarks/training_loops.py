"""The training loops that run_all.py compares, and their data: the documents' loop, a bare loop, and the matrix products alone.

Each loop starts from the same initialisation and does whole steps: batch, forward pass, loss, gradients, update.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from vae_conformance.data.datasets import digits, from_torchvision, render
from vae_conformance.guard.torchvision_operators import import_torchvision

if TYPE_CHECKING:
    from vae_conformance.binding.bound_subject import InProcessSubject

ITEMS = 60_000
"""MNIST's training images."""
SHAPE = (1, 28, 28)
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Images:
    """The same images in two forms.

    Attributes:
        account: a description of the images, for the output.
        tensor: all images in memory, of shape (items, 1, 28, 28), in [0, 1].
        one_by_one: a data set that converts each PIL image on access and returns it with its class, like the documents' data set.
    """

    account: str
    tensor: Tensor
    one_by_one: Dataset[Any]


class Pictures(Dataset[Any]):
    """PIL images with a transform and a class: the work of torchvision's MNIST per item, for images other than MNIST's."""

    def __init__(self, pixels: Tensor, transform: Any) -> None:
        from PIL import Image

        self.pixels, self.transform, self.to_picture = pixels, transform, Image.fromarray

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.transform(self.to_picture(self.pixels[index].numpy())), 0


def images(data_root: str | None) -> Images:
    """Return the training images of MNIST in `data_root`, or a stand-in of the same shapes: the embedded digits, enlarged and repeated.

    Raises:
        Unbound: MNIST is not in that folder.
    """
    v2 = import_torchvision("torchvision.transforms.v2")
    transform = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    if data_root is not None:
        tensor = from_torchvision("mnist", Path(data_root)).train
        return Images("MNIST", tensor, import_torchvision("torchvision.datasets").MNIST(data_root, transform=transform))
    few = render(digits().train, SHAPE, (0.0, 1.0))
    tensor = few[torch.arange(ITEMS) % len(few)]
    account = "a stand-in for MNIST (no --data-root): the embedded digits, enlarged to 28 x 28 and repeated to 60 000"
    return Images(account, tensor, Pictures((tensor.squeeze(1) * 255).to(torch.uint8), transform))


def bare_loop(subject: InProcessSubject, data: Tensor, steps: int, batch: int) -> None:
    """Train with as little work as possible: data in memory, fused Adam, and no records."""
    subject.load(subject.fresh(0))
    model = subject.model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    order, position = torch.randperm(len(data)), 0
    for _ in range(steps):
        if position + batch > len(data):
            order, position = torch.randperm(len(data)), 0
        x = data.index_select(0, order[position : position + batch])
        position += batch
        x_hat, mu, logvar = model(x)
        total, _, _ = model.loss(x_hat, x, mu, logvar)
        optimiser.zero_grad()
        total.backward()
        optimiser.step()


def documents_loop(subject: InProcessSubject, data: Dataset[Any], steps: int, batch: int) -> None:
    """Train as in Deep Learning Notes 13.4.1.3: a DataLoader, default Adam, and three `.item()` calls per step for the curves.

    The running means that the document prints per epoch need another package and are left out, which favours this loop.
    """
    subject.load(subject.fresh(0))
    model = subject.model.train()
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    curves: tuple[list[float], ...] = ([], [], [])
    while len(curves[0]) < steps:
        for x, *_ in DataLoader(data, batch_size=batch, shuffle=True, drop_last=True):
            x_hat, mu, logvar = model(x)
            terms = model.loss(x_hat, x, mu, logvar)
            terms[0].backward()
            optimiser.step()
            optimiser.zero_grad()
            for curve, term in zip(curves, terms, strict=True):
                curve.append(term.item())
            if len(curves[0]) == steps:
                break


def matrix_products(model: nn.Module, steps: int, batch: int) -> None:
    """Compute only the matrix products that forward and backward passes of the model's linear layers need."""
    layers = [(one.in_features, one.out_features) for one in model.modules() if isinstance(one, nn.Linear)]
    sides = [(torch.randn(batch, inputs), torch.randn(outputs, inputs), torch.randn(batch, outputs)) for inputs, outputs in layers]
    for _ in range(steps):
        for index, (x, weight, gradient) in enumerate(sides):
            torch.mm(x, weight.T)
            torch.mm(gradient.T, x)
            if index > 0:  # the gradient of the data is not needed
                torch.mm(gradient, weight)
