"""`slipway host` on a real node: a record, an intent and a lock as a run leaves them, files changed by hand, keys."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.lab import Lab
from slipway.secrets import SecretStore, site_id
from slipway.settings import interpreter_bin
from tests.labs import lab_fixture
from tests.sites import Site

lab = lab_fixture("host-view", "10.74.61.0/24", nodes=1)

STATE = "/var/lib/slipway"
UNFIT, CONFIGURATION = 4, 3


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[Site]:
    """node-1 as the one control plane, with settings of its own and of a group."""
    site = Site(lab, tmp_path, tmp_path)
    site.write()
    document = yaml.safe_load(site.file.read_text())
    hosts = document["spec"]["hosts"]
    hosts["groups"] = {"fast": {"labels": {"disk": "nvme"}, "runtime": {"limitNOFILE": 30000}}}
    hosts["items"][0] |= {"groups": ["fast"], "settings": {"labels": {"rack": "7"}}}
    site.file.write_text(yaml.safe_dump(document))
    yield site
    lab.ssh("node-1", ["rm", "-rf", STATE])


def slipway(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SLIPWAY_")}
    return subprocess.run(
        [interpreter_bin() / "slipway", "host", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=site.directory,
        env=own,
        stdin=subprocess.DEVNULL,
    )


def explained(site: Site, code: int = 0) -> tuple[str, dict[str, Any]]:
    """What a person and what a machine is told."""
    text, data = slipway(site, "explain", "node-1"), slipway(site, "explain", "node-1", "-o", "json")
    assert (text.returncode, data.returncode) == (code, code), text.stderr + data.stderr
    shown = text.stdout.replace(str(site.directory), "")  # a path is not broken, however long
    assert all(len(line) <= 100 for line in shown.splitlines()), text.stdout
    return text.stdout, json.loads(data.stdout)


def put(lab: Lab, name: str, value: object) -> None:
    lab.ssh(
        "node-1", ["install", "-D", "-m", "600", "/dev/stdin", f"{STATE}/{name}"], stdin=json.dumps(value)
    )


def test_a_bare_host_has_its_settings_and_nothing_done(site: Site) -> None:
    text, data = explained(site)
    assert text.startswith("node-1: 0 of 5 steps\n")
    assert "not known: no kubeconfig of it on this machine" in text
    settings = {one["path"]: (one["value"], one["layer"]) for one in data["settings"]}
    assert settings == {
        "labels.disk": ("nvme", "group fast"),
        "labels.rack": ("7", "host"),
        "runtime.cgroupDriver": ("cgroupfs", "defaults"),
        "runtime.limitNOFILE": (30000, "group fast"),
        "runtime.restrictOOMScoreAdj": (True, "defaults"),
    }
    assert data["host"]["facts"]["os_id"] == "debian"


def test_record_intent_lock_and_changed_files_are_told(site: Site, lab: Lab) -> None:
    slipway(site, "explain", "node-1")  # makes the site's key
    own = site_id(SecretStore(site.directory / "secrets"), "test")
    lab.ssh("node-1", ["install", "-D", "/dev/stdin", f"{STATE}/kept"], stdin="as recorded\n")
    digest = lab.ssh("node-1", ["sha256sum", f"{STATE}/kept"]).stdout.split()[0]
    lab.ssh("node-1", ["install", "/dev/stdin", f"{STATE}/edited"], stdin="by hand\n")
    files = {f"{STATE}/kept": digest, f"{STATE}/edited": "0" * 64, f"{STATE}/gone": "1" * 64}
    done = {
        "digest": "sha256:" + "ab" * 32,
        "version": "0.1.0",
        "time": "2026-01-01T00:00:00Z",
        "files": files,
    }
    put(lab, "record.json", {"format": 1, "site": own, "steps": {"node_prepare": done}})
    listing = "".join(f"{digest}  {path}\n" for path, digest in files.items())
    for name, text in (("files", listing), ("units", ""), ("packages", "")):
        lab.ssh("node-1", ["install", "-D", "/dev/stdin", f"{STATE}/recorded/{name}"], stdin=text)
    step = "host/node-1/container_runtime"
    intent = {
        "operation": "op-7",
        "step": step,
        "digest": "d",
        "epoch": 2,
        "holder": "ann@one:1",
        "time": "t",
    }
    put(lab, "pending.json", {"format": 1, "container_runtime": intent})
    put(lab, "lock.json", {"format": 1, "holder": "ann@one:1", "epoch": 2, "expires": 4e9})

    text, data = explained(site)
    assert text.startswith("node-1: 1 of 5 steps, 2 things differ from the record\n")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "node_prepare abababababab 0.1.0 2026-01-01T00:00:00Z 3" in lines
    assert "begun container_runtime, by ann@one:1 in operation op-7 at t" in lines
    assert "lock held by ann@one:1" in lines
    assert f"node_prepare {STATE}/edited changed" in lines
    assert f"node_prepare {STATE}/gone missing" in lines
    assert f"{STATE}/kept" not in text
    assert (data["holder"], data["foreign"], data["error"]) == ("ann@one:1", False, None)
    assert [one["step"] for one in data["host"]["intents"]] == [step]

    put(lab, "record.json", {"format": 1, "site": "0123456789abcdef", "steps": {}})
    text, data = explained(site)
    assert text.startswith("node-1: belongs to another Slipway cluster (site 0123456789abcdef)\n")
    assert data["foreign"] is True


def test_a_new_host_key_is_refused_until_the_old_one_is_forgotten(site: Site, lab: Lab) -> None:
    known = site.directory / ".slipway/test/known_hosts"
    line = lab.host_keys()[0].split()
    address = lab.nodes[0].address
    old = "AAAAC3NzaC1lZDI1NTE5AAAAIIlN3NtpBSHhNfBPfgh2M5oQgqQrUnP0rDQwZyFbbbbb"
    known.write_text(f"{address} ssh-ed25519 {old}\n10.74.61.99 {line[1]} {line[2]}\n")

    text, data = explained(site, UNFIT)
    assert text.startswith("node-1: host-key\n\n  error: its host key has changed\n")
    assert "slipway host trust node-1" in " ".join(text.split())
    assert data["error"]["exitCode"] == UNFIT
    assert data["settings"]  # what the file says is told all the same

    forgotten = slipway(site, "forget", "node-1")
    assert forgotten.returncode == 0
    assert f"host key of {address} forgotten: ssh-ed25519 SHA256:" in forgotten.stdout
    assert "only its host key is forgotten" in forgotten.stdout
    assert known.read_text().startswith("10.74.61.99 ")
    assert "no host key of node-1 is known here" in slipway(site, "forget", "node-1").stdout

    met = slipway(site, "explain", "node-1")
    assert (met.returncode, f"host key of {address} recorded" in met.stderr) == (0, True)


def test_a_host_that_nobody_named_is_a_mistake_in_the_configuration(site: Site) -> None:
    refused = slipway(site, "explain", "node-11")
    assert refused.returncode == CONFIGURATION
    assert "did you mean node-1?" in refused.stderr
