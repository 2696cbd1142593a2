"""Reading what passes through a model's parts: codes, gradients, and the arguments and results of parts inside forward."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from vae_conformance.binding.injection import answering
from vae_spec.subject import Mode, SubjectFault


def as_code(z: Any) -> Tensor:
    """What a sampling step returned, flattened; the claims look at its shape."""
    if not isinstance(z, Tensor):
        raise SubjectFault("sampling step", f"returns {type(z).__name__} where a tensor belongs")
    return z.detach().flatten(1) if z.dim() > 1 else z.detach()


def gradient_norms(scalar: Tensor, parameters: Mapping[str, nn.Parameter]) -> dict[str, float]:
    """The gradient's norm for each parameter; zeros where there is no path."""
    if not scalar.requires_grad or not parameters:
        return dict.fromkeys(parameters, 0.0)
    slopes = torch.autograd.grad(scalar, list(parameters.values()), allow_unused=True, retain_graph=True)
    return {name: 0.0 if slope is None else float(slope.norm()) for name, slope in zip(parameters, slopes, strict=True)}


def projection(value: Tensor) -> Tensor:
    """A fixed projection of a tensor, without a random call, which the control of the noise would replace."""
    direction = torch.arange(1, value.numel() + 1, device=value.device).mul(12.9898).sin().reshape(value.shape)
    return (value * direction.to(value.dtype)).sum()


def leaf_parameters(outputs: Iterable[Tensor]) -> list[nn.Parameter]:
    """The parameters that outputs were computed from, as autograd noted them."""
    found: dict[int, nn.Parameter] = {}
    seen: set[Any] = set()
    waiting = [output.grad_fn for output in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        leaf = getattr(node, "variable", None)
        if isinstance(leaf, nn.Parameter):
            found[id(leaf)] = leaf
        waiting += [before for before, _ in node.next_functions]
    return list(found.values())


@contextmanager
def watch(model: Any, name: str, note: Callable[[tuple[Any, ...], Any], None]) -> Iterator[None]:
    """Call `note` with the arguments and the result of a part, by its dotted name, whenever it is called inside the block."""

    def noted(own: Any, *args: Any) -> Any:
        result = own(*args)
        note(args or tuple(own.keywords.values()), result)
        return result

    with answering(model, name, noted):
        yield


@contextmanager
def spy(model: Any, name: str, key: str, captured: dict[str, Tensor]) -> Iterator[None]:
    """Capture a part's latest first argument ("decoded") or result ("drawn") while the block runs."""

    def note(args: tuple[Any, ...], result: Any) -> None:
        value = (args[0] if args else None) if key == "decoded" else result
        if isinstance(value, Tensor):
            captured[key] = value

    with watch(model, name, note):
        yield


@contextmanager
def in_mode(model: Any, mode: Mode) -> Iterator[None]:
    """The mode inside the block; buffers that training mode moves (BatchNorm's) and what the block freezes are put back behind it."""
    if not isinstance(model, nn.Module):
        yield
        return
    modules = _modules(model)
    before = [
        (module, name, buffer, buffer.detach().clone())
        for module in (modules if mode is Mode.TRAIN else ())
        for name, buffer in module._buffers.items()  # noqa: SLF001  a buffer may be replaced, not only changed, and has to come back
        if buffer is not None
    ]
    trained = [value for module in modules for value in module._parameters.values() if value is not None and value.requires_grad]  # noqa: SLF001
    was_training = model.training
    _set_mode(model, modules, mode is Mode.TRAIN)
    try:
        yield
    finally:
        _set_mode(model, _modules(model), was_training)
        for parameter in trained:
            if not parameter.requires_grad:
                parameter.requires_grad_()
        with torch.no_grad():
            for module, name, buffer, value in before:
                module._buffers[name] = buffer.copy_(value)  # noqa: SLF001


def _modules(model: nn.Module) -> list[nn.Module]:
    """The modules of a model, each once: `model.modules()`, whose nested generators take ten times as long."""
    found = {id(model): model}
    waiting = [model]
    while waiting:
        for module in waiting.pop()._modules.values():  # noqa: SLF001  what `children` yields
            if module is not None and id(module) not in found:
                found[id(module)] = module
                waiting.append(module)
    return list(found.values())


def _set_mode(model: nn.Module, modules: list[nn.Module], training: bool) -> None:
    """Call `train` unless it is not overridden and changes nothing: most calls are in the mode that the model is in."""
    if any(module.training is not training or type(module).train is not nn.Module.train or "train" in vars(module) for module in modules):
        set_mode(model, training)


def set_mode(model: nn.Module, training: bool) -> None:
    """Set the mode of a model, one whose own `train` is a training loop, `train(self, loader)`, too."""
    first = next(iter(inspect.signature(model.train).parameters.values()), None)
    if first is not None and (first.name == "mode" or isinstance(first.default, bool)):
        model.train(training)
    else:
        nn.Module.train(model, training)
