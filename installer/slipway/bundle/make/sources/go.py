"""Programs built from Go modules.

Each source gets a small module of its own: replace directives of upstream's go.mod forbid
`go install package@version`, and the dependencies of different tools contradict each other.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from slipway.bundle.ground.disk import private_directory
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.licences import golang
from slipway.bundle.licences.expression import all_of
from slipway.bundle.licences.files import in_directory
from slipway.bundle.make.programs import output_of
from slipway.bundle.make.sources.c import compiler
from slipway.bundle.make.sources.toolchain import find_go, go_environment, machine_proxy
from slipway.bundle.sbom.parts import Component, PartKind
from slipway.catalog import pins
from slipway.catalog.shipped import digest_of_files
from slipway.catalog.versions import Versions
from slipway.model.platforms import Platform

STAGING = re.compile(r"^\s*(?:replace\s+)?(k8s\.io/[\w.-]+) => \./staging", re.MULTILINE)
#: Above the small modules that are made here.
OWN = "slipway.invalid"


class GoSource:
    """Builds with the ordinary Go client; the checksum database vouches for the modules."""

    kind = "go"

    def __init__(self, versions: Versions, workshop: Workshop, platform: Platform) -> None:
        self.go, self.go_version = find_go(versions.go, workshop)
        self.versions = versions
        self.workshop = workshop
        self.platform = platform
        self.env = go_environment(workshop.root, platform) | machine_proxy(self.go)

    def recipe(self, spec: pins.GoPin) -> object:
        """Another toolchain makes other bytes, so it belongs to the recipe; cgo and main only where they are used."""
        unused = {name for name in ("cgo", "main") if not getattr(spec, name)}
        pins = spec.model_dump(mode="json", exclude=unused)
        own = [digest_of_files([self._main(spec)])] if spec.main else []
        return [pins, self.go_version, self.env["GOFLAGS"], *own]

    def fetch(self, spec: pins.GoPin, dest: Path) -> None:
        """One `go build` per program; all but the first are quick."""
        with scratch(self.workshop, spec.name) as module:
            self._write_module(spec, module)
            if spec.main:
                shutil.copy(self._main(spec), module / "main.go")
            for name, package in spec.programs.items():
                self._build(spec, module, package, dest / name)

    def _write_module(self, spec: pins.GoPin, module: Path) -> None:
        lines = [f"module {OWN}/{spec.name}", "", "go 1.26.0", "", "require ("]
        lines += [f"\t{path} {version}" for path, version in sorted(spec.requires.items())]
        lines += [")", "", *self._replacements(spec)]
        (module / "go.mod").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _replacements(self, spec: pins.GoPin) -> Iterator[str]:
        if not spec.staging:
            return
        for path, version in spec.requires.items():
            text = Path(self.download(path, version)["GoMod"]).read_text(encoding="utf-8")
            for name in sorted(set(STAGING.findall(text))):
                yield f"replace {name} => {name} {spec.staging}"

    def _build(self, spec: pins.GoPin, module: Path, package: str, program: Path) -> None:
        target = package
        if spec.without and package in spec.requires:
            target = "."
            self._copy_main(spec, package, module)
        cgo = {"CGO_ENABLED": "1", "CC": compiler(self.platform)} if spec.cgo else {}
        output_of(build_command(self.go, spec.ldflags, program, target), cwd=module, env=self.env | cgo)

    def _copy_main(self, spec: pins.GoPin, package: str, module: Path) -> None:
        """The main package without the imports that cannot be built."""
        upstream = Path(self.download(package, spec.requires[package])["Dir"])
        text = (upstream / "main.go").read_text(encoding="utf-8")
        for name in spec.without:
            text = re.sub(rf'^.*"{re.escape(name)}"\n', "", text, flags=re.MULTILINE)
        (module / "main.go").write_text(text, encoding="utf-8")

    def _main(self, spec: pins.GoPin) -> Path:
        return self.versions.file(spec.name, spec.main)

    def licences(self, spec: pins.GoPin, place: Path) -> dict[str, str]:
        """Of each program: those of all modules that are linked into it, and of Go's own library."""
        return licences_of(self.parts(spec, place))

    def parts(self, spec: pins.GoPin, place: Path) -> dict[str, list[Component]]:
        """Of each program: all modules that are linked into it, and Go's own library."""
        return self.linked(spec.programs, place)

    def linked(self, programs: Iterable[str], place: Path) -> dict[str, list[Component]]:
        """The same of programs that lie at a place."""
        named = {name: output_of([self.go, "version", "-m", str(place / name)]) for name in programs}
        modules = {name: golang.linked_modules(text, OWN) for name, text in named.items()}
        known = {module: in_directory(self.directory(*module)) for module in set().union(*modules.values())}
        return {
            name: [
                Component(
                    PartKind.GO,
                    golang.STANDARD,
                    golang.toolchain_version(named[name]),
                    licence=golang.LIBRARY,
                ),
                *(Component(PartKind.GO, *module, licence=known[module]) for module in sorted(found)),
            ]
            for name, found in modules.items()
        }

    def directory(self, module: str, version: str) -> Path:
        """A module's files, downloaded again where they are gone."""
        place = golang.module_place(Path(self.env["GOMODCACHE"]), module, version)
        return place if place.is_dir() else Path(self.download(module, version)["Dir"])

    def download(self, module: str, version: str) -> dict[str, str]:
        """What `go mod download -json` says of a module: Dir, GoMod, Sum."""
        argv = [self.go, "mod", "download", "-json", f"{module}@{version}"]
        with tempfile.TemporaryDirectory() as work:
            answer: dict[str, str] = json.loads(output_of(argv, cwd=Path(work), env=self.env))
        return answer


@contextmanager
def scratch(workshop: Workshop, name: str) -> Iterator[Path]:
    """A directory in which something is built; gone afterwards."""
    above = private_directory(workshop.root / "go") / "work"
    above.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=above) as work:
        yield Path(work)


def build_command(go: str, ldflags: str, program: Path, package: str) -> list[str]:
    """What makes a program of a main package, without its tables of symbols."""
    flags = f"-s -w {' '.join(ldflags.split())}".strip()
    return [go, "build", "-ldflags", flags, "-o", str(program), package]


def licences_of(parts: Mapping[str, Iterable[Component]]) -> dict[str, str]:
    """Of each program, by what is linked into it."""
    return {name: all_of(part.licence for part in found) for name, found in parts.items()}
