"""Make the pictures of the pages from two HTML reports, using Chromium: python docs/make_pictures.py DRAFT.html SOUND.html.

The reports are those of the tutorial's first and last file:

    cd docs/tutorial/1-draft && vae-conformance run student.py:VAE --profile exact --html DRAFT.html
    cd docs/tutorial/3-sound && vae-conformance run student.py:VAE --html SOUND.html
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

IMAGES = Path(__file__).resolve().parent / "images"
FIGURES = ("training-curves", "prior-samples")
"""The figures of the sound report that the tutorial shows, by their anchors in the page."""
SIZE = (900, 690)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def photograph(page: Path, picture: Path) -> None:
    """Write a screenshot of the top of a page as a PNG file.

    Raises:
        SystemExit: no browser is installed.
        subprocess.CalledProcessError: the browser failed.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is installed")
    with tempfile.TemporaryDirectory() as profile:
        window = [f"--window-size={SIZE[0]},{SIZE[1]}", f"--user-data-dir={profile}", "--hide-scrollbars"]
        subprocess.run(
            [browser, "--headless", "--no-sandbox", "--disable-gpu", *window, f"--screenshot={picture.resolve()}", page.resolve().as_uri()],
            check=True,
        )


def figure(page: Path, name: str) -> bytes:
    """Return a figure embedded in a report, as PNG.

    Raises:
        SystemExit: the report has no such figure.
    """
    section = page.read_text(encoding="utf-8").partition(f'<h3 id="{name}"')[2].partition("<h3")[0]
    if (found := re.search(r'src="data:image/png;base64,([^"]+)"', section)) is None:
        raise SystemExit(f"{page} has no figure {name}")
    return base64.b64decode(found[1])


def main(draft: Path, sound: Path) -> None:
    """Write all pictures."""
    photograph(draft, IMAGES / "report.png")
    for name in FIGURES:
        (IMAGES / f"tutorial-{name}.png").write_bytes(figure(sound, name))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
