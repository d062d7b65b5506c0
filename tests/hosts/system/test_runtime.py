"""containerd as hosts are told to run it: registries, mirrors, proxy, another data root, a removal, a reset.

The tests of this file build on each other, in the order written. The site registry stands for a private registry too:
it has an authority of its own and wants an account.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from slipway.model.host.ssh import SSH
from slipway.runner import connection_variables
from tests.bare import Site, bare_site
from tests.hosts.images import BUSYBOX, containerd_and_images

NODE = "node-1"
ROOT, NEXT = "/var/lib/containerd", "/data/containerd"
SITE = "registry.slipway.internal:5000"
TRUST = {
    "caRef": {"name": "harbor", "key": "ca.crt"},
    "credentialsRef": {"name": "harbor", "key": "pull"},
}
PRIVATE = {"name": SITE, **TRUST}
MIRRORED = {
    "name": "mirrored.test",
    "mirrors": ["https://absent.slipway.internal:5000/docker.io", f"https://{SITE}/docker.io"],
    **TRUST,
}
LAB = {"cgroupDriver": "cgroupfs", "restrictOOMScoreAdj": True, "limitNOFILE": 20000}
PROXY = {"https": "http://10.183.1.250:3128", "noProxy": [".site.internal"]}
CTR = "ctr --namespace k8s.io"
PULL = f"{CTR} images pull --hosts-dir /etc/containerd/certs.d"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("runtime")
    with bare_site(
        directory, "rtctd", "10.183.1.0/24", ("debian-12",), further=containerd_and_images
    ) as found:
        found.lab.egress_control()
        found.play("registry")
        for key in ("ca.crt", "pull"):  # as a site has those of a registry that is not Slipway's
            found.store.write(f"harbor/{key}", found.store.read(f"slipway-registry/{key}"))
        found.push()
        found.play("node_prepare")
        yield found


def settings(**more: Any) -> dict[str, Any]:
    """Settings of the runtime; without more those of a lab node."""
    return {"runtime": {**LAB, **more}}


def play(site: Site, *, check: bool = False, **more: Any) -> int:
    """The role; how many of its tasks changed something."""
    return site.changed(site.play("container_runtime", check=check, **settings(**more)))[NODE]


def refused(site: Site, **more: Any) -> str:
    """The role; what it fails with."""
    failures = site.tried("container_runtime", **settings(**more)).failures
    return " ".join(f"{failure.message} {failure.why}" for failure in failures)


def pid(site: Site) -> str:
    return site.sh(NODE, "systemctl show containerd.service --property MainPID --value")


def dump(site: Site) -> str:
    return site.sh(NODE, "containerd config dump 2>/dev/null")


def test_a_bare_host_runs_containerd(site: Site) -> None:
    predicted = play(site, check=True)
    assert site.sh(NODE, "ls /etc/containerd 2>/dev/null") == ""
    assert play(site) == predicted
    assert site.sh(NODE, "systemctl is-active containerd.service") == "active\n"
    assert "/etc/containerd/conf.d/*.toml" in dump(site)


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_second_run_changes_nothing(site: Site, check: bool) -> None:
    assert play(site, check=check) == 0


def test_the_site_registry_answers_for_others(site: Site) -> None:
    site.sh(NODE, f"{PULL} {BUSYBOX}")
    assert BUSYBOX in site.sh(NODE, f"{CTR} images list --quiet")


def test_a_private_registry_needs_its_authority_and_its_account(site: Site) -> None:
    image = f"{SITE}/{BUSYBOX}"
    shown = site.lab.ssh(NODE, ["sh", "-c", f"{PULL} {image}"], check=False)
    assert shown.returncode
    assert "x509" in shown.stderr
    before = pid(site)
    assert play(site, check=True, registries=[PRIVATE]) == 1
    assert play(site, registries=[PRIVATE]) == 1
    assert pid(site) == before
    site.lab.ssh(NODE, ["sh", "-c", f"{PULL} {image}"])
    listed = site.sh(NODE, "stat -c %a /etc/containerd/certs.d/registry.slipway.internal_5000_/hosts.toml")
    assert listed == "600\n"


def test_a_mirror_that_does_not_answer_is_followed_by_the_next(site: Site) -> None:
    play(site, registries=[PRIVATE, MIRRORED])
    site.lab.ssh(NODE, ["sh", "-c", f"{PULL} mirrored.test/library/busybox:1"])
    assert "mirrored.test/library/busybox:1" in site.sh(NODE, f"{CTR} images list --quiet")


def test_an_insecure_registry_is_taken_without_its_authority(site: Site) -> None:
    loose = {"name": "loose.test", "endpoint": f"https://{SITE}/docker.io", "insecure": True}
    loose["credentialsRef"] = TRUST["credentialsRef"]
    play(site, registries=[PRIVATE, MIRRORED, loose])
    site.lab.ssh(NODE, ["sh", "-c", f"{PULL} loose.test/library/busybox:1"])


def test_a_registry_that_is_named_no_more_goes_and_others_files_stay(site: Site) -> None:
    site.sh(
        NODE, "mkdir -p /etc/containerd/certs.d/by.hand; touch /etc/containerd/certs.d/by.hand/hosts.toml"
    )
    assert play(site, check=True) == 1
    assert play(site) == 1
    listed = site.sh(NODE, "ls /etc/containerd/certs.d").split()
    assert listed == ["by.hand", "docker.io", "registry.k8s.io", "slipway-ca.crt"]
    assert play(site) == 0


def test_settings_reach_containerd_and_restart_nothing_but_it(site: Site) -> None:
    site.lab.ssh(NODE, ["sh", "-c", f"{CTR} run --detach {BUSYBOX} pod"])
    before, task = pid(site), site.sh(NODE, f"{CTR} tasks list")
    more = {"maxConcurrentDownloads": 7, "proxy": PROXY}
    assert play(site, check=True, **more) == 2
    assert play(site, **more) == 2
    assert pid(site) != before
    assert site.sh(NODE, f"{CTR} tasks list") == task
    assert "max_concurrent_downloads = 7" in dump(site)
    shown = site.sh(NODE, f"tr '\\0' '\\n' < /proc/{pid(site).strip()}/environ").splitlines()
    assert "HTTPS_PROXY=http://10.183.1.250:3128" in shown
    (without,) = (line for line in shown if line.startswith("NO_PROXY="))
    names = {"localhost", ".svc", ".cluster.local", "10.96.0.0/16", "10.244.0.0/16", ".site.internal"}
    assert names | {"registry.slipway.internal"} <= set(without.removeprefix("NO_PROXY=").split(","))
    assert play(site, **more) == 0
    assert play(site) == 2
    assert "PROXY" not in site.sh(NODE, f"tr '\\0' '\\n' < /proc/{pid(site).strip()}/environ")


def test_a_drop_in_of_another_role_is_read(site: Site) -> None:
    drop_in = "/etc/containerd/conf.d/nvidia.toml"
    text = (
        'version = 3\n[plugins."io.containerd.cri.v1.runtime".containerd]\n  default_runtime_name = "other"\n'
    )
    site.lab.ssh(NODE, ["tee", drop_in], stdin=text)
    assert "default_runtime_name = 'other'" in dump(site)
    assert play(site) == 0
    site.sh(NODE, f"rm {drop_in}")


def test_a_container_that_no_kubelet_manages_stops_a_move_before_anything_stops(site: Site) -> None:
    site.lab.ssh(NODE, ["sh", "-c", f"ctr images pull --hosts-dir /etc/containerd/certs.d {BUSYBOX}"])
    site.lab.ssh(NODE, ["sh", "-c", f"ctr run --detach {BUSYBOX} mine"])
    before = pid(site)
    words = refused(site, dataRoot=NEXT)
    assert "no kubelet manages" in words
    assert "default/mine" in words
    assert pid(site) == before
    site.sh(
        NODE,
        "ctr tasks kill --signal SIGKILL mine; sleep 1; ctr tasks delete mine; ctr containers delete mine",
    )


def test_a_place_that_holds_something_else_or_is_too_small_is_refused(site: Site) -> None:
    before = pid(site)
    site.sh(NODE, f"mkdir -p {NEXT}; echo precious > {NEXT}/file")
    assert "is not empty" in refused(site, dataRoot=NEXT)
    site.sh(NODE, f"rm {NEXT}/file; mkdir -p /small; mount -t tmpfs -o size=1m tmpfs /small")
    assert "1 MiB free" in refused(site, dataRoot="/small/containerd").replace("has 0 MiB", "has 1 MiB")
    assert "lie in each other" in refused(site, dataRoot=f"{ROOT}/inner")
    site.sh(NODE, "umount /small; rmdir /small")
    assert pid(site) == before


def test_a_killed_move_leaves_the_old_data_root_in_force(site: Site) -> None:
    """As a kill in the middle of the copy leaves it: the journal, half of the copy, the runtime stopped."""
    journal = json.loads(site.sh(NODE, "cat /var/lib/slipway/runtime.json"))
    journal["copies"] = {NEXT: ROOT}
    site.lab.ssh(NODE, ["tee", "/var/lib/slipway/runtime.json"], stdin=json.dumps(journal))
    half = f"mkdir -p {NEXT}/io.containerd.content.v1.content {NEXT}/surplus; echo x > {NEXT}/surplus/file"
    site.sh(NODE, f"systemctl stop containerd.service; {half}; systemctl start containerd.service")
    assert f"root = '{ROOT}'" in dump(site)
    assert BUSYBOX in site.sh(NODE, f"{CTR} images list --quiet")


def test_a_data_root_moves_with_all_that_is_in_it(site: Site) -> None:
    # As overlayfs marks its directories.
    mark = "import os, sys; os.setxattr(sys.argv[1], 'trusted.test', b'kept')"
    named = f"{ROOT}/named"
    site.lab.ssh(
        NODE, ["sh", "-c", f'touch {named} && python3 -c "{mark}" {named} && ln {named} {ROOT}/linked']
    )
    images = site.sh(NODE, f"{CTR} images list")
    assert play(site, check=True, dataRoot=NEXT) == 3
    assert play(site, dataRoot=NEXT) == 3
    assert f"root = '{NEXT}'" in dump(site)
    assert site.sh(NODE, f"{CTR} images list") == images
    site.lab.ssh(NODE, ["sh", "-c", f"{CTR} run --rm {BUSYBOX} again /bin/sh -c 'exit 0'"])
    assert site.sh(NODE, f"stat -c %h {NEXT}/named; ls {NEXT}/surplus 2>/dev/null") == "2\n"
    look = "import os, sys; print(os.getxattr(sys.argv[1], 'trusted.test').decode())"
    assert site.sh(NODE, f'python3 -c "{look}" {NEXT}/named') == "kept\n"
    assert play(site, dataRoot=NEXT) == 0


def test_the_old_data_root_is_kept_until_told(site: Site) -> None:
    assert site.sh(NODE, f"ls {ROOT}").split()
    journal = json.loads(site.sh(NODE, "cat /var/lib/slipway/runtime.json"))
    assert list(journal["old"]) == [ROOT]
    assert "is a data root that was left" in refused(site, dataRoot=ROOT)
    site.sh(NODE, "mkdir -p /srv/mine; touch /srv/mine/file")
    assert "is no data root that was left" in refused(site, dataRoot=NEXT, removeOldDataRoot="/srv/mine")
    assert site.sh(NODE, "ls /srv/mine") == "file\n"
    told = {"dataRoot": NEXT, "removeOldDataRoot": ROOT}
    assert play(site, check=True, **told) == 1
    assert site.sh(NODE, f"ls {ROOT}").split()
    assert play(site, **told) == 1
    assert site.sh(NODE, f"ls {ROOT} 2>/dev/null") == ""
    assert play(site, **told) == 0
    assert BUSYBOX in site.sh(NODE, f"{CTR} images list --quiet")


def test_nothing_was_asked_outside(site: Site) -> None:
    egress = site.lab.egress()
    assert egress.packets == 0, egress


def test_reset_takes_it_all_away_and_keeps_the_data(site: Site) -> None:
    hosts = {node.name: connection_variables(SSH(), node.address) for node in site.lab.nodes}
    root = json.loads(site.sh(NODE, "cat /var/lib/slipway/runtime.json"))["root"]
    site.run("reset.yml", hosts)
    gone = "/etc/containerd /etc/systemd/system/containerd.service /var/lib/slipway/runtime.json"
    assert site.sh(NODE, f"ls -d {gone} 2>/dev/null") == ""
    assert site.sh(NODE, f"ls {root}").split()
    assert site.changed(site.run("reset.yml", hosts)) == {NODE: 0}
