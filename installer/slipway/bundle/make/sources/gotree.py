"""Go programs built in their own tree, where building them as a dependency of ours would not do.

Some programs are modules of their own, which no proxy has; others replace what they depend on, by forks or by
directories, which Go heeds in their own tree alone; and some lack what upstream's release makes, as web pages.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.files import in_directory
from slipway.bundle.make.commits import Commit, committed
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.go import GoSource, build_command, licences_of, scratch
from slipway.bundle.sbom.parts import Component, PartKind
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.platforms import Platform

#: The go.mod and go.sum of the tree decide, and nothing is added to them.
_AS_LOCKED: Final = "-mod=readonly -trimpath -buildvcs=false"


class GoTreeSource:
    """Builds with the ordinary Go client; the origin names the programs, the go.sum in it what they depend on."""

    kind = "go"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.go = GoSource(versions, workshop, platform)
        self.workshop = workshop

    def recipe(self, spec: pins.GoTreePin) -> object:
        """Another toolchain makes other bytes, so it belongs to the recipe."""
        return [spec.model_dump(mode="json"), self.go.go_version, _AS_LOCKED]

    def fetch(self, spec: pins.GoTreePin, dest: Path) -> None:
        """One `go build` per program, in its directory."""
        env = self.go.env | {"GOFLAGS": _AS_LOCKED}
        with self._tree(spec) as root:
            for path, text in spec.adds.items():
                place = _inside(root, path, spec)
                if place.exists():
                    raise BundleError(f"the tree has {path} already", where=spec.origin)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(text, encoding="utf-8")
            for name, directory in spec.programs.items():
                place = _inside(root, directory, spec)
                if not place.is_dir():
                    raise BundleError(f"the tree has no directory {directory}", where=spec.origin)
                output_of(build_command(self.go.go, spec.ldflags, dest / name, "."), cwd=place, env=env)

    def licences(self, spec: pins.GoTreePin, place: Path) -> dict[str, str]:
        """Of each program: the tree's own, those of all modules that are linked into it, and of Go's own library."""
        return licences_of(self.parts(spec, place))

    def parts(self, spec: pins.GoTreePin, place: Path) -> dict[str, list[Component]]:
        """Of each program: the tree, all modules that are linked into it, and Go's own library."""
        with self._origin(spec) as files:
            licence = in_directory(files)
        own = Component(PartKind.GO, spec.origin.partition("@")[0], spec.version, licence=licence)
        return {name: [*found, own] for name, found in self.go.linked(spec.programs, place).items()}

    @contextmanager
    def _tree(self, spec: pins.GoTreePin) -> Iterator[Path]:
        """A copy of our own, for as long as it is needed."""
        with self._origin(spec) as files:
            if spec.git:
                yield files
                return
            with scratch(self.workshop, spec.name) as work:
                root = work / "tree"
                # Go's own cache is read-only, and so would be its copy.
                shutil.copytree(files, root, copy_function=shutil.copyfile)
                for place in (root, *(one for one in root.rglob("*") if one.is_dir())):
                    place.chmod(0o755)
                yield root

    @contextmanager
    def _origin(self, spec: pins.GoTreePin) -> Iterator[Path]:
        """The files as they are: of a commit a copy, of a module what Go keeps for everybody."""
        if spec.git:
            with committed(Commit(spec.git, spec.commit), self.workshop) as root:
                yield root
        else:
            yield self.go.directory(*spec.go_module.split("@"))


def _inside(root: Path, path: str, spec: pins.GoTreePin) -> Path:
    """The path in the tree.

    Raises:
        BundleError: it leads out of it.
    """
    place = (root / path).resolve()
    if not place.is_relative_to(root.resolve()):
        raise BundleError(f"the tree has no directory {path}", where=spec.origin)
    return place
