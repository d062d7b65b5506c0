"""docs/how-to/write-a-module.md, followed word for word: from nothing to a module that is Healthy, changed, gone."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from slipway import catalog
from slipway.cluster.own import records
from slipway.cluster.rest.client import Client, connect
from slipway.settings import data_dir
from tests.api.operator.recording import Running
from tests.api.working import site_of
from tests.apiserver import ApiServer, until

PAGE = (data_dir() / "docs" / "how-to" / "write-a-module.md").read_text()
NAME = "guestbook"
#: The last thing that a paragraph says before a block: the file that it is, or more of it.
FILES = re.compile(
    r"(?P<more>[Mm]ore in )?`(?P<file>[^`\n]+)`:\n\n```\w*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMANDS = re.compile(r"^\.venv/bin/slipway (?P<words>catalog (?:new|lint|verify) [^#\n]*)", re.MULTILINE)
SOON = 240


def slipway(words: str, directory: Path) -> str:
    """A command of the page, beside the directory of modules that the page is in."""
    more = [] if " new " in words else ["--modules-dir", "modules"]
    command = [Path(sys.executable).with_name("slipway"), *shlex.split(words), *more]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory in which somebody did what the page says, from its beginning to its end."""
    directory = tmp_path_factory.mktemp("written")
    folder = directory / "modules" / NAME
    folder.parent.mkdir()
    steps = sorted([*FILES.finditer(PAGE), *COMMANDS.finditer(PAGE)], key=lambda step: step.start())
    assert "new" in steps[0][0]
    for step in steps:
        if step.re is COMMANDS:
            slipway(step["words"], directory)
        elif step["more"]:
            with (folder / step["file"]).open("a") as file:
                file.write(step["text"])
        else:
            assert (folder / step["file"]).is_file()
            (folder / step["file"]).write_text(step["text"])
    return directory


def test_the_page_shows_all_that_its_module_is_made_of(written: Path) -> None:
    found = {step["file"] for step in FILES.finditer(PAGE)}
    assert found >= {"module.yaml", "schema.yaml", "values.yaml.j2", "tests/settings.yaml"}
    assert "Guests say who they are" in (written / "modules" / NAME / "README.md").read_text()


def test_it_becomes_healthy_changes_and_goes(written: Path, cluster_api: ApiServer) -> None:
    release = catalog.load([written / "modules"])
    with (
        site_of(written, cluster_api, release) as site,
        connect(cluster_api.kubeconfig) as client,
        Running(site.runtime()),
    ):
        site.make({NAME: {"enabled": True}}, seconds=SOON)
        assert pods(client) == [1]
        site.make({NAME: {"enabled": True, "settings": {"replicas": 3, "login": True}}}, seconds=SOON)
        assert pods(client) == [3]
        assert client.get("v1", "Secret", "guestbook-admin", NAME)
        site.make({NAME: {"enabled": False}}, seconds=SOON)
        assert records.read_module(client, NAME) is None
        until(lambda: client.get("v1", "Namespace", NAME) is None, seconds=SOON, what="its namespace is gone")


def pods(client: Client) -> list[int]:
    """Of its Deployments, those that are ready."""
    return [one["status"].get("readyReplicas", 0) for one in client.list("apps/v1", "Deployment", NAME)]
