"""Disks that fill up at any write, are read-only, or are pulled out: said, and nothing half done taken for whole."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from slipway.bundle.carry.exporting import export
from slipway.bundle.carry.importing import import_files
from slipway.bundle.form import manifest as manifests
from slipway.bundle.site.push import push
from slipway.bundle.verify.checks import damaged_files
from slipway.bundle.verify.info import carried_bytes
from slipway.errors import BundleError
from tests.bundles import small_bundle
from tests.contract.bundle.conftest import Disk
from tests.registries import running_registry
from tests.tiny import tiny_build

KIB = 1 << 10


def resize(path: Path, size: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", path], check=True)


def refused(work: Callable[[], object]) -> BundleError | None:
    """What it was refused with."""
    try:
        work()
    except BundleError as error:
        return error
    return None


@pytest.mark.usefixtures("cache")
def test_a_build_goes_on_after_every_write_for_which_there_was_no_room(tmp_path: Path, disk: Disk) -> None:
    whole = tiny_build(tmp_path, "whole")
    size = carried_bytes(tmp_path / "whole", whole)
    with disk(tmp_path / "disk", 16 * KIB) as small:
        failures = 0
        for step in range(1, 100):
            resize(small, step * size // 12)
            failure = refused(lambda: tiny_build(tmp_path, "disk/bundle"))
            if failure is None:
                break
            failures += 1
            assert failure.what == "the disk is full"
            assert str(small) in failure.where
            assert not (small / "bundle" / manifests.FILE).exists()
        assert failures > 5
        assert manifests.read(small / "bundle") == whole
        assert damaged_files(small / "bundle") == []


def test_an_export_and_an_import_say_beforehand_what_they_need(tmp_path: Path, disk: Disk) -> None:
    small_bundle(tmp_path / "bundle")
    volumes = export(tmp_path / "bundle", tmp_path / "usb", None, lambda _text: None)
    with disk(tmp_path / "disk", 256 * KIB) as small:
        with pytest.raises(BundleError, match="bytes are needed"):
            export(tmp_path / "bundle", small / "usb", None, lambda _text: None)
        with pytest.raises(BundleError, match="bytes are needed"):
            import_files(volumes, small / "bundle")
        resize(small, 4 << 20)
        assert import_files(volumes, small / "bundle") == manifests.read(tmp_path / "bundle")


def test_an_import_whose_disk_is_filled_by_others_goes_on(tmp_path: Path, disk: Disk) -> None:
    """Room there was at first; then somebody else took it."""
    small_bundle(tmp_path / "bundle", files=8)
    volumes = export(tmp_path / "bundle", tmp_path / "usb", 256 * KIB, lambda _text: None)
    assert len(volumes) > 3
    with disk(tmp_path / "disk", 16 << 20) as small:
        import_files_until(volumes, small, 2)
        (small / "other").write_bytes(bytes((16 << 20) - 700 * KIB))
        assert refused(lambda: import_files(volumes, small / "bundle"))
        assert not (small / "bundle" / manifests.FILE).exists()
        (small / "other").unlink()
        assert import_files(volumes, small / "bundle") == manifests.read(tmp_path / "bundle")
        assert damaged_files(small / "bundle") == []


def import_files_until(volumes: list[Path], small: Path, count: int) -> None:
    """The first volumes alone; the import then says which are missing."""
    with pytest.raises(BundleError, match="is not here yet"):
        import_files(volumes[:count], small / "bundle")


@contextmanager
def read_only(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", path], check=True)
        yield
    finally:
        subprocess.run(["umount", path], check=True)


@pytest.mark.parametrize("command", ["export", "import", "sign", "build"])
def test_a_read_only_directory_is_said(tmp_path: Path, command: str) -> None:
    bundle, out = tmp_path / "bundle", tmp_path / "out"
    small_bundle(bundle)
    slipway("keygen", tmp_path / "key")
    [volume] = export(bundle, tmp_path / "usb", None, lambda _text: None)
    out.mkdir()
    slipway("../init", "--hosts", "10.0.0.11", cwd=tmp_path) if command == "build" else None
    arguments: dict[str, list[str | Path]] = {
        "export": ["export", bundle, "-o", out],
        "import": ["import", volume, "-o", out],
        "sign": ["sign", bundle, "--key", tmp_path / "key"],
        "build": ["build", "-o", out / "bundle", "--modules", "welcome"],
    }
    with read_only(bundle if command == "sign" else out):
        refused = slipway(*arguments[command], cwd=tmp_path)
    assert refused.returncode == 7, refused.stderr
    assert "the disk is read-only" in refused.stderr
    assert "next: mount it for writing" in refused.stderr
    assert "Traceback" not in refused.stderr


def slipway(*arguments: str | Path, cwd: Path = Path("/")) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("slipway")
    words = [str(argument) for argument in arguments]
    command = [words[0][3:], *words[1:]] if words[0].startswith("../") else ["bundle", *words]
    return subprocess.run([program, *command], capture_output=True, text=True, check=False, cwd=cwd)


@pytest.mark.parametrize("what", ["push", "export", "verify"])
def test_a_medium_that_is_pulled_out(tmp_path: Path, what: str) -> None:
    """In the middle of it the bundle's directory is not there any more."""
    small_bundle(tmp_path / "bundle", files=30, size=2 << 20)
    medium = tmp_path / "medium"
    medium.mkdir()
    subprocess.run(["mount", "--bind", tmp_path / "bundle", medium], check=True)
    out = threading.Event()

    def pull_out(*_: object) -> None:
        if not out.is_set():
            out.set()
            subprocess.run(["umount", "-l", medium], check=True)

    with running_registry(tmp_path / "registry", tmp_path / "data") as registry:
        works: dict[str, Callable[[], object]] = {
            "push": lambda: push(medium, registry.client(), parallel=2, progress=pull_out),
            "export": lambda: export(medium, tmp_path / "usb", 8 << 20, pull_out),
            "verify": lambda: (pull_out(), damaged_files(medium)),
        }
        if what == "push":
            client = registry.client()
            real = client.put_blob
            client.put_blob = lambda *args: (real(*args), pull_out())[0]  # type: ignore[method-assign]
            works["push"] = lambda: push(medium, client, parallel=2)
        with pytest.raises(BundleError) as caught:
            works[what]()
        assert caught.value.exit_code == 7
        assert str(medium) in caught.value.where
        assert caught.value.hint
        push(tmp_path / "bundle", registry.client())
    assert damaged_files(tmp_path / "bundle") == []
