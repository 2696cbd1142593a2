"""Judge every catalogue entry as an exact run does, and write golden.jsonl or compare with it.

    python tests/matrix/make_golden.py [--check] [--only NAME]

With --check, nothing is written: lines that differ are printed, and the exit code is 1 if there are any.
"""

from __future__ import annotations

import argparse
import sys
from multiprocessing import get_context
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "samples")]

from catalogue_index import entries
from golden import Golden, golden, read, write


def judge(name: str) -> Golden:
    """Return the golden result of the entry with that name."""
    return golden(next(entry for entry in entries() if entry.name == name))


def main() -> int:
    """Judge the entries, then write the results or compare them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file, and write nothing")
    parser.add_argument("--only", default="", help="a part of the entries' names")
    given = parser.parse_args()
    names = [entry.name for entry in entries() if given.only in entry.name]
    found: dict[str, Golden] = {}
    # Workers are replaced after some entries, because their memory grows with each.
    with get_context("spawn").Pool(2, maxtasksperchild=20) as pool:
        for row in pool.imap_unordered(judge, names):
            found[row.entry] = row
            print(f"{len(found)} of {len(names)}: {row.entry}", file=sys.stderr, flush=True)
    known = read()
    if not given.check:
        kept = {entry.name: known[entry.name] for entry in entries() if entry.name in known}
        write((kept | found).values())
        return 0
    expected = {name: row for name, row in known.items() if given.only in name}
    differing = [name for name in sorted(expected.keys() | found.keys()) if expected.get(name) != found.get(name)]
    for name in differing:
        for sign, rows in (("-", expected), ("+", found)):
            if name in rows:
                print(f"{sign} {rows[name].to_json()}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
