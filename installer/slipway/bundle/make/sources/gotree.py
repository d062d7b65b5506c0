"""Go programs out of a repository's tree: those that no proxy has, as where each program is a module of its own."""

from pathlib import Path
from typing import Final

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences.files import in_directory
from slipway.bundle.make.commits import Commit, committed
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.go import GoSource, licences_of
from slipway.bundle.sbom.parts import Component, PartKind
from slipway.catalog import pins
from slipway.catalog.versions import Versions
from slipway.errors import BundleError
from slipway.model.platforms import Platform

#: The go.mod and go.sum of the tree decide, and nothing is added to them.
_AS_LOCKED: Final = "-mod=readonly -trimpath -buildvcs=false"


class GoTreeSource:
    """Builds with the ordinary Go client; the commit names the programs, the go.sum in it what they depend on."""

    kind = "go"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.go = GoSource(versions, workshop, platform)
        self.workshop = workshop

    def recipe(self, spec: pins.GoTreePin) -> object:
        """Another toolchain makes other bytes, so it belongs to the recipe."""
        return [spec.model_dump(mode="json"), self.go.go_version, _AS_LOCKED]

    def fetch(self, spec: pins.GoTreePin, dest: Path) -> None:
        """One `go build` per program, in its directory."""
        flags = f"-s -w {' '.join(spec.ldflags.split())}".strip()
        env = self.go.env | {"GOFLAGS": _AS_LOCKED}
        with committed(Commit(spec.git, spec.commit), self.workshop) as root:
            for name, directory in spec.programs.items():
                place = (root / directory).resolve()
                if not (place.is_dir() and place.is_relative_to(root.resolve())):
                    raise BundleError(
                        f"the tree has no directory {directory}", where=f"{spec.git}@{spec.commit}"
                    )
                argv = [self.go.go, "build", "-ldflags", flags, "-o", str(dest / name), "."]
                output_of(argv, cwd=place, env=env)

    def licences(self, spec: pins.GoTreePin, place: Path) -> dict[str, str]:
        """Of each program: the tree's own, those of all modules that are linked into it, and of Go's own library."""
        return licences_of(self.parts(spec, place))

    def parts(self, spec: pins.GoTreePin, place: Path) -> dict[str, list[Component]]:
        """Of each program: the tree, all modules that are linked into it, and Go's own library."""
        with committed(Commit(spec.git, spec.commit), self.workshop) as root:
            licence = in_directory(root)
        path = spec.git.removeprefix("https://").removesuffix(".git")
        own = Component(PartKind.GO, path, spec.version, licence=licence)
        return {name: [*found, own] for name, found in self.go.linked(spec.programs, place).items()}
