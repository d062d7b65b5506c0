"""Who says that nothing was changed has changed nothing: the flow knows, and takes back what it did before."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.cli.init import minimal_document
from slipway.errors import PreflightError, SlipwayError, StepError, before_changes
from slipway.settings import data_dir
from tests.unit.planning import model

SLIPWAY = Path(sys.executable).with_name("slipway")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A site whose registry does not answer: every command that plans is refused."""
    text = minimal_document("site", model.KUBERNETES, "root", ["10.0.0.1"], 1)
    registry = "  registry: {mode: external, endpoint: 'https://registry.invalid'}\n"
    place = tmp_path / "cluster.yaml"
    place.write_text(text.replace("  modules:\n", f"{registry}  modules:\n"))
    for key in ("push", "pull"):
        secret = tmp_path / "secrets" / "slipway-registry" / key
        secret.parent.mkdir(parents=True, exist_ok=True)
        secret.write_text("user:word\n")
        secret.chmod(0o600)
    return place


def slipway(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([SLIPWAY, *arguments], capture_output=True, text=True, check=False, cwd=file.parent)


def test_a_module_that_could_not_be_enabled_is_not_enabled_in_the_file_either(file: Path) -> None:
    before = file.read_text()
    done = slipway(file, "module", "enable", "welcome")
    assert done.returncode != 0
    assert "does not answer; nothing was changed" in done.stderr
    assert file.read_text() == before
    told = json.loads(slipway(file, "module", "disable", "flannel", "-o", "json").stdout)
    assert told["untouched"] is True
    assert file.read_text() == before


def test_what_was_done_before_is_taken_back_whatever_ends_the_flow() -> None:
    taken_back: list[str] = []
    for error in (PreflightError("unfit"), KeyboardInterrupt(), ValueError("a bug")):
        with pytest.raises(type(error)), before_changes(lambda: taken_back.append("edit")):
            raise error
    assert taken_back == ["edit"] * 3


def test_an_error_says_it_only_where_it_arose_before_the_first_change() -> None:
    early, late = PreflightError("unfit", where="host/a"), StepError("broken")
    with pytest.raises(SlipwayError), before_changes():
        raise early
    assert str(early) == "host/a: unfit; nothing was changed"
    assert (early.as_dict()["what"], early.as_dict()["untouched"]) == ("unfit", True)
    assert (str(late), late.as_dict()["untouched"]) == ("broken", False)


def test_no_message_says_it_of_its_own() -> None:
    """Whoever raises an error does not know what was done before."""
    folders = (data_dir() / folder for folder in ("installer/slipway", "plugins"))
    sources = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    assert len(sources) > 300
    claim = re.compile(r"nothing (was|is|has been) changed", re.IGNORECASE)
    found = {path.name for path in sources if any(map(claim.search, texts(path)))}
    assert found == {"errors.py"}


def texts(path: Path) -> Iterator[str]:
    """What a program says: its text constants, without docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    remarks = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in remarks:
            yield node.value
