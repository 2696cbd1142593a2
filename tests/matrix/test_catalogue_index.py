"""The catalogue is complete, readable without running it, and each broken entry differs from sound code."""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from named import named_options, named_target

from catalogue_index import CATALOGUE, Entry, entries, read
from vae_conformance.binding.bind import bind
from vae_conformance.config.options import RunOptions
from vae_conformance.target.choose_class import choose_class
from vae_spec.areas import AREAS
from vae_spec.mistakes import MISTAKES
from vae_spec.strategies import Pixels, images
from vae_spec.subject import Noise, Subject

BROKEN = entries("broken")
SOUND = entries("sound")
TOLERANCE = 1e-4  # relative; far above rounding, far below what any mistake changes
EXTREMES = (-60.0, 60.0)  # values of logvar that sound code handles in float32
SAMPLERS = ("reparameterize", "reparametrize", "sampling")

each_entry = pytest.mark.parametrize("entry", [*BROKEN, *SOUND], ids=lambda entry: entry.name)
each_broken = pytest.mark.parametrize("entry", BROKEN, ids=lambda entry: entry.name)


@each_broken
def test_broken_entries_are_named_after_their_mistake(entry: Entry) -> None:
    assert entry.mistake is not None
    assert entry.path.stem == entry.mistake or entry.path.stem.startswith(f"{entry.mistake}-")
    longer = [other for other in MISTAKES if other.startswith(entry.mistake) and other != entry.mistake]
    assert not any(entry.path.stem.startswith(other) for other in longer)


@each_broken
def test_killers_are_claim_ids_and_none_is_missing(entry: Entry) -> None:
    named = (*entry.killers, *([entry.waits_for] if entry.waits_for is not None else []))
    assert all(re.fullmatch(r"[A-Z]+-\d\d", claim) and claim.partition("-")[0] in AREAS for claim in named)
    assert len(set(entry.killers)) == len(entry.killers) <= 9
    assert bool(entry.killers) != (entry.waits_for is not None), "either killed, or waiting"


def test_sound_entries_have_no_killers_and_declare_known_options() -> None:
    known = {option.name for option in dataclasses.fields(RunOptions)}
    for entry in SOUND:
        assert (entry.mistake, entry.killers, entry.waits_for) == (None, (), None), entry.name
        assert set(entry.options) <= known, entry.name
        options = named_options("x", **entry.options)
        assert RunOptions.from_json(options.to_json()) == options


@each_entry
def test_each_entry_is_found_without_a_name(entry: Entry) -> None:
    assert named_target(str(entry.path)).make is not None
    assert entry.summary.endswith(".")


def test_constants_must_be_literals(tmp_path: Path) -> None:
    file = tmp_path / "computed.py"
    file.write_text('"""It computes."""\nKILLERS = tuple(["KL-01"])\n')
    with pytest.raises(ValueError, match="KILLERS is not a literal"):
        read(file, "broken")


def test_an_entry_needs_a_docstring(tmp_path: Path) -> None:
    file = tmp_path / "silent.py"
    file.write_text("MISTAKE = 'missing-half'\n")
    with pytest.raises(ValueError, match="no docstring"):
        read(file, "broken")


@pytest.fixture
def siblings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the broken entries' folder on the path, for `from _sound import VAE`."""
    monkeypatch.syspath_prepend(str(CATALOGUE / "broken"))


@each_broken
@pytest.mark.usefixtures("siblings")
def test_a_broken_entry_differs_from_sound_code(entry: Entry) -> None:
    if entry.sound is not None:
        sound = CATALOGUE / "sound" / f"{entry.sound}.py"
        assert differs(observe_bound(sound), observe_bound(entry.path))
        return
    entry_module = load(entry.path)
    base = "_sound_script" if hasattr(entry_module, "loss_function") else "_sound"
    base_module = load(CATALOGUE / "broken" / f"{base}.py")
    assert differs(observe(base_module, "VAE"), observe(entry_module, choose_class(entry_module, entry.path.name).__name__))


@pytest.mark.parametrize("base", ["_sound", "_sound_script"])
@pytest.mark.usefixtures("siblings")
def test_the_probe_finds_no_difference_between_sound_code_and_itself(base: str) -> None:
    path = CATALOGUE / "broken" / f"{base}.py"
    seen = observe(load(path), "VAE")
    assert not differs(seen, observe(load(path), "VAE"))
    assert not [name for name, value in seen.items() if isinstance(value, str)], "sound code raises in the probe"


@pytest.mark.parametrize("name", sorted({entry.sound for entry in BROKEN if entry.sound is not None}))
def test_the_probe_of_bound_code_finds_no_difference_between_sound_code_and_itself(name: str) -> None:
    path = CATALOGUE / "sound" / f"{name}.py"
    assert not differs(observe_bound(path), observe_bound(path))


def observe_bound(path: Path) -> dict[str, Any]:
    """Observe an entry through its binding, for shapes that cannot be called by the documents' names."""
    subject = bind(named_target(str(path)), named_options(str(path)))
    subject.load(subject.fresh(0))
    return dict(bound_passes(subject))


def bound_passes(subject: Subject) -> Iterator[tuple[str, Any]]:
    """Yield the results of a subject's operations on fixed inputs under fixed seeds."""
    stream = torch.Generator().manual_seed(0)
    x = images(Pixels.BETWEEN, 5, subject.facts, stream)
    mu, logvar, z = (torch.randn(5, subject.facts.latent_dim, generator=stream) for _ in range(3))
    yield "forward", attempt(lambda: subject.forward(x, Noise(seed=1)).raw)
    yield "decode", attempt(lambda: subject.decode(z))
    yield "posterior", attempt(lambda: subject.posterior(x).logvar)
    yield "draw", attempt(lambda: subject.draw(mu, logvar, Noise(seed=1)))
    for beta in (1.0, 2.0):

        def loss(beta: float = beta) -> tuple[Any, ...]:
            return tuple(vars(subject.terms(subject.decode(z), x, mu, logvar, beta=beta)).values())

        yield f"loss at beta {beta}", attempt(loss)
    yield "sign beside the total", torch.tensor(float(subject.facts.kl_turned))
    norms = subject.param_grads(x, Noise(seed=1), ("raw",))["raw"]
    yield "gradients", torch.tensor(list(norms.values()))


def load(path: Path) -> ModuleType:
    """Import an entry's module under a unique name."""
    spec = importlib.util.spec_from_file_location(f"catalogue_entry_{path.stem.replace('-', '_')}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def observe(module: ModuleType, name: str) -> dict[str, Any]:
    """Return observations of a VAE by name: values and gradients as tensors, or the name of the exception raised."""
    seen: dict[str, Any] = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = getattr(module, name)()
        parameters = dict(model.named_parameters()) if hasattr(model, "named_parameters") else {}
        seen["parameters"] = torch.tensor([float(each.detach().sum()) for each in parameters.values()])
        for size in (1, 3, 5):
            for training in (True, False):
                if hasattr(model, "train"):
                    model.train(training)
                for what, value in passes(module, model, parameters, size):
                    seen[f"{what}, batch {size}, training {training}"] = value
        if hasattr(model, "generate"):
            seen["generate"] = attempt(lambda: model.generate(4))
        items = torch.rand(2, 3, 1, 28, 28, generator=torch.Generator().manual_seed(2))
        for method, given in (("reconstruct", items[:1]), ("interpolate", items[:, :1])):
            if hasattr(model, method):
                seen[method] = attempt(lambda method=method, given=given: getattr(model, method)(*given))
        if "latent_dim" in inspect.signature(getattr(module, name)).parameters:
            seen["another latent dimension"] = attempt(lambda: getattr(module, name)(latent_dim=5).encode(items[0])[0])
        if "input_shape" in inspect.signature(getattr(module, name)).parameters:
            seen["loss at another size"] = attempt(lambda: another_size(getattr(module, name)))
    return seen


def another_size(made: Any) -> torch.Tensor:
    """Compute the loss of a model for 32x32 images, since a constant may be right only for 28x28."""
    stream = torch.Generator().manual_seed(32)
    x, x_hat = (torch.rand(3, 1, 32, 32, generator=stream) for _ in range(2))
    mu, logvar = (torch.randn(3, 8, generator=stream) for _ in range(2))
    return made(input_shape=(1, 32, 32)).loss(x_hat, x, mu, logvar)


def passes(module: ModuleType, model: Any, parameters: dict[str, Any], size: int) -> Iterator[tuple[str, Any]]:
    """Call the parts one by one on fixed inputs under fixed seeds, and yield the results."""
    stream = torch.Generator().manual_seed(size)
    x = torch.rand(size, 1, 28, 28, generator=stream)
    mu, logvar, z = (torch.randn(size, 8, generator=stream) for _ in range(3))
    sampler = next((getattr(model, each) for each in SAMPLERS if hasattr(model, each)), None)
    script = hasattr(module, "loss_function")
    image = (lambda raw: raw.view(size, 784)) if script else (lambda raw: raw)
    yield "decode", attempt(lambda: model.decode(z))
    yield "encode", attempt(lambda: model.encode(image(x)))
    yield "draw", attempt(lambda: sampler(mu, logvar)) if sampler is not None else "no sampling step"
    yield "forward", attempt(lambda: model.forward(x))

    def loss(x_hat: Any, target: Any, mean: Any, spread: Any, beta: float) -> Any:
        if script:
            return module.loss_function(x_hat, target, mean, spread)
        return model.loss(x_hat, target, mean, spread, beta=beta)

    x_hat = torch.rand(size, 1, 28, 28, generator=stream)
    for beta in (0.0, 0.5, 1.0, 2.0):
        yield f"loss at beta {beta}", attempt(lambda beta=beta: loss(image(x_hat), x, mu, logvar, beta))
    for extreme in EXTREMES:
        yield f"loss at logvar {extreme}", attempt(lambda extreme=extreme: loss(image(x_hat), x, mu, torch.full_like(mu, extreme), 1.0))
    saturated = x.round()
    yield "loss at black and white", attempt(lambda: loss(image(x_hat), saturated, mu, logvar, 1.0))
    yield "loss at saturation", attempt(lambda: loss(image(saturated), saturated, mu, logvar, 1.0))
    yield "gradients", attempt(lambda: gradients(model, parameters, lambda out: loss(out[0], x, out[1], out[2], 1.0), x))


def gradients(model: Any, parameters: dict[str, Any], loss: Any, x: torch.Tensor) -> torch.Tensor:
    """Return the norm of the training loss's gradient for each parameter; zero if there is none."""
    out = loss(model.forward(x))
    total = out[0] if isinstance(out, tuple) else out
    found = torch.autograd.grad(total, list(parameters.values()), allow_unused=True)
    return torch.stack([torch.zeros(()) if each is None else each.norm() for each in found])


def attempt(call: Any) -> Any:
    """Return a call's result under a fixed seed as one flat tensor, or the exception's name if it raises."""
    torch.manual_seed(1)
    try:
        value = call()
    except Exception as error:  # noqa: BLE001  # an exception of the entry's code is an observation
        return type(error).__name__
    parts = value if isinstance(value, tuple) else (value,)
    return torch.cat([part.detach().flatten() for part in parts])


def differs(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether any observation differs by more than rounding."""
    return one.keys() != other.keys() or any(not alike(one[name], other[name]) for name in one)


def alike(one: Any, other: Any) -> bool:
    """Return whether two values are the same tensor up to rounding, or the same exception."""
    if isinstance(one, str) or isinstance(other, str):
        return bool(isinstance(one, str) and isinstance(other, str) and one == other)
    if one.shape != other.shape:
        return False
    return bool(torch.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


def test_alike_sees_shapes_values_and_exceptions() -> None:
    ones = torch.ones(3)
    assert alike(ones, ones + 1e-6)
    assert alike("ValueError", "ValueError")
    assert not alike(ones, torch.ones(4))
    assert not alike(ones, ones * 1.01)
    assert not alike(ones, "ValueError")


def test_loading_leaves_the_search_path_as_it_was() -> None:
    before = list(sys.path)
    load(CATALOGUE / "sound" / "plain.py")
    assert sys.path == before
