"""Values that reach a call through the parameters of its function, its method or its class, and those that a file passes to its loss."""

from __future__ import annotations

from pathlib import Path

import pytest
from named import named_target
from target_files import VAE, write

from vae_conformance.target.call_site import values_passed

SIZES = "\nSIZES = {'net': {'width': 16, 'depth': [2, 3]}, 'rate': 0.1}\n"
NET = "VAE(**config['net'])"
KEPT = "class Runner:\n    def __init__(self, c):\n        self.c = c\n    def go(self):\n        VAE(**self.c['net'])\n"


def given(folder: Path, more: str, parameters: str = ", width, depth") -> object:
    return named_target(write(folder, VAE.format(parameters=parameters) + SIZES + more)).make().given


@pytest.mark.parametrize(
    "more",
    [
        f"def main(config=SIZES):\n    return {NET}\nmain",
        f"def main(config=None):\n    return {NET}\ndef start():\n    main(SIZES)",
        f"def build(config, n):\n    return {NET}\ndef main(settings=SIZES):\n    return build(n=1, config=settings)",
        f"class Runner:\n    def __init__(self, config):\n        self.net = {NET}\ndef main(c=SIZES):\n    Runner(c)",
        KEPT + "def main():\n    Runner(SIZES).go()",
        f"class Runner:\n    def set_up(self, config):\n        {NET}\ndef main():\n    Runner().set_up(SIZES)",
        f"class Runner:\n    @staticmethod\n    def set_up(config):\n        {NET}\ndef main():\n    Runner.set_up(SIZES)",
        "def build(width, depth):\n    return VAE(width, depth)\ndef main():\n    return build(**SIZES['net'])",
        "class Runner:\n    deep = [2, 3]\n    def go(self):\n        return VAE(16, self.deep)",
    ],
)
def test_a_parameter_is_what_the_file_passes(tmp_path: Path, more: str) -> None:
    assert given(tmp_path, more) == {"width": 16, "depth": [2, 3]}


@pytest.mark.parametrize(
    "made",
    [
        "@dataclass\nclass Plan:\n    wide: int = 16\n    deep: int = 1\n{use}def main():\n    run(Plan(deep=2))",
        "{inner}def main():\n    run(Plan())",
        "@dataclass\nclass Plan:\n    wide: int = 16\n    deep: int = 2\nPLAN = Plan()\n{use}def main():\n    run(PLAN)",
    ],
)
def test_the_fields_of_settings_that_are_passed_are_read(tmp_path: Path, made: str) -> None:
    parts = "@dataclass\nclass Inner:\n    deep: int = 2\n@dataclass\nclass Plan:\n"
    parts += "    inner: Inner = field(default_factory=Inner)\n    wide: int = 16\n"
    use = "def run(plan):\n    return VAE(plan.wide, plan.deep)\n"
    more = "from dataclasses import dataclass, field\n" + made.format(use=use, inner=parts + use.replace("plan.deep", "plan.inner.deep"))
    assert given(tmp_path, more) == {"width": 16, "depth": 2}


def test_a_default_goes_before_what_a_call_passes(tmp_path: Path) -> None:
    more = "def build(wide=16, deep=None):\n    return VAE(wide, deep)\ndef main():\n    build(4, 2)"
    assert given(tmp_path, more) == {"width": 16, "depth": 2}


@pytest.mark.parametrize(
    "more",
    [
        "def build(wide):\n    return build(wide) and VAE(wide, 2)",
        "class Runner:\n    def __init__(self):\n        self.w = 16\n    def go(self):\n        self.w = 8\n        VAE(self.w, 2)",
        "def build(wide):\n    VAE(wide, 2)\nif SIZES is None:\n    builders.build(16)\n    build(*sizes)",
    ],
)
def test_what_no_call_says_stays_unknown(tmp_path: Path, more: str) -> None:
    assert given(tmp_path, more, ", latent_dim, hidden_dim") == {"latent_dim": 16, "hidden_dim": 256}


def test_components_are_latent_dimensions_where_names_are_guessed(tmp_path: Path) -> None:
    assert given(tmp_path, "", ", n_features, n_components") == {"n_features": 784, "n_components": 16}


PARSER = (
    "import argparse\ndef options():\n    p = argparse.ArgumentParser()\n    p.add_argument('--free-bits', type=float, default='0.5')\n"
)
MAIN = "    p.add_argument('--batch-size', type=int, default=8)\n    return p.parse_args()\ndef main(opt):\n    {body}\nmain(options())\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("loss(model, x, opt.free_bits)", {"free": 0.5}),
        ("loss(model, x, free=2 * opt.free_bits)", {"free": 1.0}),
        ("loss(model, x, opt.free_bits); loss(model, x, 0.5)", {"free": 0.5}),
        ("loss(model, x, opt.free_bits); loss(model, x, 1.5)", {}),
        ("loss(model, x, opt.free_bits); loss(model, x, found())", {}),
        ("loss(model, x, opt.batch_size)", {}),
        ("free = 0.0\n    loss(model, x, free)\n    free = 1.0", {}),
        ("free = 0.0\n    for _ in range(3):\n        loss(model, x, free)\n        free += 0.1", {}),
    ],
)
def test_a_loss_is_given_what_all_its_calls_pass(tmp_path: Path, body: str, expected: dict[str, float]) -> None:
    source = VAE.format(parameters="") + "\ndef loss(model, x, free):\n    return model(x) + free\n"
    target = named_target(write(tmp_path, source + PARSER + MAIN.format(body=body)))
    assert values_passed(target.namespace.loss, target.namespace) == expected
