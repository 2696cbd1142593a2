"""A comparison as people see it: in the terminal, as Markdown and as a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from consoles import console
from markdown_it import MarkdownIt
from report_samples import REPORTS, mixed, report_on, verdict

from vae_conformance.cli.main import main
from vae_conformance.comparing.comparison import Comparison, compare
from vae_conformance.comparing.html import render_comparison_html
from vae_conformance.comparing.markdown import render_comparison_markdown
from vae_conformance.comparing.stored_report import read_report
from vae_conformance.comparing.terminal import render_comparison
from vae_conformance.comparing.vocabulary import SIGNS, WORDS
from vae_conformance.report.json_report import render_json
from vae_conformance.runner.record import RunRecord
from vae_spec.outcomes import Outcome

NASTY = "<script>alert('1')</script> | `x` & *y*\nsecond line"
BEFORE = report_on(verdict("KL-01", Outcome.HOLDS), verdict("REP-01", Outcome.VIOLATED), verdict("OBJ-01", Outcome.HOLDS))
AFTER = report_on(verdict("KL-01", Outcome.VIOLATED, NASTY, title="<b>KL</b>"), verdict("REP-01", Outcome.HOLDS))


def compared(folder: Path, *reports: RunRecord) -> Comparison:
    paths = [folder / f"{number}.json" for number in range(len(reports))]
    for path, report in zip(paths, reports, strict=True):
        path.write_text(render_json(report), encoding="utf-8")
    return compare([read_report(path) for path in paths])


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("n", [2, 3, 40])
def test_any_number_of_reports_fits_the_terminal(width: int, n: int, tmp_path: Path) -> None:
    comparison = compared(tmp_path, mixed(), *[BEFORE] * (n - 1))
    text = render_comparison(comparison, console(width))
    assert [line for line in text.splitlines() if len(line) > width and ".json" not in line] == []
    heads = [line.split() for line in text.splitlines() if re.fullmatch(r" +[A-Z]+( +[A-Z]+)*", line)]
    assert [label for head in heads for label in head] == list(comparison.labels)


def test_claims_that_were_not_asked_are_listed_without_what_was_said(tmp_path: Path) -> None:
    before = report_on(verdict("KL-01", Outcome.HOLDS), verdict("REP-01", Outcome.HOLDS))
    after = report_on(verdict("KL-01", Outcome.VIOLATED), verdict("REP-01", Outcome.NOT_ASKED, "fix KL-01 first"))
    text = render_comparison(compared(tmp_path, before, after), console(100))
    assert "  REP-01 (holds -> not asked)\n" in text
    assert "fix KL-01 first" not in text
    assert "2 regressions" in text


def test_colours_are_only_colours(tmp_path: Path) -> None:
    comparison = compared(tmp_path, BEFORE, AFTER)
    plain, coloured = (render_comparison(comparison, console(colour=colour)) for colour in (False, True))
    assert re.sub(r"\x1b\[[\d;]+m", "", coloured) == plain != coloured


def test_every_outcome_has_a_sign_and_a_word() -> None:
    assert SIGNS.keys() == WORDS.keys() == {*Outcome, None}
    assert len(set(SIGNS.values())) == len(SIGNS)


def test_markdown_is_tables_of_escaped_text(tmp_path: Path) -> None:
    text = render_comparison_markdown(compared(tmp_path, BEFORE, AFTER))
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert re.findall(r"<h3>(.*)</h3>", html) == ["Regressions of B against A", "Improvements of B against A"]
    assert html.count("<table>") == 4
    assert "<script>" not in html
    assert "&lt;script&gt;alert('1')&lt;/script&gt; | `x` &amp; *y*<br>second line" in html
    assert "<td>holds</td>\n<td>violated</td>" in html
    for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL):
        assert row.count("<td>") in (0, 4, 5)


class Page(HTMLParser):
    """The tags and the text of a page; fails where tags do not nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("reports", [(BEFORE, AFTER), (BEFORE, AFTER, REPORTS["mixed"], REPORTS["unbound"])], ids=len)
def test_the_page_stands_alone_and_nests(reports: tuple[RunRecord, ...], tmp_path: Path) -> None:
    text = render_comparison_html(compared(tmp_path, *reports))
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert not {"script", "link", "img", "iframe"} & set(names)
    assert not re.search(r"url\(|@import|https?://", text)
    assert "prefers-color-scheme: dark" in text
    assert (names[0], dict(page.tags[0][1])) == ("html", {"lang": "en"})
    assert {"meta", "title", "main", "h1"} <= set(names)
    assert "alert('1')" in page.text
    assert [attributes["aria-label"] for tag, attributes in page.tags if tag == "span"].count("violated") >= 2
    scrolling = [dict(attributes) for tag, attributes in page.tags if dict(attributes).get("class") == "scroll"]
    assert scrolling
    assert all(one["tabindex"] == "0" and one["aria-label"] for one in scrolling), "the keyboard reaches what scrolls, under a name"
    assert '<th scope="col"></th>' not in text


def test_the_command_writes_all_forms_and_ends_with_the_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    compared(tmp_path, BEFORE, AFTER)
    assert main(["compare", "0.json", "1.json", "--markdown", "c.md", "--html", "c.html"]) == 1
    shown = capsys.readouterr()
    assert "Regressions of B against A" in shown.out
    assert "Regressions of B against A" in Path("c.md").read_text(encoding="utf-8")
    assert "Regressions of B against A" in Path("c.html").read_text(encoding="utf-8")
    assert main(["compare", "1.json", "1.json"]) == 0
