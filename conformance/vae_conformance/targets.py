"""Finds and loads what the user named: an entry point, an object of a module, a file or a notebook."""

from __future__ import annotations

import builtins
import hashlib
import importlib
import importlib.util
import inspect
import itertools
import os
import pkgutil
import re
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.metadata import EntryPoint
from pathlib import Path
from types import CodeType, MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

from torch import nn

from vae_conformance.addresses import FORMS, close_match, locate
from vae_conformance.classes import choose_class
from vae_conformance.construct import accepted_sizes, choose_arguments, construct, parameter_names
from vae_conformance.declarations import declared_options
from vae_conformance.errors import Unbound
from vae_conformance.notebooks import notebook_source
from vae_conformance.time_limit import public_names, undisturbed, user_code

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_TOO_LONG = 'Put the training under `if __name__ == "__main__":`, so that importing only defines the model.'


@dataclass(frozen=True)
class Target:
    """An implementation that was found and loaded.

    Attributes:
        text: as the user wrote it.
        name: how messages call it, e.g. "student.py:VAE".
        namespace: the module it stands in, where its loss function may stand too.
        make: gives a new instance; None for a ready instance. Raises `Unbound` where the constructor fails.
        instance: the ready instance, or None.
        arguments: the constructor arguments that were supplied.
        rebuild: constructs with other values of the sizes it accepts, by `input_shape`, `hidden_dim`, `latent_dim` or
            the names of its own parameters; None where it accepts none. Raises `Unbound`.
        accepts: which of `input_shape`, `hidden_dim` and `latent_dim` `rebuild` takes.
        sources: the files whose content decides its behaviour, its own first.
    """

    text: str
    name: str
    namespace: ModuleType
    make: Callable[[], object] | None
    instance: object | None
    arguments: Mapping[str, object]
    rebuild: Callable[[Mapping[str, object]], object] | None
    sources: tuple[Path, ...]
    accepts: frozenset[str] = frozenset()
    _digest: str = field(default="", repr=False)

    def fingerprint(self) -> str:
        """SHA-256 over the sources as they were loaded, the object's name and the arguments."""
        return self._digest


@dataclass(frozen=True)
class _How:
    """What was asked of `load_target`, and the folder of the code once it is known."""

    text: str
    input_shape: tuple[int, ...] | None
    limit: float
    tree: Path | None = None


def load_target(text: str, *, input_shape: tuple[int, ...] | None = None, import_limit: float = 30.0) -> Target:
    """Find and load what the user named; nothing is constructed yet.

    Args:
        text: an entry point's name, `package.module:object`, `path/to/file.py[:Name]`, `path/to/notebook.ipynb[:Name]`.
        input_shape: the shape of one item, where it is known.
        import_limit: seconds that importing, and each construction, may take.

    Raises:
        Unbound: nothing of that name is there, it cannot be imported, it is not clear which class is meant, or what the
            class declares of itself is not in order.
    """
    how = _How(text, input_shape, import_limit)
    address = locate(text)
    if address.path is not None:
        return _from_file(address.path, address.name, how)
    if address.point is not None:
        return _from_entry_point(address.point, how)
    return _from_module(address.module, address.name, how)


def given_target(given: Any, *, input_shape: tuple[int, ...] | None = None) -> Target:
    """The target of an object that is at hand: a class, a function that builds a model, or a model.

    Its trained runs are nobody else's: what a closure or a weight holds stands in no source, so the fingerprint is like no other.

    Raises:
        Unbound: it is none of these, or what the class declares of itself is not in order.
    """
    owner = given if hasattr(given, "__qualname__") else getattr(given, "func", type(given))
    module = sys.modules.get(getattr(owner, "__module__", None) or "") or ModuleType("given")
    name = public_names(str(getattr(owner, "__qualname__", type(given).__qualname__))).rpartition("<locals>.")[2]
    file = getattr(module, "__file__", None)
    label = name if file is None else f"{Path(file).name}:{name}"
    target = _target(given, label, module, _neighbours(module), _How(label, input_shape, 30.0))
    return replace(target, _digest=hashlib.sha256(os.urandom(32)).hexdigest())


def _neighbours(module: ModuleType) -> list[Path]:
    """The files of the modules that belong to one's package, or lie in its folder or below: its own first."""
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
    tree = _PrivateTree(path.parent)
    with tree.kept_if_imported(), _importing(path.name, how.limit, tree.root):
        module = tree.load(path)
    chosen = _attribute(module, name, path.name) if name else choose_class(module, path.name)
    label = f"{path.name}:{name or getattr(chosen, '__name__', '')}"
    return _target(chosen, label, module, tree.sources(path), replace(how, tree=tree.root))


def _from_module(dotted: str, name: str, how: _How) -> Target:
    """An object of an installed module, or of one that lies in the current folder."""
    spec = _spec(dotted.partition(".")[0])
    tree = None if spec else _PrivateTree(Path.cwd())
    folders = [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []
    root = tree.root if tree else folders[0] if folders else None
    try:
        with tree.kept_if_imported() if tree else nullcontext(), _importing(dotted, how.limit, root):
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


def _from_entry_point(point: EntryPoint, how: _How) -> Target:
    try:
        return replace(_from_module(point.module, point.attr, how), name=point.name)
    except Unbound as fault:
        raise Unbound(f"the entry point {point.name} ({point.value}): {fault.message}", fault.hint) from fault


def _target(chosen: Any, label: str, module: ModuleType, sources: Sequence[Path], how: _How) -> Target:
    """The record of an object: a ready instance, or a class or factory with the arguments that it will get."""
    parts = [part for part in ("encode", "decode", "reparameterize", "forward") if hasattr(chosen, part)]
    if isinstance(chosen, nn.Module) or (parts and not inspect.isclass(chosen)):
        digest = _digest(sources, label, {})
        return Target(how.text, label, module, None, chosen, {}, None, tuple(sources), _digest=digest)
    if not callable(chosen):
        kind = type(chosen).__name__
        raise Unbound(f"{label} is a {kind}, not a class, a function that builds a model, or a model", FORMS)
    shape = how.input_shape or declared_options(chosen, label).get("input_shape")
    arguments = choose_arguments(chosen, label=label, input_shape=shape)
    accepts, own_names = accepted_sizes(chosen), parameter_names(chosen)

    def build(values: Mapping[str, object]) -> object:
        return construct(chosen, values, label=label, limit=how.limit, tree=how.tree)

    def rebuild(sizes: Mapping[str, object]) -> object:
        if unknown := sorted(set(sizes) - accepts - own_names):
            hint = f"It takes {', '.join(sorted(own_names))}."
            raise Unbound(f"{label} has no parameter for {', '.join(unknown)}", hint)
        return build(choose_arguments(chosen, label=label, input_shape=shape, sizes=sizes))

    return Target(
        how.text,
        label,
        module,
        lambda: build(arguments),
        None,
        MappingProxyType(arguments),
        rebuild if accepts or own_names else None,
        tuple(sources),
        accepts,
        _digest(sources, label, arguments),
    )


def _digest(sources: Sequence[Path], label: str, arguments: Mapping[str, object]) -> str:
    sha = hashlib.sha256(repr((label.rpartition(":")[2], sorted(arguments.items()))).encode())
    for source in sources:
        content = source.read_bytes()
        sha.update(f"\n{source.name} {len(content)}\n".encode() + content)
    return sha.hexdigest()


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


def _spec(top: str) -> ModuleSpec | None:
    try:
        return importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None


class _PrivateTree:
    """A folder whose modules are imported under names of one target's own.

    The modules lie in `sys.modules` below a private package, and see an `__import__` that looks among their siblings
    first. So two targets with siblings of the same name never meet, an import within a function finds what one at the
    top finds, and `sys.path` stays as it is. A folder that belongs to a package is taken with the package.
    """

    _count = itertools.count()

    def __init__(self, folder: Path) -> None:
        self.folder = self.root = folder
        while (self.root / "__init__.py").is_file() and "." not in self.root.name:
            self.root = self.root.parent
        self.prefix = f"_vae_target_{next(self._count)}"
        self.package = ".".join((self.prefix, *folder.relative_to(self.root).parts))
        self.builtins = {**vars(builtins), "__import__": self._import}
        package = ModuleType(self.prefix)
        package.__path__ = [str(self.root)]
        sys.modules[self.prefix] = package
        if not any(isinstance(finder, _PrivateFinder) for finder in sys.meta_path):
            sys.meta_path.insert(0, _PrivateFinder())
        _PrivateFinder.trees[self.prefix] = self
        importlib.invalidate_caches()

    def load(self, path: Path) -> ModuleType:
        """The module of a file or notebook of the folder, executed."""
        plain = re.sub(r"\W", "_", path.stem)
        stem = plain if path.suffix == ".py" and path.stem.isidentifier() else f"target_{plain}"
        name = f"{self.package}.{stem}"
        parent = importlib.import_module(self.package)
        if name in sys.modules:  # the package's __init__ imports it
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path, loader=_PrivateLoader(name, str(path)))
        assert spec is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        setattr(parent, stem, module)
        _PrivateLoader(name, str(path)).exec_module(module)
        return module

    def sources(self, *first: Path) -> list[Path]:
        """The files of the modules that were imported, `first` ahead."""
        modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == self.prefix or name in _STRAYS]
        files = {Path(file) for module in modules if (file := getattr(module, "__file__", None))}
        return [*first, *sorted(files - set(first))]

    @contextmanager
    def kept_if_imported(self) -> Iterator[None]:
        """Forget all modules of the folder if the block fails."""
        try:
            yield
        except BaseException:
            for name in [name for name in sys.modules if name.partition(".")[0] == self.prefix]:
                del sys.modules[name]
            raise

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - as __import__ has it
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        top = name.partition(".")[0]
        package = self._home(top) if level == 0 else None
        if package is None:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = builtins.__import__(f"{package}.{name}", globals, locals, fromlist or ("*",), 0)
        return module if fromlist else sys.modules[f"{package}.{top}"]

    def _home(self, top: str) -> str | None:
        """The private package that a sibling of that name belongs to, or None where there is no such sibling."""
        if top in sys.stdlib_module_names or top == "__main__":
            return None
        for folder, package in ((self.folder, self.package), (self.root, self.prefix)):
            spec = PathFinder.find_spec(top, [str(folder)])
            if spec is None:
                continue
            # A folder without __init__.py (`data/`) comes last of all, as it does for Python.
            if spec.loader is not None or (any((folder / top).glob("*.py")) and _spec(top) is None):
                return package
        return None


class _PrivateFinder:
    """Finds the modules below private packages."""

    trees: ClassVar[dict[str, _PrivateTree]] = {}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        if path is None or name.partition(".")[0] not in self.trees:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _PrivateLoader(name, spec.loader.path)
        return spec


class _PrivateLoader(SourceFileLoader):
    """Runs a file or a notebook with its tree's `__import__`, and neither reads nor writes compiled files."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader serves this one name
        """The code of a file."""
        return compile(Path(self.path).read_bytes(), self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """See importlib.abc.Loader."""
        module.__dict__["__builtins__"] = _PrivateFinder.trees[module.__name__.partition(".")[0]].builtins
        path = Path(self.path)
        is_notebook = path.suffix.lower() == ".ipynb"
        for code in [cell.code for cell in notebook_source(path)] if is_notebook else [self.get_code(module.__name__)]:
            exec(code, module.__dict__)  # noqa: S102 - to import somebody's file is to run it


_STRAYS: set[str] = set()
"""Modules that the last target imported from folders which it put on `sys.path` itself."""


@contextmanager
def _importing(shown: str, limit: float, tree: Path | None) -> Iterator[None]:
    """A context for an import: its failures are `Unbound`, and the interpreter is left as it was."""
    for name in _STRAYS:
        sys.modules.pop(name, None)
    _STRAYS.clear()
    entries, before = set(sys.path), set(sys.modules)
    with undisturbed(shown):
        try:
            with user_code(f"importing {shown}", limit=limit, tree=tree, too_long=_TOO_LONG):
                yield
        finally:
            added = [Path(entry).resolve() for entry in set(sys.path) - entries]
            for name in set(sys.modules) - before:
                file = Path(getattr(sys.modules[name], "__file__", None) or "")
                if not name.startswith("_vae_target_") and any(file.is_relative_to(place) for place in added):
                    _STRAYS.add(name)
