"""A bundle out as volumes and in again, as a user does it: killed, damaged, mixed, cut off, by a stream."""

import json
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest

from slipway.bundle.carry.exporting import export
from slipway.bundle.carry.volumes import SMALLEST
from slipway.bundle.verify.checks import damaged_files
from tests.bundles import small_bundle

Completed = subprocess.CompletedProcess[str]
PROGRAM = Path(sys.executable).with_name("slipway")


def slipway(*arguments: str | Path, check: bool = True) -> Completed:
    done = subprocess.run([PROGRAM, "bundle", *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    small_bundle(tmp_path / "bundle", files=4, size=SMALLEST * 3)
    return tmp_path / "bundle"


@pytest.fixture
def volumes(bundle: Path, tmp_path: Path) -> list[Path]:
    return export(bundle, tmp_path / "usb", SMALLEST, lambda _text: None)


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(p.relative_to(directory)): (p.stat().st_mode & 0o777, p.read_bytes()) for p in files}


def test_what_comes_out_is_what_went_in(bundle: Path, tmp_path: Path) -> None:
    program = next((bundle / "binary").iterdir())
    program.chmod(0o755)
    said = slipway("export", bundle, "-o", tmp_path / "usb", "--volume-size", "64Ki").stdout
    found = sorted((tmp_path / "usb").glob("*.tar"))
    assert len(found) > 10
    assert f"{len(found)} volumes" in said
    assert all(path.stat().st_size <= SMALLEST for path in found)
    subprocess.run(
        ["sh", "-c", "sha256sum -c *.sha256"], cwd=tmp_path / "usb", check=True, capture_output=True
    )
    done = slipway("import", tmp_path / "usb", "-o", tmp_path / "in", "--output", "json")
    assert json.loads(done.stdout)["artifacts"] == 7
    assert tree(tmp_path / "in") == tree(bundle)
    assert slipway("verify", tmp_path / "in").returncode == 0


def test_volumes_are_the_same_each_time_and_not_made_twice(bundle: Path, tmp_path: Path) -> None:
    first = export(bundle, tmp_path / "a", SMALLEST, lambda _text: None)
    made: list[str] = []
    assert export(bundle, tmp_path / "a", SMALLEST, made.append) == first
    assert made == []
    second = export(bundle, tmp_path / "b", SMALLEST, made.append)
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_volumes_of_another_build_are_made_again(volumes: list[Path], bundle: Path, tmp_path: Path) -> None:
    small_bundle(bundle, files=4, size=SMALLEST * 3, seed=2)
    assert export(bundle, tmp_path / "usb", SMALLEST, lambda _text: None) == volumes
    slipway("import", tmp_path / "usb", "-o", tmp_path / "in")
    assert (tmp_path / "in" / "bundle.yaml").read_bytes() == (bundle / "bundle.yaml").read_bytes()
    assert damaged_files(tmp_path / "in") == []


def test_a_stream_needs_no_disk_between(bundle: Path, tmp_path: Path) -> None:
    pipe = f"{PROGRAM} bundle export {bundle} -o - | {PROGRAM} bundle import - -o {tmp_path}/in"
    subprocess.run(["bash", "-o", "pipefail", "-c", pipe], check=True, capture_output=True)
    assert tree(tmp_path / "in") == tree(bundle)


def test_media_come_one_after_the_other_in_any_order(
    volumes: list[Path], bundle: Path, tmp_path: Path
) -> None:
    shuffled = list(volumes)
    random.Random(1).shuffle(shuffled)  # noqa: S311 - an order
    for volume in shuffled[:-1]:
        done = slipway("import", volume, "-o", tmp_path / "in", check=False)
        assert done.returncode == 7
    assert f"{int(shuffled[-1].name.split('.')[-2].partition('-')[0])} is not here yet" in done.stderr
    assert not (tmp_path / "in" / "bundle.yaml").exists()
    slipway("import", shuffled[-1], "-o", tmp_path / "in")
    assert tree(tmp_path / "in") == tree(bundle)


@pytest.mark.parametrize("damage", ["flip", "cut", "lost"])
def test_a_bad_volume_is_named_and_mended_by_itself(
    volumes: list[Path], bundle: Path, tmp_path: Path, damage: str
) -> None:
    bad = volumes[len(volumes) // 2]
    good = bad.read_bytes()
    if damage == "flip":
        middle = len(good) // 2
        bad.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
    elif damage == "cut":
        bad.write_bytes(good[: len(good) // 2])
    else:
        bad.unlink()
    done = slipway("import", tmp_path / "usb", "-o", tmp_path / "in", check=False)
    assert done.returncode == 7
    assert bad.name in done.stderr or f"{len(volumes) // 2 + 1} is not here yet" in done.stderr
    assert not (tmp_path / "in" / "bundle.yaml").exists()
    bad.write_bytes(good)
    slipway("import", tmp_path / "usb", "-o", tmp_path / "in")
    assert tree(tmp_path / "in") == tree(bundle)
    assert damaged_files(tmp_path / "in") == []


def test_a_killed_import_goes_on(volumes: list[Path], bundle: Path, tmp_path: Path) -> None:
    """Killed again and again, later and later, until it gets through."""
    command = [PROGRAM, "bundle", "import", tmp_path / "usb", "-o", tmp_path / "in"]
    kills = 0
    for delay in range(60):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.15 + delay * 0.01)
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
        if (tmp_path / "in" / "bundle.yaml").exists():
            break
    assert kills > 0
    if not (tmp_path / "in" / "bundle.yaml").exists():
        slipway("import", tmp_path / "usb", "-o", tmp_path / "in")
    assert tree(tmp_path / "in") == tree(bundle)
    assert volumes


def test_two_bundles_are_not_mixed(volumes: list[Path], tmp_path: Path) -> None:
    small_bundle(tmp_path / "other", size=SMALLEST, seed=2)
    (other,) = export(tmp_path / "other", tmp_path / "usb2", None, lambda _text: None)
    slipway("import", volumes[0], "-o", tmp_path / "in", check=False)
    done = slipway("import", other, "-o", tmp_path / "in", check=False)
    assert done.returncode == 7
    assert "a volume of another bundle" in done.stderr
    slipway("import", other, "-o", tmp_path / "in2")
    done = slipway("import", volumes[0], "-o", tmp_path / "in2", check=False)
    assert done.returncode == 7
    assert "there is another bundle already" in done.stderr


def test_the_same_import_again_is_done_at_once(volumes: list[Path], bundle: Path, tmp_path: Path) -> None:
    slipway("import", tmp_path / "usb", "-o", tmp_path / "in")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "in").rglob("*")}
    slipway("import", tmp_path / "usb", "-o", tmp_path / "in")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "in").rglob("*")} == before
    assert tree(tmp_path / "in") == tree(bundle)
    assert volumes


def test_a_damaged_bundle_is_not_exported(bundle: Path, tmp_path: Path) -> None:
    blob = max((bundle / "images" / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    blob.write_bytes(b"\0" + blob.read_bytes()[1:])
    done = slipway("export", bundle, "-o", tmp_path / "usb", check=False)
    assert done.returncode == 7
    assert blob.name in done.stderr
    assert not list((tmp_path / "usb").glob("*.tar"))


def test_no_link_leads_out(volumes: list[Path], tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "in" / "binary").symlink_to(tmp_path / "outside")
    done = slipway("import", tmp_path / "usb", "-o", tmp_path / "in", check=False)
    assert "a link leads out of the directory" in done.stderr
    assert list((tmp_path / "outside").iterdir()) == []
    assert volumes


def test_a_tar_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x-of-1.tar", "w") as tar:
        tar.add(__file__, "../../evil")
    done = slipway("import", tmp_path / "x-of-1.tar", "-o", tmp_path / "in", check=False)
    assert done.returncode == 7
    assert "this is no volume of a bundle" in done.stderr
    assert not list(tmp_path.glob("in/*"))
