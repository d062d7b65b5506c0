"""Go programs that are built in the tree of a commit: where each is a module of its own, and no proxy has it."""

import subprocess
from pathlib import Path

import pytest

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.sources import gotree
from slipway.catalog import pins, versions
from slipway.errors import BundleError
from slipway.model.platforms import AMD64, ARM64

SHARED = "example.org/shop"
FILES = {
    "LICENSE": (Path(__file__).parents[3] / "LICENSE").read_text(encoding="utf-8"),
    "go.mod": f"module {SHARED}\n\ngo 1.26.0\n",
    "internal/said/said.go": 'package said\n\nvar Version = "none"\n',
    "cmd/door/go.mod": f"module {SHARED}/door\n\ngo 1.26.0\n\nreplace {SHARED} => ../../\n\nrequire {SHARED} v0.0.0\n",
    "cmd/door/main.go": (
        f'package main\n\nimport "{SHARED}/internal/said"\n\nfunc main() {{ println("door", said.Version) }}\n'
    ),
}


@pytest.fixture
def door(tmp_path: Path) -> tuple[pins.GoTreePin, Workshop]:
    """A program in a repository that somebody has fetched."""
    root = tmp_path / "trees" / "shop"
    for path, text in FILES.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    git = ["git", "-C", str(root), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "-m", "first"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run(
        [*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    spec = pins.GoTreePin(
        type="go-tree",
        name="shop",
        version="v1.0.0",
        git="https://git.example.org/shop.git",
        commit=commit,
        programs={"door": "cmd/door"},
        ldflags=f"-X {SHARED}/internal/said.Version=v1.0.0",
    )
    return spec, Workshop(lambda _text: None, trees=tmp_path / "trees")


def test_a_program_is_built_where_it_is_a_module_of_its_own(
    door: tuple[pins.GoTreePin, Workshop], tmp_path: Path
) -> None:
    spec, workshop = door
    source = gotree.GoTreeSource(versions.load(), workshop, AMD64)
    source.fetch(spec, tmp_path)
    assert (
        subprocess.run([tmp_path / "door"], check=True, capture_output=True, text=True).stderr
        == "door v1.0.0\n"
    )
    parts = source.parts(spec, tmp_path)["door"]
    assert {part.name: part.version for part in parts if part.name != "stdlib"} == {
        "git.example.org/shop": "v1.0.0"
    }
    assert len(parts) == 2
    assert all(part.licence for part in parts)


def test_a_directory_outside_of_the_tree_is_refused(
    door: tuple[pins.GoTreePin, Workshop], tmp_path: Path
) -> None:
    spec, workshop = door
    source = gotree.GoTreeSource(versions.load(), workshop, AMD64)
    for place in ("cmd/window", "../.."):
        with pytest.raises(BundleError, match="the tree has no directory"):
            source.fetch(spec.model_copy(update={"programs": {"door": place}}), tmp_path)


def test_what_a_tree_lacks_is_added_and_nothing_in_it_replaced(
    door: tuple[pins.GoTreePin, Workshop], tmp_path: Path
) -> None:
    spec, workshop = door
    source = gotree.GoTreeSource(versions.load(), workshop, AMD64)
    said = 'package main\n\nfunc init() { println("hello") }\n'
    source.fetch(spec.model_copy(update={"adds": {"cmd/door/said/../hello.go": said}}), tmp_path)
    ended = subprocess.run([tmp_path / "door"], check=True, capture_output=True, text=True)
    assert ended.stderr == "hello\ndoor v1.0.0\n"
    with pytest.raises(BundleError, match=r"the tree has cmd/door/main.go already"):
        source.fetch(spec.model_copy(update={"adds": {"cmd/door/main.go": said}}), tmp_path)


def test_a_tree_has_one_origin(door: tuple[pins.GoTreePin, Workshop]) -> None:
    known = door[0].model_dump(by_alias=True)
    for changes in ({"goModule": "example.org/shop@v1.0.0"}, {"git": ""}, {"git": "", "commit": ""}):
        with pytest.raises(ValueError, match="a tree is of"):
            pins.GoTreePin.model_validate(known | changes)


def test_every_platform_has_it_as_it_is_written() -> None:
    tree = {"type": "go-tree", "name": "x", "version": "v1", "goModule": "example.org/x@v1", "programs": {}}
    known = versions.load()
    for platform in (AMD64, ARM64):
        found = known.model_copy(update={"sources": (pins.GoTreePin.model_validate(tree),)}).source(
            "x", platform
        )
        assert isinstance(found, pins.GoTreePin)
        assert found.origin == "example.org/x@v1"
