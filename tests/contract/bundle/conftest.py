"""What the tests of bundles share: a registry, a cache of their own, a disk that is soon full."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from slipway.settings import cache_dir
from tests.faulty import Faulty, faulty
from tests.fileservers import FileServer, file_server
from tests.registries import Registry, running_registry
from tests.serving import serving
from tests.upstreams import Elsewhere, put_index

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


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Faulty]:
    """A registry of the Internet with one image, before which a proxy sees every request."""
    with running_registry(tmp_path / "upstream", tmp_path / "upstream-data") as registry:
        put_index(registry.client(), "v1")
        with faulty(registry) as proxy:
            yield proxy


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, type[Elsewhere]]]:
    handler = type("Handler", (Elsewhere,), {"headers_seen": []})
    with serving(handler) as url:
        yield url, handler


@pytest.fixture
def server() -> Iterator[FileServer]:
    """A server of files, as those of projects are."""
    with file_server() as running:
        yield running
