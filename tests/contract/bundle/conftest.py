"""What the tests of bundles share: a registry, a cache of their own, a disk that is soon full."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from slipway.settings import cache_dir
from tests.registries import Registry, running_registry

Disk = Callable[[Path, int], AbstractContextManager[Path]]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with running_registry(tmp_path / "registry", tmp_path / "data") as running:
        yield running


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing that was built before."""
    monkeypatch.setenv("SLIPWAY_CACHE", str(tmp_path / "cache"))
    cache_dir.cache_clear()
    yield
    cache_dir.cache_clear()


@pytest.fixture
def disk() -> Disk:
    """Makes a file system of its own, in memory, of so many bytes."""

    @contextmanager
    def make(path: Path, size: int) -> Iterator[Path]:
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", path], check=True)
        try:
            yield path
        finally:
            subprocess.run(["umount", "-l", path], check=True)

    return make
