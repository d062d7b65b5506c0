"""The cache of everything built or fetched: one directory per recipe, complete or not there, and nobody else's.

Sources and image parts are made through `Workshop.make`; two processes that want the same thing build it once.
"""

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from slipway.bundle.ground.disk import private_directory
from slipway.digests import json_digest
from slipway.model.platforms import AMD64, Platform
from slipway.settings import cache_dir


def recipe_for(platform: Platform, recipe: object) -> object:
    """A recipe of what differs by platform; AMD64 is not named in it, as long as there was no other."""
    return recipe if platform == AMD64 else [platform.name, recipe]


def short_digest(recipe: object) -> str:
    """Twelve hex digits that name a recipe: JSON-shaped data."""
    return json_digest(recipe, escaped=True).removeprefix("sha256:")[:12]


@dataclass(frozen=True, slots=True)
class Workshop:
    """Where things are made. `progress` gets one line per thing that is really made, and one when it is done."""

    progress: Callable[[str], None]
    root: Path = field(default_factory=cache_dir)
    trees: Path | None = None
    """Git repositories that somebody fetched; commits are looked for in them before their servers are asked."""

    def make(self, kind: str, name: str, version: str, recipe: object, build: Callable[[Path], None]) -> Path:
        """The directory of a recipe's results; `build` fills an empty one if there is none yet."""
        private_directory(self.root / "artifacts")
        place = self.place(kind, name, version, recipe)
        if place.is_dir():
            return place
        place.parent.mkdir(parents=True, exist_ok=True)
        with locked(place.with_name(f"{place.name}.lock")):
            if not place.is_dir():
                self._build(f"{kind} {name} {version}", place, build)
        return place

    def place(self, kind: str, name: str, version: str, recipe: object) -> Path:
        """Where a recipe's results are, once they are made."""
        return self.root / "artifacts" / kind / name / f"{version}-{short_digest(recipe)}"

    def _build(self, label: str, place: Path, build: Callable[[Path], None]) -> None:
        draft = place.with_name(f"{place.name}.part")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        started = time.monotonic()
        self.progress(f"{label}: building")
        build(draft)
        draft.rename(place)
        self.progress(f"{label}: built in {time.monotonic() - started:.1f} s")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; the kernel frees it when the process ends, however it ends."""
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
