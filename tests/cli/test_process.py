"""The process of the command: what a signal and a reader that goes away do to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

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


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    program = "import sys; from vae_conformance.cli.main import main; sys.exit(main(['list']))"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        shown = process.stderr.read()
        process.wait()
    assert shown == b""
