"""Targets that lead nowhere, and files that misbehave when they are loaded: one clear message each."""

import sys
from importlib.metadata import entry_points

import pytest
import torch
from named import named_target
from target_files import TARGETS, VAE, unbound, write

from vae_conformance.target import spec as addresses

# Names that lead nowhere.


def test_a_wrong_path_gets_close_matches(tmp_path):
    write(tmp_path, "", "student.py")
    fault = unbound(str(tmp_path / "studnet.py"))
    assert "(did you mean student.py?)" in fault.message
    assert "Files there: student.py." in fault.hint
    assert "there is no folder" in unbound(str(tmp_path / "nowhere" / "student.py")).message
    assert "did you mean student.py" in unbound(f"{tmp_path}/student").message


def test_a_folder_and_a_wrong_suffix(tmp_path):
    fault = unbound(str(tmp_path))
    assert fault.message.endswith("is a folder")
    assert "no Python files" in fault.hint
    assert unbound(f"{tmp_path}:VAE").message.endswith("is a folder")
    text = write(tmp_path, "", "student.txt")
    assert unbound(text).message.endswith("student.txt is neither a Python file nor a notebook")
    assert unbound(f"{text}:VAE").message.endswith("student.txt is neither a Python file nor a notebook")


def test_a_folder_in_the_current_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "work").mkdir()
    assert unbound("work").message == "work is a folder"
    assert unbound("work:VAE").message == "work has no VAE; it has: nothing"


def test_an_unknown_name_lists_the_known_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path, "", "student.py")
    fault = unbound("referense")
    assert fault.message.startswith("no implementation is called 'referense' (did you mean reference?)")
    names = sorted(point.name for point in entry_points(group=addresses.GROUP))
    assert {"autoencoder", "reference", "tiny"} <= set(names)
    assert fault.message.endswith(f"installed ones: {', '.join(names)}")
    assert "write student.py" in unbound("student").hint
    for nothing in ("", ":", ":VAE", "torch:"):
        assert "no implementation is called" in unbound(nothing).message
    assert "names nothing after the colon" in unbound("student.py:").message


def test_an_unknown_module(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert unbound("trch.nn:Linear").message == "there is no module trch (did you mean torch?)"
    assert unbound("torch.functionla:Linear").message == "there is no module torch.functionla (did you mean functional?)"
    assert unbound("__main__.nothing:X").message.startswith("there is no module __main__")


# Files that misbehave.


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        (
            "import sys\nsys.exit(3)",
            "importing student.py called sys.exit(3)\n  student.py, line 2: sys.exit(3)",
            "__main__",
        ),
        (
            "x = 1\nclass VAE(:\n    pass",
            "importing student.py failed: invalid syntax\n  student.py, line 2: class VAE(:",
            "syntax",
        ),
        (
            "import no_such.thing",
            "importing student.py failed: No module named 'no_such'\n  student.py, line 1: import no_such.thing",
            "pip install no_such",
        ),
        (
            "import sys\nsys.modules['cv2'] = None\nimport cv2.nothing",
            "importing student.py failed: ",
            "pip install opencv-python",
        ),
        (
            "from torch import no_such_name",
            "importing student.py failed: cannot import name 'no_such_name' from 'torch'",
            "Correct",
        ),
        (
            "from . import nothing_here",
            "importing student.py failed: cannot import name 'nothing_here' from 'its folder'",
            "Correct",
        ),
        (
            "def f():\n    return 1 / 0\nf()",
            ("importing student.py raised ZeroDivisionError: division by zero\n  student.py, line 2: return 1 / 0"),
            "traceback",
        ),
        ("import torch\ntorch.zeros(2) @ torch.zeros(3)", "importing student.py raised RuntimeError", "traceback"),
        ("open('/no/such/data.npz')", "importing student.py raised FileNotFoundError", "traceback"),
        ("input('size? ')", "importing student.py raised EOFError", "traceback"),
        (
            "import argparse\np = argparse.ArgumentParser()\np.add_argument('--x', required=True)\np.parse_args()",
            "called sys.exit(2)",
            "__main__",
        ),
        ("class Odd(BaseException): pass\nraise Odd('out')", "importing student.py raised Odd: out", "traceback"),
        ("def f(): f()\nf()", "importing student.py raised RecursionError", "traceback"),
        ("x = '\0'", "importing student.py ", ""),
        (
            "import broken_sibling",
            "importing student.py failed: '(' was never closed\n  broken_sibling.py, line 2: f(",
            "syntax",
        ),
        (
            "import failing_sibling",
            "importing student.py raised ValueError: sibling\n  failing_sibling.py, line 1: raise",
            "traceback",
        ),
    ],
)
def test_whatever_an_import_does_is_one_clear_message(tmp_path, source, message, hint, monkeypatch):
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    write(tmp_path, "x = 1\nf(", "broken_sibling.py")
    write(tmp_path, "raise ValueError('sibling')", "failing_sibling.py")
    before = list(sys.path), sys.argv, sys.stdin, sys.stdout, sys.stderr
    fault = unbound(write(tmp_path, source))
    sys.modules.pop("cv2", None)
    assert message in fault.message
    assert hint in fault.hint
    assert "_vae_target_" not in fault.message + fault.hint
    assert (list(sys.path), sys.argv, sys.stdin, sys.stdout, sys.stderr) == before
    assert not [name for name, module in sys.modules.items() if str(tmp_path) in str(getattr(module, "__file__", ""))]


@pytest.mark.parametrize(
    "loop",
    [
        "while True: pass",
        "import time; time.sleep(600)",
        "while True:\n    try:\n        1 / 0\n    except Exception:\n        pass",
    ],
)
def test_an_import_that_does_not_end_is_ended(tmp_path, loop):
    fault = unbound(write(tmp_path, loop), import_limit=0.2)
    assert fault.message.startswith("importing student.py took longer than 0.2 s\n  student.py, line ")
    assert 'if __name__ == "__main__"' in fault.hint


def test_a_file_may_be_rude_to_the_interpreter(capfd):
    before = list(sys.path), list(sys.argv), sys.stdout, sys.stderr
    target = named_target(str(TARGETS / "rude.py"))
    assert target.make().shared == "elsewhere"
    assert (list(sys.path), list(sys.argv), sys.stdout, sys.stderr) == before
    assert torch.is_grad_enabled()
    assert [source.name for source in target.sources] == ["rude.py", "shared_name.py"]
    del target
    sys.stderr.write("still open\n")
    seen = capfd.readouterr()
    assert seen.out == ""
    assert seen.err == "epoch 1, loss \u03b1\nto the errors\nthrough a wrapper\nstill open\n"


def test_modules_from_folders_that_a_file_added_do_not_reach_the_next_file(tmp_path):
    (tmp_path / "common").mkdir()
    write(tmp_path / "common", "WHO = 'here'", "shared_name.py")
    source = f"import sys\nsys.path.append({str(tmp_path / 'common')!r})\nimport shared_name\n"
    path = write(tmp_path, source + VAE.format(parameters=""))
    named_target(str(TARGETS / "rude.py"))
    assert named_target(path).namespace.shared_name.WHO == "here"
