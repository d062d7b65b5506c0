"""Programs of the tests' own: one file of Go, built among the modules of a source as all others are."""

import shutil
from pathlib import Path

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.sources.go import GoSource
from slipway.catalog import pins, versions
from slipway.model.platforms import AMD64


class _OwnMain(GoSource):
    def __init__(self, pins: versions.Versions, workshop: Workshop, main: Path) -> None:
        super().__init__(pins, workshop, AMD64)
        self.main = main

    def recipe(self, spec: pins.GoPin) -> object:
        return [super().recipe(spec), self.main.read_text(encoding="utf-8")]

    def _build(self, spec: pins.GoPin, module: Path, package: str, program: Path) -> None:
        shutil.copy(self.main, module / "main.go")
        super()._build(spec, module, package, program)


def built(main: Path, source: pins.GoPin, *, name: str) -> Path:
    """The program, from the cache where it is there; `name` is its place in it."""
    spec = source.model_copy(update={"programs": {main.stem: "."}})
    workshop = Workshop(print)
    own = _OwnMain(versions.load(), workshop, main)
    made = workshop.make(own.kind, name, spec.version, own.recipe(spec), lambda dest: own.fetch(spec, dest))
    return made / main.stem
