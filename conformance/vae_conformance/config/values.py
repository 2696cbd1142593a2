"""The allowed values of options, and the checks that the command line and the configuration file share.

This module does not import PyTorch, so that help and usage errors appear at once. Every check raises ValueError with one plain sentence.
"""

from __future__ import annotations

import math
import re

from vae_spec.areas import AREAS
from vae_spec.likelihoods import Likelihood

PROFILES = ("exact", "quick", "full")
IMAGE_DATASETS = ("digits", "mnist", "fashion-mnist")
DATASETS = (*IMAGE_DATASETS, "rows", "waves", "clusters")
GATES = ("expected", "required")
LIKELIHOODS = tuple(str(likelihood) for likelihood in Likelihood)
OBJECTIVES = ("elbo", "elbo-monte-carlo", "modified")
DECODERS = ("factorised", "autoregressive")
STORED_MEGABYTES = 500
"""The size in megabytes (10^6 bytes) beyond which trained runs make room for newer ones."""
SECOND_HEADS = ("log-variance", "log-std", "log-precision", "std", "variance", "precision")


def area_of(claim: str) -> str:
    """Return the area of a claim: the letters of its id."""
    return claim.partition("-")[0]


def claim_id(text: str) -> str:
    """Parse a claim's id of the form AREA-NN, and return it in capitals."""
    cleaned = text.strip().upper()
    if not re.fullmatch(r"[A-Z]+-\d\d", cleaned):
        raise ValueError(f"{text!r} is not the id of a claim, such as KL-02")
    _known_area(area_of(cleaned), text)
    return cleaned


def selection(text: str) -> tuple[str, ...]:
    """Parse ids and areas separated by commas: "KL-02,REP"."""
    entries = [entry.strip().upper() for entry in text.split(",") if entry.strip()]
    if not entries:
        raise ValueError("no claim is named; write ids or areas, such as KL-02,REP")
    return tuple(claim_id(entry) if "-" in entry else _known_area(entry, entry) for entry in entries)


def expected_failure(text: str) -> tuple[str, str]:
    """Parse a claim's id and the reason why it may fail: "KL-02=the KL is weighed on purpose"."""
    identifier, _, reason = text.partition("=")
    if not reason.strip():
        raise ValueError(f"{text!r} gives no reason; write ID=REASON, such as KL-02='the KL is weighed on purpose'")
    return claim_id(identifier), reason.strip()


def seed(text: str) -> int:
    """Parse an integer, 0 or greater."""
    return _whole(text, 0, "a whole number, 0 or greater")


def workers(text: str) -> int:
    """Parse a number of processes, 1 or more."""
    return _whole(text, 1, "a number of processes, 1 or more")


def megabytes(text: str) -> int:
    """Parse a number of megabytes, 0 or greater."""
    return _whole(text, 0, "a number of megabytes, 0 or greater")


def positive_number(text: str | float) -> float:
    """Parse a finite number above 0."""
    value = _number(text)
    if not value > 0:
        raise ValueError(f"{text!r} is not a number above 0")
    return value


def input_shape(text: str) -> tuple[int, ...]:
    """Parse the shape of one item, without the batch: "1,28,28", "1x28x28" or "784"."""
    sides = re.split(r"[,x]", text.strip())
    if not all(re.fullmatch(r"\s*[1-9]\d*\s*", side) for side in sides):
        raise ValueError(f"{text!r} is not the shape of one item, such as 1,28,28 or 784")
    return tuple(int(side) for side in sides)


def input_range(text: str) -> tuple[float, float]:
    """Parse the minimum and maximum of an item's entries: "0,1" or "-1,1"."""
    ends = text.split(",")
    if len(ends) != 2:
        raise ValueError(f"{text!r} is not a range of two numbers, such as 0,1 or -1,1")
    low, high = (_number(end) for end in ends)
    if not low < high:
        raise ValueError(f"{text!r} is not a range: its first number must be the smaller one")
    return low, high


def one_of(text: str, names: tuple[str, ...]) -> str:
    """Return `text` if it is one of the names."""
    if text not in names:
        raise ValueError(f"{text!r} is none of {', '.join(names)}")
    return text


def _known_area(area: str, text: str) -> str:
    if area not in AREAS:
        raise ValueError(f"{text!r} names no area of the claims; there are {', '.join(AREAS)}")
    return area


def _whole(text: str, least: int, what: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = least - 1
    if value < least:
        raise ValueError(f"{text!r} is not {what}")
    return value


def _number(text: str | float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not a finite number")
    return value
