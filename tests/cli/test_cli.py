"""The command line: what may be asked, what is refused in one line, and what comes out."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from importlib.metadata import version
from pathlib import Path

import pytest
from fake_child import FakeChild

from vae_conformance.cli.main import main
from vae_conformance.cli.parser import parse
from vae_conformance.config.options import default_workers, read_words
from vae_conformance.data import datasets as data
from vae_conformance.errors import Unbound

GOOD = "bound(); promised('KL-01'); ask('KL-01'); say('finished')"
BAD = "bound(); promised('KL-01', 'KL-02'); ask('KL-01'); ask('KL-02', 'violated'); say('finished')"


pytestmark = pytest.mark.usefixtures("folder_with_one_file")


def test_a_missing_file_is_told_before_any_child(capsys: pytest.CaptureFixture[str]) -> None:
    child = FakeChild(["raise SystemExit"])
    assert main(["run", "nowhere.py", "--json", "r.json"], command_of=child) == 2
    assert child.assignments == []
    assert "there is no file nowhere.py" in capsys.readouterr().out
    assert json.loads(Path("r.json").read_text())["verdict"] == "unbound"


def test_a_file_that_is_no_valid_python_is_refused_before_any_child(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.py").write_text("import torch\nclass VAE(torch.nn.Module:\n")
    child = FakeChild(["raise SystemExit"])
    assert main(["run", "mine.py"], command_of=child) == 2
    assert child.assignments == []
    assert "mine.py, line 2: class VAE(torch.nn.Module:" in capsys.readouterr().out


def refused(*argv: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The one line with which the command line is refused, with exit code 2 and before any child."""
    child = FakeChild(["raise SystemExit"])
    try:
        code = main(argv, command_of=child)
    except SystemExit as end:
        code = int(end.code or 0)
    captured = capsys.readouterr()
    assert (code, captured.out, child.assignments) == (2, "", [])
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("command", [[], ["run"], ["claims"], ["list"], ["inspect"], ["compare"]])
def test_every_help_shows_an_example(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([*command, "--help"])
    assert end.value.code == 0
    assert re.search(r"example", (shown := capsys.readouterr().out))
    assert "vae-conformance " + (command[0] if command else "run") in shown.partition("example")[2]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert (end.value.code, capsys.readouterr().out) == (0, f"vae-conformance {version('vae-conformance')}\n")


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        ([], "COMMAND"),
        (["walk"], "walk"),
        (["run"], "TARGET"),
        (["run", "a.py", "b.py"], "b.py"),
        (["run", "a.py", "--prof", "exact"], "--prof"),
        (["run", "a.py", "--profile", "fast"], "fast"),
        (["run", "a.py", "--dataset", "cifar"], "cifar"),
        (["run", "a.py", "--objective", "beta"], "elbo-monte-carlo"),
        (["run", "a.py", "--decoder", "strong"], "autoregressive"),
        (["run", "a.py", "--seed", "-1"], "--seed"),
        (["run", "a.py", "--seed", "1.5"], "1.5"),
        (["run", "a.py", "--only", "KL-2"], "KL-2"),
        (["run", "a.py", "--only", "XYZ"], "XYZ"),
        (["run", "a.py", "--only", ","], "--only"),
        (["run", "a.py", "--expect-fail", "KL-02"], "reason"),
        (["run", "a.py", "--expect-fail", "KL-02= "], "reason"),
        (["run", "a.py", "--expect-fail", "what=why"], "what"),
        (["run", "a.py", "--effective-beta", "0"], "above 0"),
        (["run", "a.py", "--effective-beta", "nan"], "nan"),
        (["run", "a.py", "--effective-beta", "x"], "x"),
        (["run", "a.py", "--likelihood", "weibull"], "weibull"),
        (["run", "a.py", "--input-shape", "1,,28"], "1,,28"),
        (["run", "a.py", "--input-shape", "0,28"], "0,28"),
        (["run", "a.py", "--input-range", "1,0"], "smaller"),
        (["run", "a.py", "--input-range", "-1"], "--input-range"),
        (["run", "a.py", "--input-range", "-1,inf"], "inf"),
        (["run", "a.py", "-n", "0"], "processes"),
        (["run", "a.py", "-n", "two"], "two"),
        (["run", "a.py", "--time-limit", "0"], "--time-limit"),
        (["run", "a.py", "--gate", "all"], "all"),
        (["run", "a.py", "--json", "none/a.json"], "none/a.json"),
        (["run", "a.py", "--junit", "."], "folder"),
        (["inspect", "a.py", "--json", "none/a.json"], "none/a.json"),
        (["run", "a.py", "--json", "same", "--junit", "same"], "same"),
        (["run", "a.py", "--badge", "same", "--badge-json", "same"], "same"),
        *((["run", "a.py", option, "none/a"], "none/a") for option in ("--sarif", "--markdown", "--badge", "--badge-json")),
        (["run", "a.py", "--html", "same", "--junit", "same"], "same"),
        (["run", "a.py", "--html", "none/a.html"], "none/a.html"),
        (["claims", "KL"], "KL"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(argv: list[str], word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert word in refused(*argv, capsys=capsys)


def test_a_wrong_configuration_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.vae-conformance]\nprofil = 'quick'\n")
    line = refused("run", "vae.py", capsys=capsys)
    assert "pyproject.toml" in line
    assert "'profil'" in line


@pytest.mark.parametrize(
    "target", ["course/vae.py", "course/vae.py:VAE", "course/VAE.PY", "course/vae.ipynb", "course/vae.ipynb:VAE", "course.vae:VAE"]
)
@pytest.mark.parametrize("command", ["run", "inspect"])
def test_the_configuration_beside_every_kind_of_target_counts(command: str, target: str) -> None:
    folder = Path("course")
    folder.mkdir()
    for name in ("vae.py", "VAE.PY", "vae.ipynb"):
        (folder / name).touch()
    Path("pyproject.toml").write_text("[tool.vae-conformance]\neffective-beta = 2.0\n")
    (folder / "pyproject.toml").write_text("[tool.vae-conformance]\neffective-beta = 4.0\n")
    child = FakeChild([GOOD])
    main([command, target], command_of=child)
    assert child.assignments[0].options.effective_beta == 4.0


def test_all_options_reach_the_child() -> None:
    child = FakeChild([GOOD])
    argv = [
        "run",
        "a.py:VAE",
        "--profile",
        "full",
        "--dataset",
        "mnist",
        "--data-root",
        "d",
        "--seed",
        "7",
        "--only",
        "kl-02,REP",
        "--only",
        "OBJ-01,KL-02",
        "--gate",
        "required",
        "--expect-fail",
        "KL-02=why = so",
        "--expect-fail",
        "KL-03=too",
        "--effective-beta",
        "0.5",
        "--likelihood",
        "gaussian",
        "--objective",
        "elbo-monte-carlo",
        "--decoder",
        "autoregressive",
        "--input-shape",
        "1x28x28",
        "--input-range",
        "-1,1",
        "--device",
        "cuda:0",
        "-n",
        "3",
        "--fail-fast",
        "--keep-going",
        "--time-limit",
        "5",
        "--store",
        "s",
    ]
    assert main(argv, command_of=child) == 0
    (assignment,) = child.assignments
    options = assignment.options
    assert assignment.workers == 3
    assert (options.target.text, options.profile, options.dataset, options.data_root, options.seed) == (
        "a.py:VAE",
        "full",
        "mnist",
        "d",
        7,
    )
    assert options.only == ("KL-02", "REP", "OBJ-01")
    assert (options.gate, options.effective_beta, options.likelihood, options.device) == (
        "required",
        0.5,
        "gaussian",
        "cuda:0",
    )
    assert (options.objective, options.decoder, options.download) == ("elbo-monte-carlo", "autoregressive", False)
    assert options.expected_failures == {"KL-02": "why = so", "KL-03": "too"}
    assert (options.input_shape, options.input_range) == ((1, 28, 28), (-1.0, 1.0))
    assert (options.fail_fast, options.keep_going, options.time_limit, options.store) == (True, True, 5.0, "s")


def test_the_data_are_downloaded_before_any_child(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str | None]] = []
    monkeypatch.setattr(data, "download", lambda name, root: asked.append((name, root)))
    words = ["--dataset", "mnist", "--data-root", "d"]
    for argv in (["run", "a.py", *words], ["run", "a.py", *words, "--download", "--profile", "exact"]):
        assert main(argv, command_of=FakeChild([GOOD])) == 0
    assert asked == []
    child = FakeChild([GOOD])
    assert main(["run", "a.py", *words, "--download"], command_of=child) == 0
    assert asked == [("mnist", "d")]
    assert child.assignments[0].options.download


def test_a_download_that_fails_is_told_before_any_child(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(_name: str, _root: str | None) -> None:
        raise Unbound("mnist could not be downloaded into d: no route to host", "see whether the network can be reached")

    monkeypatch.setattr(data, "download", fails)
    child = FakeChild([GOOD])
    assert main(["run", "a.py", "--dataset", "mnist", "--data-root", "d", "--download"], command_of=child) == 2
    assert child.assignments == []
    assert "mnist could not be downloaded into d: no route to host" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (["--input-range", "-1,1"], (-1.0, 1.0)),
        (["--input-range=-1,1"], (-1.0, 1.0)),
        (["--input-range", "-.5,.5"], (-0.5, 0.5)),
        (["--input-range", "0,255"], (0.0, 255.0)),
        (["--input-range", "-1e1,0"], (-10.0, 0.0)),
    ],
)
def test_ranges_may_begin_with_a_minus_sign(words: list[str], value: tuple[float, float]) -> None:
    assert read_words(vars(parse(["run", "a.py", *words]))) == {"input_range": value}


def test_what_is_not_given_leaves_room_for_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.vae-conformance]\nprofile = "exact"\ngate = "required"\n')
    child = FakeChild([GOOD])
    assert read_words(vars(parse(["run", "a.py"]))) == {}
    main(["run", "a.py", "--gate", "expected"], command_of=child)
    (assignment,) = child.assignments
    assert (assignment.options.profile, assignment.options.gate, assignment.workers) == ("exact", "expected", 1)


def test_workers_by_profile() -> None:
    assert default_workers("exact") == 1
    assert 1 <= default_workers("quick") == default_workers("full") <= 2


def test_a_run_that_conforms(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["run", "a.py", "-v", "--json", "r.json", "--junit", "r.xml", "--html", "r.html"]
    assert main(argv, command_of=FakeChild([GOOD])) == 0
    captured = capsys.readouterr()
    assert "KL-01" in captured.out
    assert "<!DOCTYPE html>" in Path("r.html").read_text(encoding="utf-8")
    assert "exit code 0" in captured.out
    assert "\x1b" not in captured.out + captured.err
    document = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert (document["verdict"], document["exit_code"], document["implementation"]["name"]) == ("conforms", 0, "VAE")
    assert ET.parse("r.xml").getroot().get("tests") == "1"


@pytest.mark.parametrize(
    ("script", "code", "word"),
    [
        (BAD, 1, "repeat       vae-conformance run a.py --only KL-02 --seed 0"),
        ("say('unbound', message='no class', hint='name one')", 2, "no class"),
        ("bound(); promised('KL-01'); ask('KL-01', 'inconclusive'); say('finished')", 3, "inconclusive"),
        ("bound(); promised('KL-01', 'KL-02'); ask('KL-01'); say('finished')", 4, "not asked: KL-02"),
        ("bound(); promised(); say('finished')", 4, "0 claims"),
        ("bound(); say('suite-error', message='a fault', details='where'); say('finished')", 5, "a fault"),
        ("os._exit(9)", 2, "exit status 9"),
    ],
)
def test_exit_codes_and_what_is_said(script: str, code: int, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "a.py", "--json", "r.json"], command_of=FakeChild([script])) == code
    shown = capsys.readouterr().out
    assert word in shown
    assert f"exit code {code}:" in shown
    assert json.loads(Path("r.json").read_text(encoding="utf-8"))["exit_code"] == code


LEFT_OUT = """
bound(); promised('KL-01', 'KL-02', 'TRN-01', 'TRN-02'); ask('KL-01'); ask('KL-02', 'violated')
ask('TRN-01', 'not-asked', trained=True); ask('TRN-02', 'not-asked', trained=True); say('finished')
"""


def test_claims_on_training_that_were_left_out_are_counted_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["run", "a.py", "--json", "r.json", "--markdown", "r.md", "--sarif", "r.sarif", "--html", "r.html"]
    assert main([*argv, "--expect-fail", "TRN-01=it is short"], command_of=FakeChild([LEFT_OUT])) == 1
    words = "2 claims on training were not asked: fix this first; --keep-going asks them all"
    shown = capsys.readouterr()
    assert words in shown.out
    assert "KL-02 violated: a title\n" in shown.err
    for name in ("r.json", "r.md", "r.sarif", "r.html"):
        assert words in Path(name).read_text(encoding="utf-8"), name
    document = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert document["postponed"] == {"claims": ["TRN-01", "TRN-02"], "fix_first": ["KL-02"]}
    assert (document["summary"]["not-asked"], document["summary"]["unexpected-pass"], document["missing"]) == (2, 0, [])


def test_expected_failures_from_the_command_line() -> None:
    assert main(["run", "a.py", "--expect-fail", "KL-02=known"], command_of=FakeChild([BAD])) == 0
    assert main(["run", "a.py", "--expect-fail", "KL-01=known"], command_of=FakeChild([GOOD])) == 1


def test_inspect_shows_the_binding(capsys: pytest.CaptureFixture[str]) -> None:
    child = FakeChild(["bound(); say('finished')"])
    assert main(["inspect", "a.py", "--json", "b.json", "--input-shape", "784"], command_of=child) == 0
    assert child.assignments[0].inspect
    assert child.assignments[0].options.input_shape == (784,)
    assert "encode  encode(x) -> (mu, logvar)" in capsys.readouterr().out
    assert json.loads(Path("b.json").read_text(encoding="utf-8"))["implementation"]["latent_dim"] == 16


def test_inspect_says_why_there_is_nothing_to_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "a.py"], command_of=FakeChild(["say('unbound', message='no class')"])) == 2
    assert "no class" in capsys.readouterr().out


def test_list_names_the_registered_implementations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    assert "reference" in capsys.readouterr().out


def test_claims_lists_them_all_and_explains_one(capsys: pytest.CaptureFixture[str]) -> None:
    from vae_spec.registry import CLAIMS

    assert main(["claims"]) == 0
    listed = capsys.readouterr().out
    assert all(re.search(rf"^{claim} ", listed, re.MULTILINE) for claim in CLAIMS)
    assert main(["claims", "kl-02"]) == 0
    assert CLAIMS["KL-02"].title in capsys.readouterr().out
    assert main(["claims", "KL-99"]) == 2
