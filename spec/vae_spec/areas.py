"""The areas of the specification: prefixes of claim ids and their headings. Imports nothing."""

from __future__ import annotations

AREAS = {
    "OBJ": "Objective",
    "KL": "KL divergence",
    "REP": "Sampling step",
    "NET": "Encoder and decoder",
    "TRN": "Training",
    "REC": "Reconstruction",
    "SMP": "Prior samples",
    "LAT": "Latent space",
    "INT": "Interpolation",
    "BETA": "The weight beta",
    "COL": "Posterior collapse",
    "TOY": "The tiny two-dimensional lab",
    "EXR": "Exercises",
    "CMP": "Comparison",
}
"""The headings of the areas by the prefixes of claim ids, in the order of reports."""
