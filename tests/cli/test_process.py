"""The process of the command: what a signal and a reader that goes away do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import jsonschema
import pytest

from vae_conformance.report.json_report import schema

pytestmark = pytest.mark.usefixtures("folder_with_one_file")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_signal_kills_the_child_and_ends_with_130(number: signal.Signals, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    program = f"""
import signal, sys
from vae_conformance.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background leaves it ignored
sys.exit(main(['run', 'a.py'], command_of=lambda _: [sys.executable, '-c', {child!r}]))
"""
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        while not (note.exists() and note.read_text()):
            assert parent.poll() is None
            time.sleep(0.01)
        parent.send_signal(number)
        _, shown = parent.communicate(timeout=60)
    assert parent.returncode == 130
    assert shown.endswith("vae-conformance: interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


DECIDES = """
bound(); promised("KL-01", "KL-02", "TRN-01"); ask("KL-01"); ask("KL-02", "violated"); started("TRN-01")
say("progress", text="step 3", claim="TRN-01"); open(NOTE, "w").write(str(os.getpid())); time.sleep(600)
"""


@pytest.mark.parametrize(("number", "who"), [(signal.SIGINT, "you"), (signal.SIGTERM, "SIGTERM")])
@pytest.mark.skipif(sys.platform == "win32", reason="signals are those of POSIX")
def test_a_signal_leaves_the_report_of_what_was_decided(number: signal.Signals, who: str, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = DECIDES.replace("NOTE", repr(str(note)))
    program = f"""
import signal, sys
from fake_child import FakeChild
from vae_conformance.cli.main import main
signal.signal(signal.SIGINT, signal.default_int_handler)
argv = '--json r.json --junit r.xml --markdown r.md --sarif r.sarif --html r.html --badge r.svg'.split()
sys.exit(main(['run', 'a.py', *argv], command_of=FakeChild([{script!r}])))
"""
    path = os.pathsep.join([str(Path(__file__).parent.parent / "samples"), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        while not (note.exists() and note.read_text()):
            assert parent.poll() is None
            time.sleep(0.01)
        parent.send_signal(number)
        shown, complaints = parent.communicate(timeout=60)
    assert parent.returncode == 130
    words = f"was stopped by {who}: 2 of 3 claims decided"
    assert words in shown
    assert "not decided: TRN-01" in shown
    assert "Traceback" not in shown + complaints
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix not in {".py", ""}) == [
        f"r.{suffix}" for suffix in ("html", "json", "md", "sarif", "svg", "xml")
    ]
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema())
    assert (document["verdict"], document["exit_code"], document["missing"]) == ("interrupted", 130, ["TRN-01"])
    assert words in document["words"]
    assert words in (tmp_path / "r.md").read_text(encoding="utf-8")
    assert words in (tmp_path / "r.html").read_text(encoding="utf-8")
    junit = ET.parse(tmp_path / "r.xml").getroot()
    assert (junit.get("failures"), junit.get("errors"), len(list(junit.iter("skipped")))) == ("1", "1", 1)
    assert any(words in str(entry.get("message")) for entry in junit.iter("error"))
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    program = "import sys; from vae_conformance.cli.main import main; sys.exit(main(['list']))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        shown = process.stderr.read()
        process.wait()
    assert shown == b""
