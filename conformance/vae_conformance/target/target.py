"""Find and load the target: an entry point, an object of a module, a file or a notebook."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import pkgutil
import sys
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import nn

from vae_conformance.config.declared import declared_options
from vae_conformance.config.target_spec import TargetKind, TargetSpec
from vae_conformance.errors import Unbound
from vae_conformance.guard.time_limit import public_names
from vae_conformance.implementation import Implementation
from vae_conformance.target.adapter import adapted
from vae_conformance.target.arguments import accepted_sizes, parameter_names
from vae_conformance.target.builder import Builder
from vae_conformance.target.checkpoint import Weights
from vae_conformance.target.choose_class import choose_class, factories_of
from vae_conformance.target.execute import load_file
from vae_conformance.target.fingerprint import Fingerprint, fingerprint
from vae_conformance.target.isolated_import import PrivateTree, importing
from vae_conformance.target.spec import FORMS, close_match, top_level_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True)
class Target:
    """An implementation that was found and loaded.

    Attributes:
        text: the target string as the user wrote it.
        name: its name in messages, e.g. "student.py:VAE".
        namespace: the module that defines it, which may define its loss function too.
        make: returns a new instance; None for a ready instance. Raises `Unbound` if the constructor fails.
        instance: the ready instance, or None.
        rebuild: constructs an instance with other sizes, by `input_shape`, `hidden_dim`, `latent_dim` or the names of its own
            parameters; None if it accepts none. Raises `Unbound`.
        accepts: which of `input_shape`, `hidden_dim` and `latent_dim` `rebuild` takes.
        sources: the files whose content determines its behaviour, its own first.
        record: the Implementation record that declares some of its parts, or None.
        weights: the weights of `instance` if a trained model is judged as it is, or None.
        remarks: how it was loaded, for the report.
        loading: a sentence each on what was left out, or replaced, to load it.
        vocabulary: how many values a token has, if its items are sequences of tokens; 0 otherwise.
        builder: what constructs it; None for a ready instance.
        code: what determines its models, for the names of trained runs.
    """

    text: str
    name: str
    namespace: ModuleType
    make: Callable[[], object] | None
    instance: object | None
    rebuild: Callable[[Mapping[str, object]], object] | None
    sources: tuple[Path, ...]
    accepts: frozenset[str] = frozenset()
    record: Implementation | None = None
    weights: Weights | None = None
    remarks: tuple[str, ...] = ()
    loading: tuple[str, ...] = ()
    vocabulary: int = 0
    builder: Builder | None = None
    code: Fingerprint = field(default=Fingerprint(()), repr=False)

    @property
    def arguments(self) -> Mapping[str, object]:
        """The constructor arguments; like `notes` and `assumed`, they are settled when the first instance is made."""
        return {} if self.builder is None else self.builder.way.arguments

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for the report on how it was loaded and constructed."""
        return (*self.remarks, *(() if self.builder is None else self.builder.way.notes))

    @property
    def assumed(self) -> tuple[str, ...]:
        """All that was assumed, a sentence each."""
        return (*self.loading, *self._guesses)

    @property
    def _guesses(self) -> tuple[str, ...]:
        return () if self.builder is None else self.builder.way.assumed

    def unfit(self, fault: Unbound) -> Unbound:
        """Return the error to raise if the model does not run: guessed constructor arguments are named, as they may be the cause."""
        return Unbound("\n  assumed: ".join((fault.message, *self._guesses)), fault.hint)

    def turned(self, turn: Callable[[Any], Any]) -> Target:
        """Return the target that gives what `turn` makes of each of its models."""

        def turning(give: Callable[..., object] | None) -> Callable[..., object] | None:
            return None if give is None else lambda *given: turn(give(*given))

        instance = None if self.instance is None else turn(self.instance)
        return replace(self, make=turning(self.make), instance=instance, rebuild=turning(self.rebuild))

    def fingerprint(self) -> str:
        """Return the SHA-256 of the code as loaded, the object's name and the arguments."""
        return self.code.sha256


@dataclass(frozen=True)
class _How:
    """The request to `load_target`, and the folder of the source once it is known."""

    text: str
    input_shape: tuple[int, ...] | None
    limit: float
    tree: Path | None = None


def load_target(spec: TargetSpec, *, input_shape: tuple[int, ...] | None = None, import_limit: float = 30.0) -> Target:
    """Find and load a target without constructing the model.

    Args:
        spec: the parsed target string.
        input_shape: the shape of one item, if known.
        import_limit: the time limit in seconds of the import, and of each construction.

    Raises:
        Unbound: there is no such target, it cannot be imported, it is ambiguous which class is meant, or a declaration of the class
            is invalid.
    """
    spec.check()
    how = _How(spec.text, input_shape, import_limit)
    if spec.is_file and spec.path is not None:
        return _from_file(spec.path, spec.name, how)
    if spec.kind is TargetKind.ENTRY_POINT:
        return _from_entry_point(spec, how)
    return _from_module(spec.module, spec.name, how)


def given_target(given: Any, *, input_shape: tuple[int, ...] | None = None) -> Target:
    """Return the target of a Python object: a class, a function that builds a model, a model, or an Implementation record.

    The fingerprint is random, so its trained runs are never shared: values in closures and weights do not appear in any source.

    Raises:
        Unbound: it is none of these, or a declaration of the class is invalid.
    """
    named = given.build if isinstance(given, Implementation) else given
    owner = _owner(named)
    module = _home(named) or ModuleType("given")
    name = public_names(str(getattr(owner, "__qualname__", type(named).__qualname__))).rpartition("<locals>.")[2]
    file = getattr(module, "__file__", None)
    label = name if file is None else f"{Path(file).name}:{name}"
    target = _target(given, label, module, _neighbours(module), _How(label, input_shape, 30.0))
    return replace(target, code=Fingerprint((os.urandom(32).hex(),)))


def _home(given: object) -> ModuleType | None:
    """Return the module that defines an object, if known."""
    return sys.modules.get(getattr(_owner(given), "__module__", None) or "")


def _owner(given: object) -> object:
    """Return the object with a name and a module: itself, the function of a partial, or its class."""
    return given if hasattr(given, "__qualname__") else getattr(given, "func", type(given))


def _neighbours(module: ModuleType) -> list[Path]:
    """Return the files of the loaded modules in the same package, or in its folder or below, its own first."""
    file = getattr(module, "__file__", None)
    if file is None or not Path(file).is_file():
        return []
    own = Path(file).resolve()
    package = module.__name__.partition(".")[0] if "." in module.__name__ else None
    if package is None and "site-packages" in own.parts:
        return [own]
    others = (
        Path(there).resolve()
        for name, other in list(sys.modules.items())
        if (there := getattr(other, "__file__", None)) and (name.partition(".")[0] == package or package is None)
    )
    kept = {path for path in others if path.suffix == ".py" and (package or path.is_relative_to(own.parent)) and path.is_file()}
    return [own, *sorted(kept - {own})]


def _from_file(path: Path, name: str, how: _How) -> Target:
    path = path.resolve()
    loaded = load_file(path, how.limit)
    module, tree = loaded.module, loaded.tree
    asked = name
    try:
        name = name or _only_record(module, path.name)
        chosen = _attribute(module, name, path.name) if name else choose_class(module, path.name)
        if not name:
            loaded.check(chosen)
        label = f"{path.name}:{name or getattr(chosen, '__name__', '')}"
        target = _built(chosen, label, module, tree.sources(path), replace(how, tree=tree.root))
    except Unbound as fault:
        raise loaded.blame(fault, asked) from fault
    if not loaded.notes:
        return target
    return replace(
        target,
        remarks=(*loaded.notes, *target.remarks),
        loading=loaded.assumed,
        code=target.code.and_also("definitions alone"),
    )


def _only_record(module: ModuleType, label: str) -> str:
    """Return the name of a file's only Implementation record, which precedes its classes; empty if it has none, Unbound if several."""
    records = {id(value): name for name, value in reversed(vars(module).items()) if isinstance(value, Implementation)}
    if len(records) > 1:
        names = sorted(records.values())
        raise Unbound(
            f"{label} has {len(names)} Implementation records: {', '.join(names)}",
            "Name one: " + " or ".join(f"{label}:{name}" for name in names),
        )
    return next(iter(records.values()), "")


def _from_module(dotted: str, name: str, how: _How) -> Target:
    """Load an object of an installed module, or of a module in the current folder."""
    spec = top_level_spec(dotted.partition(".")[0])
    tree = None if spec else PrivateTree(Path.cwd())
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    root = tree.root if tree else folders[0] if folders else None
    try:
        with tree.kept_if_imported() if tree else nullcontext(), importing(dotted, how.limit, root):
            module = importlib.import_module(f"{tree.package}.{dotted}" if tree else dotted)
    except Unbound as fault:
        lost = fault.__cause__.name if isinstance(fault.__cause__, ModuleNotFoundError) else None
        if lost is None or not f"{dotted}.".startswith(f"{public_names(lost)}."):
            raise
        beside = {module.name for module in pkgutil.iter_modules([str(folder) for folder in folders] or None)}
        close = close_match(public_names(lost).rpartition(".")[2], beside)
        raise Unbound(f"there is no module {public_names(lost)}{close}", FORMS) from fault
    own = [Path(file)] if (file := getattr(module, "__file__", None)) else []
    installed = [file for folder in folders for file in sorted(folder.rglob("*.py"))]
    sources = tree.sources(*own) if tree else installed or own
    return _target(_attribute(module, name, dotted), f"{dotted}:{name}", module, sources, replace(how, tree=root))


def _from_entry_point(spec: TargetSpec, how: _How) -> Target:
    try:
        return replace(_from_module(spec.module, spec.name, how), name=spec.text)
    except Unbound as fault:
        raise Unbound(f"the entry point {spec} ({spec.module}:{spec.name}): {fault.message}", fault.hint) from fault


def _built(chosen: Any, label: str, module: ModuleType, sources: Sequence[Path], how: _How) -> Target:
    """Return the target of an object; for a class with unknown arguments, that of the only function of its file that builds it."""
    try:
        return _target(chosen, label, module, sources, how)
    except Unbound as fault:
        makers = factories_of(chosen, module) if inspect.isclass(chosen) else []
        if len(makers) != 1:
            raise
        maker = makers[0].__name__
        try:
            target = _target(makers[0], f"{label.rpartition(':')[0]}:{maker}", module, sources, how)
        except Unbound:
            raise fault from None  # what the class lacks, which is what was asked for
        return replace(target, remarks=(f"{chosen.__name__} is built by {maker}, the function of its file that does so", *target.remarks))


def _target(chosen: Any, label: str, module: ModuleType, sources: Sequence[Path], how: _How) -> Target:
    """Return the target of an object: a ready instance, or a class or factory with its arguments."""
    if isinstance(chosen, Implementation):
        return _of_record(chosen, label, module, sources, how)
    parts = [part for part in ("encode", "decode", "reparameterize", "forward") if hasattr(chosen, part)]
    if isinstance(chosen, nn.Module) or (parts and not inspect.isclass(chosen)):
        return Target(how.text, label, module, None, chosen, None, tuple(sources), code=_fingerprint(sources, label, {}))
    if not callable(chosen):
        kind = type(chosen).__name__
        raise Unbound(f"{label} is a {kind}, not a class, a function that builds a model, or a model", FORMS)
    shape = how.input_shape or declared_options(chosen, label).get("input_shape")
    builder = Builder(chosen, label, shape, how.limit, how.tree, module)
    accepts, own_names = accepted_sizes(chosen), parameter_names(chosen)

    def rebuild(sizes: Mapping[str, object]) -> object:
        if unknown := sorted(set(sizes) - accepts - own_names):
            hint = f"It takes {', '.join(sorted(own_names))}."
            raise Unbound(f"{label} has no parameter for {', '.join(unknown)}", hint)
        return builder.rebuild(sizes)

    return Target(
        how.text,
        label,
        module,
        builder.make,
        None,
        rebuild if accepts or own_names else None,
        tuple(sources),
        accepts,
        builder=builder,
        code=_fingerprint(sources, label, builder.way.arguments),
    )


def _of_record(record: Implementation, label: str, module: ModuleType, sources: Sequence[Path], how: _How) -> Target:
    """Return the target that a record builds, wrapped in an adapter with the parts that it supplies."""
    shape = how.input_shape or record.declared.get("input_shape")
    home = _home(record.build) or module
    framework = home.__name__.partition(".")[0] in ("torch", "torchvision", "builtins")
    every = dict.fromkeys([*sources, *([] if framework or home is module else _neighbours(home))])
    built = _target(record.build, label, home, tuple(every), replace(how, input_shape=shape))
    make, rebuild = built.make, built.rebuild
    assert make is not None, "a record refuses what is ready"
    return replace(
        built,
        name=record.name or label,
        make=lambda: adapted(record, make()),
        rebuild=None if rebuild is None else lambda sizes: adapted(record, rebuild(sizes)),
        record=record,
    )


def _fingerprint(sources: Sequence[Path], label: str, arguments: Mapping[str, object]) -> Fingerprint:
    return fingerprint(sources, label.rpartition(":")[2], repr(sorted(arguments.items())))


def _attribute(module: ModuleType, dotted: str, label: str) -> Any:
    found: Any = module
    for part in dotted.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as fault:
            there = {name: value for name, value in vars(module).items() if not name.startswith("_") and not inspect.ismodule(value)}
            own = [
                name
                for name, value in there.items()
                if getattr(value, "__module__", module.__name__) == module.__name__ or isinstance(value, nn.Module)
            ]
            has = ", ".join(sorted(own)) or "nothing"
            raise Unbound(
                f"{label} has no {dotted}{close_match(dotted, there)}; it has: {has}",
                "Name a class, a function that builds the model, or a model.",
            ) from fault
    return found
