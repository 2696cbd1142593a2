"""The report as Markdown: what a comment shows, and that nothing in it is read as markup."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt
from report_samples import OPTIONS, report_on, verdict

from vae_conformance.report.markdown import LARGEST, render_markdown
from vae_conformance.report.markdown_text import LONGEST, code, code_block, escaped, escaped_lines, table
from vae_spec.outcomes import Outcome

NASTY = [
    "<script>alert(1)</script>",
    "a | b || c",
    "`code` and ``more`` ``` even",
    "*bold* __under__ ~~gone~~",
    "[link](https://example.org) ![image](x.png) <https://example.org>",
    "see https://example.org or www.example.org",
    "# heading",
    "- item",
    "+ item",
    "1. item",
    "2) item",
    "> quote",
    "---",
    "===",
    "&lt; &amp; &#64;",
    "\\ backslash \\* and \\| too",
    "thanks @somebody, see #12 and !7",
    "x_i = 3 * y_i, [0, 1], -0.5 $a$",
    "tab\tand\x00control\x1b[31m",
]


def rendered(markdown: str) -> str:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown)


def visible(html: str) -> str:
    """What a reader sees: without tags and comments, entities resolved."""
    text = re.sub(r"<!-- -->|</?span>|</?p>", "", html)
    for entity, sign in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&amp;", "&")):
        text = text.replace(entity, sign)
    return " ".join(text.split())


@pytest.mark.parametrize("text", NASTY)
def test_a_text_is_shown_as_it_is(text: str) -> None:
    html = rendered(escaped(text))
    assert re.findall(r"<(?!/?p>|/?span>|!-- -->)[^>]*>", html) == [], "no markup but our own"
    assert visible(html) == " ".join(re.sub(r"[\x00-\x1f]", " ", text).split())
    assert not re.search(r"@\w|#\d|://|www\.", re.sub(r"&#?\w+;", "", escaped(text)))


@pytest.mark.parametrize("text", NASTY)
def test_a_text_stays_in_its_cell(text: str) -> None:
    html = rendered("\n".join(table(["A", "B"], [[escaped(text), "next"]])))
    (row,) = re.findall(r"<tbody>\s*<tr>(.*?)</tr>", html, re.DOTALL)
    cells = re.findall(r"<td>(.*?)</td>", row, re.DOTALL)
    assert (len(cells), cells[1]) == (2, "next")


@pytest.mark.parametrize("text", ["plain", "a`b", "``", "`", "a ``` b", "<b>", "*x* @me"])
def test_code_is_shown_as_it_is(text: str) -> None:
    assert rendered(code(text)) == f"<p><code>{text.replace('<', '&lt;').replace('>', '&gt;')}</code></p>\n"
    block = rendered("\n".join(code_block(f"{text}\n```\nend", "sh")))
    assert block.count("<code") == 1
    assert "```\nend" in block


def test_own_images_are_named_by_their_file() -> None:
    options = replace(OPTIONS, data="folder/garments.npz")
    assert "profile quick, data garments.npz, " in render_markdown(report_on(verdict("KL-01", Outcome.HOLDS), options=options))


def test_lines_stay_lines_and_long_texts_are_cut() -> None:
    assert escaped_lines("one\n\n two|\n") == "one<br>two\\|"
    assert len(escaped("x" * 5000)) <= LONGEST + 2
    assert table(["A"], []) == []


def test_more_than_a_comment_takes_is_named_at_least() -> None:
    many = [verdict(f"KL-{number:02}", Outcome.VIOLATED, "much " * 400) for number in range(99)]
    text = render_markdown(report_on(*many))
    assert LARGEST - 3000 < len(text) < LARGEST + 2000
    (named,) = re.findall(r"^Not shown for lack of room, .*: (.*)$", text, re.MULTILINE)
    assert len(named.split(", ")) + text.count("### KL-") == 99
    assert "### Claims by area" in text
