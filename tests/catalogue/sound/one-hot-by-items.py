"""A conditional VAE whose training loop writes each label's one-hot code with a loop over the items of the batch."""

import torch
from torch import nn

DIFFERS = "as many operations as the batch has items; the losses are an object and a lambda beside the loop"


class Conditional(nn.Module):
    def __init__(self, pixels, labels, latent, hidden):
        super().__init__()
        self.reads = nn.Linear(pixels + labels, hidden)
        self.centre, self.width = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.writes = nn.Sequential(nn.Linear(latent + labels, hidden), nn.ReLU(), nn.Linear(hidden, pixels), nn.Sigmoid())

    def forward(self, x, label):
        h = self.reads(torch.cat((x, label), dim=1)).relu()
        centre, width = self.centre(h), self.width(h)
        z = centre + width * torch.randn_like(width)
        return self.writes(torch.cat((z, label), dim=1)), centre, width


def one_hot(labels, count):
    code = torch.zeros(labels.shape[0], count)
    for row in range(labels.shape[0]):
        code[row, labels[row]] = 1
    return code


cross_entropy = nn.BCELoss(reduction="sum")
divergence = lambda centre, width: -0.5 * torch.sum(1 + torch.log(width**2) - centre.pow(2) - width**2)  # noqa: E731

LABELS = 10
model = Conditional(784, LABELS, 12, 100)


def train(loader, epochs=5):
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for digits, labels in loader:
            images = digits.view(digits.shape[0], 784)
            output, centre, width = model(images, one_hot(labels, LABELS))
            loss = cross_entropy(output, images) + divergence(centre, width)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
