"""Import the modules of a folder under private names, and restore the interpreter's state after the import."""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import itertools
import re
import sys
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, ClassVar

from vae_conformance.guard.time_limit import undisturbed, user_code
from vae_conformance.target.definitions import definitions_of
from vae_conformance.target.notebook import notebook_source
from vae_conformance.target.partial_module import run_definitions
from vae_conformance.target.source_code import PRIVATE
from vae_conformance.target.spec import top_level_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from vae_conformance.target.definitions import Definitions
    from vae_conformance.target.partial_module import Account

TOO_LONG = 'Put the training under `if __name__ == "__main__":`, so that importing only defines the model.'

_MARKER = re.compile(r"\.git|pyproject\.toml|setup\.(py|cfg)|requirements?\.txt|environment\.ya?ml|readme(\.\w+)?", re.IGNORECASE)
"""What the folder of a project has, in which its scripts are run."""
_LEVELS = 2
"""How far above a file that folder is looked for."""


def _is_project(folder: Path) -> bool:
    try:
        return any(_MARKER.fullmatch(one.name) for one in folder.iterdir())
    except OSError:
        return False


class PrivateTree:
    """A folder whose modules are imported under private names of one target.

    The modules are in `sys.modules` under a private package, and their `__import__` searches their siblings first. So siblings of two
    targets never collide, an import inside a function finds the same module as one at the top, and `sys.path` stays unchanged. For a
    folder that belongs to a package, the root is the folder of the outermost package; below the folder of a project, it is this folder.
    """

    _count = itertools.count()

    def __init__(self, folder: Path) -> None:
        outermost = folder
        while (outermost / "__init__.py").is_file() and "." not in outermost.name:
            outermost = outermost.parent
        self.root = next(filter(_is_project, outermost.parents[:_LEVELS]), outermost)
        if any("." in part for part in folder.relative_to(self.root).parts):
            self.root = outermost
        self.prefix = f"{PRIVATE}{next(self._count)}"
        self.homes = {
            place: ".".join((self.prefix, *place.relative_to(self.root).parts)) for place in dict.fromkeys((folder, outermost, self.root))
        }
        self.package = self.homes[folder]
        self.own = {folder, outermost}
        self.builtins = {**vars(builtins), "__import__": self._import}
        self.accounts: dict[str, Account] = {}
        self.in_parts = False
        package = ModuleType(self.prefix)
        package.__path__ = [str(self.root)]
        sys.modules[self.prefix] = package
        if not any(isinstance(finder, PrivateFinder) for finder in sys.meta_path):
            sys.meta_path.insert(0, PrivateFinder())
        PrivateFinder.trees[self.prefix] = self
        importlib.invalidate_caches()

    def load(self, path: Path, kept: Definitions | None = None) -> ModuleType:
        """Import a file of the folder; execute only the definitions of a notebook, or `kept` if given.

        With `kept`, the definitions of its siblings are enough too, if one of them cannot be imported as a whole.
        """
        self.in_parts = kept is not None
        plain = re.sub(r"\W", "_", path.stem)
        stem = plain if path.suffix == ".py" and path.stem.isidentifier() else f"target_{plain}"
        name = f"{self.package}.{stem}"
        parent = importlib.import_module(self.package)
        if name in sys.modules:  # imported by the package's __init__
            return sys.modules[name]
        loader = PrivateLoader(name, str(path), kept)
        spec = importlib.util.spec_from_file_location(name, path, loader=loader)
        assert spec is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        setattr(parent, stem, module)
        loader.exec_module(module)
        return module

    def sources(self, *first: Path) -> list[Path]:
        """Return the files of the imported modules, starting with `first`."""
        modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == self.prefix or name in _STRAYS]
        files = {Path(file) for module in modules if (file := getattr(module, "__file__", None))}
        return [*first, *sorted(files - set(first))]

    @contextmanager
    def kept_if_imported(self) -> Iterator[None]:
        """Unload all modules of the folder if the block fails."""
        try:
            yield
        except BaseException:
            self.forget()
            raise

    def forget(self) -> None:
        """Unload all modules of the folder."""
        for name in [name for name in sys.modules if name.partition(".")[0] == self.prefix]:
            del sys.modules[name]

    def _import(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002 - the signature of __import__
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
        """Return the private package that a sibling of that name belongs to, or None if there is no such sibling."""
        if top in sys.stdlib_module_names or top == "__main__":
            return None
        for folder, package in self.homes.items():
            spec = PathFinder.find_spec(top, [str(folder)])
            if spec is None:
                continue
            # A folder without __init__.py (`data/`) has the lowest priority, as in Python, and so has what only the project has.
            there = spec.loader is not None or any((folder / top).glob("*.py"))
            if (folder in self.own and spec.loader is not None) or (there and top_level_spec(top) is None):
                return package
        return None


class PrivateFinder:
    """Finds the modules of private packages."""

    trees: ClassVar[dict[str, PrivateTree]] = {}

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """See importlib.abc.MetaPathFinder."""
        if path is None or name.partition(".")[0] not in self.trees:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = PrivateLoader(name, spec.loader.path)
        return spec


class PrivateLoader(SourceFileLoader):
    """Executes a file, or the definitions of a file or notebook, with its tree's `__import__`; it does not use bytecode files."""

    def __init__(self, fullname: str, path: str, kept: Definitions | None = None) -> None:
        super().__init__(fullname, path)
        self.kept = kept

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 - the loader serves this one name
        """Return the compiled code of the file."""
        return compile(Path(self.path).read_bytes(), self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        """See importlib.abc.Loader."""
        path = Path(self.path)
        kept = notebook_source(path) if self.kept is None and path.suffix.lower() == ".ipynb" else self.kept
        tree = PrivateFinder.trees[module.__name__.partition(".")[0]]
        module.__dict__["__builtins__"] = tree.builtins
        if kept is None:
            blank = dict(module.__dict__)
            try:
                exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - importing a file executes it
            except ImportError:
                kept = definitions_of(path) if tree.in_parts else None
                if kept is None:
                    raise
                module.__dict__.clear()
                module.__dict__.update(blank)
        if kept is not None:
            tree.accounts[module.__name__] = run_definitions(kept, module, tree.builtins, tree.root)


_STRAYS: set[str] = set()
"""Modules that the last target imported from folders which it added to `sys.path` itself."""


@contextmanager
def importing(shown: str, limit: float, tree: Path | None) -> Iterator[None]:
    """Convert failures of the import in the block to `Unbound`, and restore the interpreter's state on exit.

    Code that reads the command line finds one without arguments.
    """
    for name in _STRAYS:
        sys.modules.pop(name, None)
    _STRAYS.clear()
    entries, before = set(sys.path), set(sys.modules)
    with undisturbed(shown):
        sys.argv = [shown]
        try:
            with user_code(f"importing {shown}", limit=limit, tree=tree, too_long=TOO_LONG):
                yield
        finally:
            added = [Path(entry).resolve() for entry in set(sys.path) - entries]
            for name in set(sys.modules) - before:
                file = Path(getattr(sys.modules[name], "__file__", None) or "")
                if not name.startswith(PRIVATE) and any(file.is_relative_to(place) for place in added):
                    _STRAYS.add(name)
