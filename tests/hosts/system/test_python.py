"""A host without Python, and one whose Python is too old, take the bundle's own and are prepared with it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from slipway.bundle.form import manifest as manifests
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.archive import file_digest
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.binaries import binary_archive
from slipway.bundle.site.source import DirectorySource
from slipway.catalog import load
from slipway.engine.context import Context
from slipway.engine.interpreter import ensure_python, python_for_reset
from slipway.model.bundle import Artifact, ArtifactKind
from slipway.model.host.ssh import SSH
from slipway.model.platforms import AMD64
from slipway.planning.interpreter import interpreter_findings
from slipway.planning.roles import role_variables
from slipway.probe.access import HostError
from slipway.probe.fleet import Fleet
from slipway.probe.hosts import read_hosts
from slipway.probe.python import install_python
from slipway.runner import connection_variables, interpreter
from slipway.settings import HOST_PYTHON
from tests.bare import Site, bare_site

#: What an old system says; Ansible's modules would not even compile in it.
OLD = "#!/bin/sh\necho Python 3.6.8\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    systems = ("debian-12", "debian-12", "debian-13")
    with bare_site(tmp_path_factory.mktemp("python"), "netpython", "10.185.2.0/24", systems) as found:
        site = replace(found, manifest=_with_python(found))
        # apt calls apt-listchanges, which is a Python program: a host without Python does not have that either.
        gone = "rm -f /usr/bin/python3* /usr/bin/py3* /etc/apt/apt.conf.d/20listchanges; ! command -v python3"
        site.lab.ssh("node-2", ["sh", "-c", gone])
        site.lab.ssh("node-3", ["sh", "-c", "rm /usr/bin/python3*"])
        site.lab.ssh("node-3", ["install", "-m", "755", "/dev/stdin", "/usr/bin/python3"], stdin=OLD)
        site.play("registry")
        site.push()
        yield site


def _with_python(site: Site) -> Any:
    """The bundle with the Python that every real one carries."""
    release = load()
    archive = binary_archive(release.versions, release.versions.binary("python", "3.11"), Workshop(print))
    path, found = "binary/python-3.11.tar.gz", file_digest(archive)
    Writer(site.directory / "bundle").copy(archive, path, found)
    kind = ArtifactKind.BINARY
    more = Artifact(kind, "python", "3.11", found, archive.stat().st_size, path=path)
    old = site.manifest
    artifacts = [*old.artifacts, more]
    manifest = manifests.manifest_of(
        name=old.name, catalog=old.catalog, slipway=old.slipway, artifacts=artifacts
    )
    manifests.write(manifest, site.directory / "bundle")
    return manifest


@pytest.fixture
def context(site: Site) -> Context:
    state = site.directory
    return Context(
        configuration=site.configuration({}),
        catalog=load(),
        source=DirectorySource(site.directory / "bundle"),
        secrets=site.store,
        state=state,
        kubeconfig=None,
        document={},
    )


def look(context: Context) -> dict[str, Any]:
    with Fleet(context.configuration.hosts, context.access()) as fleet:
        return read_hosts(context.configuration, fleet)


def test_it_is_put_where_it_is_needed_and_the_host_is_prepared_with_it(site: Site, context: Context) -> None:
    hosts, seen = context.configuration.hosts, look(context)
    assert [seen[h.name].facts.python for h in hosts][1:] == ["", "3.6.8"]
    assert [bool(interpreter_findings("h", seen[h.name], site.manifest, AMD64)) for h in hosts] == [False] * 3
    without = replace(
        site.manifest, artifacts=tuple(a for a in site.manifest.artifacts if a.name != "python")
    )
    assert [len(interpreter_findings("h", seen[h.name], without, AMD64)) for h in hosts] == [0, 1, 1]

    placed: set[str] = set()
    bundled, errors = ensure_python(context, hosts, seen, placed)
    assert (bundled, errors) == ({"node-1": False, "node-2": True, "node-3": True}, {})
    assert placed == {"node-2", "node-3"}
    artifact = site.manifest.find(ArtifactKind.BINARY, "python")
    assert artifact
    seen = look(context)
    found = {name: host.facts.interpreter for name, host in seen.items()}
    assert found == {"node-1": "", "node-2": artifact.digest, "node-3": artifact.digest}
    before = site.sh("node-2", f"stat -c %i {HOST_PYTHON}")
    assert ensure_python(context, hosts, seen, set()) == (bundled, {})
    assert site.sh("node-2", f"stat -c %i {HOST_PYTHON}") == before

    result = site.run("install.yml", prepared(site, context, bundled))
    assert result.stats["node-2"]["changed"] > 0
    assert site.run("install.yml", prepared(site, context, bundled)).changed == 0
    assert site.run("install.yml", prepared(site, context, dict.fromkeys(bundled))).changed == 0


def prepared(site: Site, context: Context, bundled: dict[str, bool | None]) -> dict[str, Any]:
    """Variables of node_prepare, as the engine gives them."""
    hosts = {}
    for host in context.configuration.hosts:
        variables = role_variables(context.configuration, site.manifest, host, "node_prepare")
        steps = {"node_prepare": {"step": f"host/{host.name}/node_prepare", "digest": "sha256:1"}}
        connection = connection_variables(SSH(), host.address) | interpreter(bundled=bundled[host.name])
        hosts[host.name] = {**connection, **variables, "slipway_steps": steps}
    return hosts


def test_a_damaged_archive_and_a_killed_attempt_leave_what_was_there(site: Site, context: Context) -> None:
    artifact = site.manifest.find(ArtifactKind.BINARY, "python")
    assert artifact
    archive = context.source.path(artifact).read_bytes()
    site.sh("node-2", "mkdir -p /opt/slipway/.python.killed/tree")
    before = site.sh("node-2", f"stat -c %i {HOST_PYTHON}")
    with Fleet(context.configuration.hosts, context.access()) as fleet:
        session = fleet.sessions["node-2"]
        with pytest.raises(HostError, match="damaged on its way"):
            install_python(session, archive[:-1] + b"x", artifact.digest)
        assert site.sh("node-2", f"stat -c %i {HOST_PYTHON}") == before
        assert site.sh("node-2", "ls -A /opt/slipway").split() == ["python"]
        install_python(session, archive, artifact.digest)
    assert site.sh("node-2", f"stat -c %i {HOST_PYTHON}") != before
    assert site.sh("node-2", "ls -A /opt/slipway").split() == ["python"]


def test_a_reset_runs_with_it_and_takes_it_away(site: Site, context: Context) -> None:
    bundled = python_for_reset(context, context.configuration.hosts)
    assert bundled == {"node-1": False, "node-2": True, "node-3": True}
    hosts = {
        host.name: connection_variables(SSH(), host.address) | interpreter(bundled=bundled[host.name])
        for host in context.configuration.hosts
    }
    site.sh("node-1", "mkdir -p /opt/slipway/releases")  # Slipway itself, as install.sh puts it there
    site.run("reset.yml", hosts)
    assert site.sh("node-1", "ls -A /opt/slipway").split() == ["releases"]
    assert site.sh("node-2", "ls -d /opt/slipway 2>/dev/null") == ""
    # Again: what it needs is put there, and taken away.
    assert python_for_reset(context, context.configuration.hosts) == bundled
    assert site.sh("node-3", f"test -x {HOST_PYTHON} && echo there").strip() == "there"
    site.run("reset.yml", hosts)
    assert site.sh("node-3", "ls -d /opt/slipway 2>/dev/null") == ""
