"""Trees of a git repository that somebody fetched and that has not all of a commit."""

import subprocess
from pathlib import Path

import pytest

from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.trees.fetched import fetched_tree
from slipway.catalog.modules import Tree
from slipway.catalog.versions import Versions, load
from slipway.errors import BundleError

SERVER = "https://git.example.org/team/page"
FILES = {"charts/page/Chart.yaml": "name: page\n", "charts/page/values.yaml": "{}\n", "tools/large": "0" * 99}


def git(repository: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    done = subprocess.run(["git", *who, "-C", str(repository), *words], check=True, capture_output=True)
    return done.stdout.decode().strip()


@pytest.fixture
def versions() -> Versions:
    return load()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    place = tmp_path / "given" / "page"
    for path, text in FILES.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_text(text)
    git(place, "init", "--quiet")
    git(place, "add", ".")
    git(place, "commit", "--quiet", "-m", "first")
    return place


def lose(repository: Path, path: str) -> None:
    name = git(repository, "rev-parse", f"HEAD:{path}")
    (repository / ".git" / "objects" / name[:2] / name[2:]).unlink()


def tree_of(repository: Path) -> Tree:
    return Tree("", SERVER, git(repository, "rev-parse", "HEAD"), "charts/page")


def test_what_no_chart_needs_may_be_away(tmp_path: Path, repository: Path, versions: Versions) -> None:
    workshop = Workshop(print, root=tmp_path / "work", trees=repository.parent)
    lose(repository, "tools/large")
    with fetched_tree(tree_of(repository), versions, workshop) as found:
        files = {str(one.relative_to(found.root)) for one in found.root.rglob("*") if one.is_file()}
    assert files == {"charts/page/Chart.yaml", "charts/page/values.yaml"}


def test_a_chart_that_is_not_whole_is_refused(tmp_path: Path, repository: Path, versions: Versions) -> None:
    workshop = Workshop(print, root=tmp_path / "work", trees=repository.parent)
    lose(repository, "charts/page/values.yaml")
    with (
        pytest.raises(BundleError, match="git"),
        fetched_tree(tree_of(repository), versions, workshop),
    ):
        pass
