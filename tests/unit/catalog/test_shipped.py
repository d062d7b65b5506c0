"""What is shipped, what is counted, and that these are the same."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make import code, wheel
from slipway.bundle.make.sources.chart import pack_own_chart
from slipway.catalog import loader, shipped
from slipway.settings import data_dir

STRAYS = (
    *(".x.yml.swp", ".DS_Store", "x~", "#x#", "x.orig", "x.bak"),
    *("__pycache__/x.cpython-311.pyc", ".idea/x", "README.md", "tests/x"),
)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All that a wheel carries beside the package."""
    root = tmp_path_factory.mktemp("data")
    for name in code.DATA:
        source = data_dir() / name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, root / name)  # type: ignore[operator]
    return root


@pytest.fixture
def littered(clean: Path, tmp_path: Path) -> Path:
    """The same after a day's work."""
    root = tmp_path / "data"
    shutil.copytree(clean, root)
    folders = [path for path in root.rglob("*") if path.is_dir()]
    for folder in folders:
        for stray in STRAYS:
            (folder / stray).parent.mkdir(exist_ok=True)
            (folder / stray).write_text("x")
    for file in (path for path in root.rglob("*.yml") if path.is_file()):
        file.chmod(0o700)
    (root / "roles" / "a-former-one" / "tasks" / "__pycache__").mkdir(parents=True)
    shutil.copytree(root / "modules" / "welcome", root / "modules" / ".welcome-before")
    return root


def names(root: Path) -> list[str]:
    return [file.relative_to(root).as_posix() for part in code.DATA for file in shipped.files(root / part)]


def digest_of(root: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(loader, "data_dir", lambda: root)
    return loader.digest()


def test_what_tools_leave_behind_is_no_other_release(
    clean: Path, littered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names(littered) == names(clean)
    assert digest_of(littered, monkeypatch) == digest_of(clean, monkeypatch)
    found = loader.load()
    monkeypatch.setattr(loader, "data_dir", lambda: clean)
    expected = loader.load()
    assert found.roles == expected.roles
    assert {name: module.digest for name, module in found.modules.items()} == {
        name: module.digest for name, module in expected.modules.items()
    }


def test_what_is_changed_added_or_renamed_is_another_release(
    clean: Path, littered: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest_of(clean, monkeypatch)
    tasks = littered / "roles" / "node_prepare" / "tasks" / "main.yml"
    text = tasks.read_bytes()
    seen = {before}
    tasks.write_bytes(text + b"\n")
    seen.add(digest_of(littered, monkeypatch))
    tasks.rename(tasks.with_name("other.yml"))
    seen.add(digest_of(littered, monkeypatch))
    tasks.write_bytes(text)
    seen.add(digest_of(littered, monkeypatch))
    assert len(seen) == 4


def test_wheel_and_image_carry_what_is_counted_and_nothing_else(
    clean: Path, littered: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for root in (clean, littered):
        monkeypatch.setattr(wheel, "data_dir", lambda root=root: root)
        monkeypatch.setattr(code, "data_dir", lambda root=root: root)
        made.append(wheel.own_wheel(Workshop(lambda _text: None, tmp_path / root.parent.name)))
    with zipfile.ZipFile(made[1]) as archive:
        inside = [name for name in archive.namelist() if name.startswith("slipway/_data/")]
    assert sorted(inside) == sorted(f"slipway/_data/{name}" for name in names(clean))
    assert made[0].read_bytes() == made[1].read_bytes()


@pytest.mark.parametrize("module", ["operator", "welcome", "nvidia-runtime-class"])
def test_a_modules_own_chart_has_what_is_counted_and_nothing_else(
    clean: Path, littered: Path, tmp_path: Path, module: str
) -> None:
    made = []
    for root in (clean, littered):
        chart = root / "modules" / module / "chart"
        made.append(tmp_path / f"{len(made)}.tgz")
        pack_own_chart(chart, made[-1])
    with tarfile.open(made[1]) as archive:
        inside = [member.name.partition("/")[2] for member in archive if member.isfile()]
    assert sorted(inside) == [file.relative_to(chart).as_posix() for file in shipped.files(chart)]
    assert made[0].read_bytes() == made[1].read_bytes()
    assert shipped.digest_of_files([chart]) == shipped.digest_of_files([clean / "modules" / module / "chart"])
