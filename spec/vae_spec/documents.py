"""The two teaching documents that are the sources of the claims, and their sections.

Only their facts and figures are used; the wording of the claims is this project's own.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Document:
    """A teaching document.

    Attributes:
        key: the letter by which the claims cite it.
        title: its title, with its number in its course.
        sections: the sections that claims cite, by number or name, with their headings.
    """

    key: str
    title: str
    sections: dict[str, str]


NOTES = Document(
    key="A",
    title="Deep Learning Notes 13.4",
    sections={
        "objective": "13.4, the ELBO and the loss minimised",
        "13.4.1": "training a small VAE on MNIST",
        "13.4.1.2": "the model and the loss, summed and divided by the batch",
        "13.4.1.3": "ten epochs, three curves, a trade-off",
        "13.4.2": "phenomenon 1: reconstructions are smooth",
        "13.4.3": "phenomenon 2: the prior can be sampled",
        "13.4.4": "phenomenon 3: the latent space is continuous",
        "13.4.5": "phenomenon 4: interpolation is smooth",
        "13.4.6": "the KL term too strong or too weak",
        "13.4.7": "posterior collapse",
        "13.4.9": "exercises",
    },
)

BASICS = Document(
    key="B",
    title="VAE Basics 6.6.3",
    sections={
        "flow": "encode, sample, decode, regularise",
        "sampling": "why the reparameterization exists",
        "loss": "the two goals and beta",
        "lab": "a tiny VAE on two-dimensional points",
        "comparison": "VAE, autoencoder and GAN",
        "diagnostics": "healthy directions and warning signs",
        "mistakes": "common mistakes",
        "exercises": "exercises 1 to 5",
    },
)

DOCUMENTS = {document.key: document for document in (NOTES, BASICS)}


@dataclass(frozen=True)
class Source:
    """The source of a claim: a section of a document, or good engineering that no document needs to state.

    Raises:
        ValueError: the document has no such section.
    """

    document: Document | None
    section: str

    def __post_init__(self) -> None:
        if self.document is not None and self.section not in self.document.sections:
            raise ValueError(f"{self.document.title} has no section {self.section!r}")

    def __str__(self) -> str:
        return self.section if self.document is None else f"{self.document.title}, {self.section}"


def notes(section: str) -> Source:
    """Return a section of Deep Learning Notes 13.4 as a source."""
    return Source(NOTES, section)


def basics(section: str) -> Source:
    """Return a section of VAE Basics 6.6.3 as a source."""
    return Source(BASICS, section)


ENGINEERING = Source(None, "engineering: what any usable implementation does")
