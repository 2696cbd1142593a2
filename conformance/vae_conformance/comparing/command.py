"""The command `vae-conformance compare`: reads and validates the reports, and writes the requested files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vae_conformance.comparing.comparison import Comparison, compare
from vae_conformance.comparing.html import render_comparison_html
from vae_conformance.comparing.markdown import render_comparison_markdown
from vae_conformance.comparing.stored_report import read_report
from vae_conformance.errors import Unbound
from vae_conformance.report.files import refuse_unwritable, write_atomically


def compare_files(paths: Sequence[Path], *, markdown: Path | None = None, html: Path | None = None) -> Comparison:
    """Compare stored reports, and write the comparison to the requested files.

    The baseline is first among the `paths`.

    Raises:
        Unbound: there are fewer than two reports, one cannot be read, or a file cannot be written. Nothing is written then.
    """
    if len(paths) < 2:
        raise Unbound("a comparison needs two reports or more", "name the baseline first: vae-conformance compare old.json new.json")
    outputs = {path: render for path, render in ((markdown, render_comparison_markdown), (html, render_comparison_html)) if path}
    if markdown is not None and markdown == html:
        raise Unbound("--markdown and --html name the same file", "give each its own")
    sources = {path.resolve() for path in paths}
    for path in outputs:
        if path.resolve() in sources:
            raise Unbound(f"{path} is one of the reports that are compared", "write to another file")
        refuse_unwritable(path)
    comparison = compare([read_report(path) for path in paths])
    for path, render in outputs.items():
        try:
            write_atomically(path, render(comparison))
        except OSError as error:
            raise Unbound(f"the comparison cannot be written to {path}: {error.strerror}", "name another file") from error
    return comparison
