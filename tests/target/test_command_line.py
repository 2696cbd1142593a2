"""A constructor call that takes its values from the command line: what argparse gives where nothing is typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from named import named_target
from target_files import VAE, unbound, write

from vae_conformance.target.target import Target

MAIN = """
import argparse
def main():
    cli = argparse.ArgumentParser()
    {arguments}
    opt = cli.parse_args()
    model = VAE({call})
"""


def loaded(folder: Path, arguments: str, call: str, parameters: str = ", depth") -> Target:
    body = MAIN.format(arguments=arguments.replace("\n", "\n    "), call=call)
    return named_target(write(folder, VAE.format(parameters=parameters) + body))


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("cli.add_argument('--deep', type=int, default='20')", 20),
        ("cli.add_argument('--deep', type=float, default='2e-1')", 0.2),
        ("cli.add_argument('--deep', default='20')", "20"),
        ("cli.add_argument('--deep', type=int, default=4.5)", 4.5),
        ("cli.add_argument('--deep', action='store_true')", False),
        ("cli.add_argument('--deep', action='store_false')", True),
        ("cli.add_argument('--deep', action='store_const', const=5)", None),
        ("cli.add_argument('--deep', action='store_const', const=5, default=4)", 4),
        ("cli.add_argument('--deep', action=argparse.BooleanOptionalAction, default=True)", True),
        ("cli.add_argument('--deep', nargs='+', type=int, default=[3, 4])", [3, 4]),
        ("cli.add_argument('--deep', choices=['a', 'b'], default='b')", "b"),
        ("cli.add_argument('deep', nargs='?', type=int, default='6')", 6),
        ("cli.add_argument('-d', '--deeper-still', dest='deep', type=int, default=2 * 4)", 8),
        ("cli.add_argument('--not-deep', dest='deep', action='store_false')\ncli.add_argument('--deep', action='store_true')", True),
        ("cli.add_argument('--deep', type=int, default=1)\ncli.set_defaults(deep=9)", 9),
        ("group = cli.add_argument_group()\ngroup.add_argument('--deep', type=int, default='7')", 7),
    ],
)
def test_a_value_is_what_argparse_gives(tmp_path: Path, arguments: str, value: object) -> None:
    given = loaded(tmp_path, arguments, "opt.deep").make().given["depth"]
    assert given == value
    assert type(given) is type(value)


@pytest.mark.parametrize(
    "arguments",
    [
        "cli.add_argument('deep', type=int)",
        "cli.add_argument('--deep', type=int, required=True, default=3)",
        "cli.add_argument('--deep', type=int, default=load())",
        "cli.add_argument('--deep', type=parsed, default='3')",
        "cli.add_argument('--deep', type=int, default='three')",
        "cli.add_argument('--deep', default=3)\ncli.set_defaults(deep=load())",
    ],
)
def test_what_the_command_line_must_say_is_unknown(tmp_path: Path, arguments: str) -> None:
    body = MAIN.format(arguments=arguments.replace("\n", "\n    "), call="opt.deep")
    assert "needs the argument 'depth'" in unbound(write(tmp_path, VAE.format(parameters=", depth") + body)).message


@pytest.mark.parametrize(
    ("call", "value"),
    [
        ("3 if opt.flag else 4", 4),
        ("3 if not opt.flag else 4", 3),
        ("3 if opt.kind == 'conv' else 4", 3),
        ("3 if opt.kind in ('mlp', 'flat') else 4", 4),
        ("3 if opt.flag and opt.size > 2 else 4", 4),
        ("3 if opt.flag or 1 < opt.size <= 5 else 4", 3),
        ("opt.none or 6", 6),
        ("+opt.size", 5),
        ("opt['size']", 5),
        ("vars(opt)['size']", 5),
        ("depth=opt.size if opt.none is None else opt.none", 5),
        ("**{'depth': opt.size}", 5),
    ],
)
def test_conditions_of_known_values_are_read(tmp_path: Path, call: str, value: int) -> None:
    arguments = (
        "cli.add_argument('--flag', action='store_true')\ncli.add_argument('--kind', default='conv')\n"
        "cli.add_argument('--size', type=int, default='5')\ncli.add_argument('--none')"
    )
    assert loaded(tmp_path, arguments, call).make().given == {"depth": value}


def test_the_arguments_of_the_command_line_may_be_given_whole(tmp_path: Path) -> None:
    source = VAE.format(parameters=", opt=None").replace("super().__init__()", "super().__init__(); self.n = opt.deep + opt['wide']")
    arguments = "cli.add_argument('--deep', type=int, default='2')\n    cli.add_argument('--wide', type=int, default=3)"
    target = named_target(write(tmp_path, source + MAIN.format(arguments=arguments, call="opt")))
    assert target.make().n == 5


def test_the_readable_part_of_a_call_is_enough_where_nothing_required_is_left(tmp_path: Path) -> None:
    target = loaded(tmp_path, "", "12, rate=load(), kind='small'", ", depth, rate=0.5, kind='large'")
    assert target.make().given == {"depth": 12, "rate": 0.5, "kind": "small"}


def test_a_list_of_sizes_is_no_network_and_the_class_that_was_named_is_asked_about(tmp_path: Path) -> None:
    half = "class Encoder(nn.Module):\n    def __init__(self, things): super().__init__()\n    def forward(self, x): return x\n"
    for parameter in ("encoder_layer_sizes", "encoder"):
        fault = unbound(write(tmp_path, VAE.format(parameters=f", {parameter}") + half) + ":VAE")
        assert f"the class VAE needs the argument '{parameter}'" in fault.message
        assert f"return VAE({parameter}=...)" in fault.hint
