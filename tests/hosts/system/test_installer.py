"""Slipway installed out of a bundle on servers that have Python and nothing else: no pip, no index, no way out."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway import __version__
from slipway import catalog as catalogs
from slipway.bundle.carry.exporting import export
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.make.wheel import own_wheel
from slipway.bundle.verify import signing
from slipway.bundle.verify.checks import damaged_files
from slipway.lab import Lab
from tests.bundles import installer_bundle, outline
from tests.labs import lab_nodes

NODES = {"node-1": "debian-12", "node-2": "debian-13"}
PLACE, MEDIA = "/srv/installer", "/srv/media"
INSTALL = f"bash {PLACE}/install.sh --key /srv/site.pub"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the installer alone, signed; keys beside it."""
    directory = tmp_path_factory.mktemp("installer")
    out = directory / "bundle"
    installer_bundle(out)
    signing.keygen(directory / "site", "site")
    signing.keygen(directory / "stranger", "stranger")
    signing.sign(out, directory / "site", 1)
    assert damaged_files(out) == []
    export(out, directory / "media", 8 << 20, lambda _text: None)
    outline(directory / "outline", catalogs.load(), NODES.values())
    return out


@pytest.fixture(scope="module")
def lab(bundle: Path) -> Iterator[Lab]:
    with lab_nodes("inst", "10.171.0.0/24", len(NODES), tuple(NODES.values())) as found:
        found.egress_control()
        for node in NODES:
            copy(found, node, bundle)
        yield found


def copy(lab: Lab, node: str, bundle: Path) -> None:
    """A medium with volumes and keys, and the manifest of a whole bundle; of the medium the installer is unpacked."""
    files = ["media", "outline", "site.pub", "stranger.pub"]
    packed = subprocess.run(
        ["tar", "-C", bundle.parent, "-c", *files], capture_output=True, check=True
    ).stdout
    command = lab.ssh_command(
        node, ["sh", "-c", f"rm -rf {PLACE} {MEDIA}; tar -C /srv -x; tar -C /srv -xf {MEDIA}/*.installer.tar"]
    )
    subprocess.run(command, input=packed, check=True)


def sh(lab: Lab, node: str, script: str, *, code: int = 0) -> str:
    done = lab.ssh(node, ["sh", "-c", script], check=False, timeout=900)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("node", NODES)
def test_a_bare_server_gets_slipway(lab: Lab, node: str) -> None:
    assert "No module named pip" in sh(lab, node, "python3 -m pip --version", code=1)
    said = sh(lab, node, INSTALL)
    assert "signed by SHA256:" in said
    assert "slipway bundle verify" in said
    assert sh(lab, node, "slipway version").startswith(f"slipway {__version__} ")
    sh(lab, node, f"cd {MEDIA} && sha256sum -c *.sha256")
    sh(lab, node, f"slipway bundle import {MEDIA} -o /srv/bundle")
    assert "all as sha256:" in sh(lab, node, "slipway bundle verify /srv/bundle --key /srv/site.pub")


@pytest.mark.parametrize("node", NODES)
def test_again_changes_nothing(lab: Lab, node: str) -> None:
    state = "find /opt/slipway /usr/local/bin/slipway -newer /srv/mark | grep -v __pycache__ | head -3"
    sh(lab, node, "touch /srv/mark; sleep 0.1")
    assert "installing" not in sh(lab, node, INSTALL)
    assert sh(lab, node, f"{state}; true") == ""


def test_the_first_host_looks_at_hosts_and_runs_ansible(lab: Lab) -> None:
    """It is a host itself: what a reset takes away there is the bundle's Python, and not Slipway beside it."""
    hosts = ",".join(node.address for node in lab.nodes)
    make_key = "install -D -m 600 /dev/stdin secrets/ssh/id_ed25519 && chmod 700 secrets secrets/ssh"
    lab.ssh("node-1", ["sh", "-c", f"cd /srv && {make_key}"], stdin=lab.private_key.read_text())
    sh(lab, "node-1", f"cd /srv && slipway init --hosts {hosts}")
    # A lab on a machine with cgroup v1 is not fit; everything is read and planned all the same.
    checked = sh(lab, "node-1", "cd /srv && slipway preflight --bundle outline || [ $? = 4 ]")
    assert "debian 12 x86_64" in checked
    assert "debian 13 x86_64" in checked
    planned = sh(lab, "node-1", "cd /srv && slipway plan --bundle outline || [ $? = 4 ]")
    assert "kubernetes_control_plane" in planned
    assert "+ flannel" in planned
    left = "mkdir -p /opt/slipway/python/usr /opt/slipway/.python.killed"
    reset = sh(lab, "node-1", f"{left}; cd /srv && slipway reset --all --yes")
    assert "worker-01: Take the node down" in reset
    for node in NODES:
        assert sh(lab, node, "ls -A /opt/slipway").split() == ["releases"]
        sh(lab, node, "slipway version")


def test_a_signature_once_asked_for_is_asked_for_again(lab: Lab, bundle: Path) -> None:
    node, plain = "node-1", f"cd {PLACE} && bash install.sh"
    assert sh(lab, node, "cat /opt/slipway/releases/trusted.pub") == sh(lab, node, "cat /srv/site.pub")
    assert "signed by" in sh(lab, node, plain)
    sh(lab, node, f"rm {PLACE}/bundle.yaml.sig")
    assert "the bundle is not signed" in sh(lab, node, plain, code=7)
    copy(lab, node, bundle)
    more = f"{plain} --bin ../programs --key /srv/stranger.pub --key ../site.pub"
    assert "installing" not in sh(lab, node, more)
    assert sh(lab, node, "cd / && /srv/programs/slipway version").startswith("slipway ")
    both = sh(lab, node, "cat /srv/stranger.pub /srv/site.pub")
    assert sh(lab, node, "cat /opt/slipway/releases/trusted.pub") == both


def test_killed_in_the_middle_it_goes_on_with_what_the_manifest_lists(lab: Lab, bundle: Path) -> None:
    """What a killed run left at work is waited for. Newer wheels that nobody signed are not there for pip."""
    sh(lab, "node-1", "rm -rf /opt/slipway/releases /usr/local/bin/slipway")
    for stray in ("rich-15.9.0", f"slipway_installer-{__version__}-1", "pip-0.1", "aaa-1.0"):
        sh(lab, "node-1", f"echo stray >{PLACE}/wheel/{stray}-py3-none-any.whl")
    begun = "until ls /opt/slipway/releases/*/lib/*/site-packages/* >/dev/null 2>&1; do sleep 0.05; done"
    sh(lab, "node-1", f"{INSTALL} >/dev/null 2>&1 & {begun}; kill -9 $!; ! wait $!")
    sh(lab, "node-1", "ls /opt/slipway/releases/*/.complete", code=2)
    assert "slipway" not in sh(lab, "node-1", "ls /usr/local/bin")
    said = sh(lab, "node-1", INSTALL)
    assert "waiting for another install.sh" in said
    assert "installing" in said
    sh(lab, "node-1", "slipway version; /opt/slipway/releases/*/bin/python -c 'import kubernetes'")
    copy(lab, "node-1", bundle)


def test_what_was_not_signed_or_was_changed_is_not_run(lab: Lab, bundle: Path) -> None:
    node = "node-2"
    sh(lab, node, "rm -rf /opt/slipway/releases /usr/local/bin/slipway")
    stranger = sh(lab, node, f"bash {PLACE}/install.sh --key /srv/stranger.pub", code=7)
    assert "not signed by a trusted key" in stranger
    both = f"{INSTALL} --key /srv/stranger.pub"
    sh(lab, node, f"printf 'x' >>{PLACE}/bundle.yaml")
    assert "changed after it was signed" in sh(lab, node, both, code=7)
    copy(lab, node, bundle)
    sh(lab, node, f"rm {PLACE}/bundle.yaml.sig")
    assert "the bundle is not signed" in sh(lab, node, both, code=7)
    copy(lab, node, bundle)
    sh(lab, node, f"echo '{{' >{PLACE}/bundle.yaml.sig")
    assert "this is no signature" in sh(lab, node, both, code=7)
    copy(lab, node, bundle)
    sh(
        lab,
        node,
        f"f=$(ls {PLACE}/wheel/rich-*); printf 'X' | dd of=$f bs=1 seek=1000 conv=notrunc status=none",
    )
    damaged = sh(lab, node, both, code=7)
    assert "the bundle is damaged" in damaged
    assert "wheel/rich-" in damaged
    sh(lab, node, f"rm {PLACE}/wheel/rich-*")
    assert "wheel/rich-" in sh(lab, node, both, code=7)
    assert "there is no complete bundle" in sh(lab, node, f"rm {PLACE}/bundle.yaml; {INSTALL}", code=7)
    sh(lab, node, "ls /opt/slipway/releases /usr/local/bin/slipway", code=2)


def test_a_server_without_a_python_that_fits_is_told_which_do(lab: Lab) -> None:
    tools = "bash cp dirname mktemp rm uname"
    only = f"mkdir -p /srv/bin; for t in {tools}; do ln -sf $(command -v $t) /srv/bin; done; PATH=/srv/bin"
    said = sh(lab, "node-1", f"{only} bash {PLACE}/install.sh", code=7)
    assert "no Python that this bundle supports" in said
    assert "3.11 3.13; here there is none" in said


def test_a_machine_of_a_kind_that_the_bundle_is_not_for_is_told(lab: Lab) -> None:
    odd = "mkdir -p /srv/odd; printf '#!/bin/sh\necho riscv64\n' >/srv/odd/uname; chmod +x /srv/odd/uname"
    said = sh(lab, "node-1", f"{odd}; PATH=/srv/odd:$PATH bash {PLACE}/install.sh", code=7)
    assert "does not carry Slipway for riscv64" in said


def test_help_and_mistakes(lab: Lab) -> None:
    assert "--key" in sh(lab, "node-1", f"bash {PLACE}/install.sh --help")
    assert "unknown option" in sh(lab, "node-1", f"bash {PLACE}/install.sh --force", code=2)


def test_nobody_outside_was_asked(lab: Lab) -> None:
    egress = lab.egress()
    assert (egress.packets, egress.names) == (0, {})


def test_two_builds_make_the_same_wheel(tmp_path: Path, bundle: Path) -> None:
    first = next((bundle / "wheel").glob("slipway_installer-*"))
    second = own_wheel(Workshop(lambda _text: None, tmp_path))
    assert second.read_bytes() == first.read_bytes()
