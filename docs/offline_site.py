"""A hook of mkdocs.yml which ensures that the site is built, and can be read, without the network."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

_LOG = logging.getLogger("mkdocs.hooks.offline_site")
_OUTSIDE = re.compile(r"^(?:https?:)?//", re.IGNORECASE)
_LOADERS = {"script", "img", "iframe", "source", "video", "audio", "track", "embed", "object"}
_LOADING_LINKS = {"stylesheet", "preload", "prefetch", "preconnect", "dns-prefetch", "modulepreload", "icon", "manifest", "shortcut icon"}
_IN_STYLES = re.compile(r"""(?:@import\s+(?:url\()?|url\()\s*["']?((?:https?:)?//[^"')\s]+)""", re.IGNORECASE)


class NetworkError(RuntimeError):
    """Something used the network while the site was built."""


class _Loads(HTMLParser):
    """A parser that collects the external addresses a browser fetches when it opens a page; ordinary links do not count."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record addresses outside the site."""
        attributes = {name: value or "" for name, value in attrs}
        addresses = [attributes.get("src", ""), attributes.get("data", "")] if tag in _LOADERS else []
        addresses += [part.split()[0] for part in attributes.get("srcset", "").split(",") if part.split()]
        if tag == "link" and attributes.get("rel", "").lower() in _LOADING_LINKS:
            addresses.append(attributes.get("href", ""))
        addresses += _IN_STYLES.findall(attributes.get("style", ""))
        self.found += [address for address in addresses if _OUTSIDE.match(address)]


def outside(site: Path) -> Iterator[tuple[str, str]]:
    """Yield each file of a built site that makes a browser fetch something external, with the address."""
    for path in sorted(site.rglob("*")):
        if path.suffix == ".html":
            page = _Loads()
            text = path.read_text(encoding="utf-8")
            page.feed(text)
            styles = "".join(re.findall(r"<style[^>]*>(.*?)</style>", text, re.DOTALL))
            found = [*page.found, *_IN_STYLES.findall(styles)]
        elif path.suffix in {".css", ".svg"}:
            found = _IN_STYLES.findall(path.read_text(encoding="utf-8"))
        else:
            continue
        yield from ((path.relative_to(site).as_posix(), address) for address in found)


def on_startup(*, command: str, **_rest: Any) -> None:
    """Forbid connections while a site is built; `mkdocs serve` needs them for the browser."""
    if command == "build":
        socket.socket.connect = _refuse  # type: ignore[method-assign]
        socket.socket.connect_ex = _refuse  # type: ignore[method-assign]


def _refuse(_self: socket.socket, address: object) -> NoReturn:
    raise NetworkError(f"the site must be built without the network, and something asked for {address}")


def on_post_build(config: Any, **_rest: Any) -> None:
    """Warn about every external resource that a page would fetch; with `strict`, the build then fails."""
    for file, address in outside(Path(config["site_dir"])):
        _LOG.warning("%s would make the browser fetch %s", file, address)
