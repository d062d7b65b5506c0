"""Which digests tags mean: read once, kept in a file, refused where nobody has looked."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slipway import catalog as catalogs
from slipway.bundle.locks import images as lock
from slipway.bundle.locks.images import ImageLock
from slipway.bundle.make.official import Official
from slipway.bundle.registry.client import RegistryError
from slipway.bundle.registry.upstream import Upstreams
from slipway.errors import BundleError
from slipway.model.bundle import ImageOrigin
from slipway.model.platforms import ALL
from tests.faulty import Faulty
from tests.signed import PLACE, recording
from tests.upstreams import (
    AMD64,
    DAY,
    IMAGE,
    put_image,
    put_index,
    resolved,
    upstreams,
)


def test_what_nobody_has_read_is_refused(upstream: Faulty) -> None:
    entries = tuple(resolved(upstream))
    own = "ghcr.io/slipway-dev/slipway:0.1.0"
    official = Official(ImageOrigin.OFFICIAL, ImageLock(entries))
    assert official.locked([IMAGE, own]) == list(entries)
    with pytest.raises(BundleError, match="on trust alone") as caught:
        official.locked([IMAGE, "quay.io/other/tool:v2", "quay.io/third/tool:v3"])
    assert [finding.path for finding in caught.value.findings] == [
        "image/quay.io/other/tool:v2",
        "image/quay.io/third/tool:v3",
    ]
    assert Official(ImageOrigin.AUTO, ImageLock(entries)).locked([IMAGE, "quay.io/other/tool:v2"]) == list(
        entries
    )
    assert Official(ImageOrigin.BUILD, ImageLock(entries)).locked([IMAGE]) == []
    with pytest.raises(BundleError, match="on trust alone"):
        Official(further=frozenset({"quay.io/my/own:1"})).locked(["quay.io/my/own:1"])


def test_a_lock_is_a_file_that_people_can_read(tmp_path: Path, upstream: Faulty) -> None:
    found = ImageLock().merged(resolved(upstream, ALL))
    lock.write(found, tmp_path / "lock.yaml")
    assert lock.read(tmp_path / "lock.yaml") == found
    assert lock.read(tmp_path / "none.yaml") == ImageLock()
    assert found.beside(found.images[-1]) or found.beside(found.images[0])
    for text, what in (
        ("x", "no lock"),
        ("format: 2\nimages: []", "another format"),
        ("format: 1", "no lock"),
    ):
        (tmp_path / "bad.yaml").write_text(text)
        with pytest.raises(BundleError, match=what):
            lock.read(tmp_path / "bad.yaml")


def test_a_platform_that_is_not_there_is_said(upstream: Faulty) -> None:
    with pytest.raises(BundleError, match="is not there for linux/s390x") as caught:
        lock.resolve(upstreams(upstream), IMAGE, "linux/s390x", DAY)
    assert caught.value.why == "it is there for linux/amd64, linux/arm64"
    with pytest.raises(RegistryError) as missing:
        lock.resolve(upstreams(upstream), "quay.io/group/tool:v9", AMD64, DAY)
    assert missing.value.code == "not-found"
    assert "name and tag" in missing.value.hint


@pytest.mark.parametrize(
    "name", ["busybox", "busybox:1", "library/busybox:1", "docker.io/x", "docker.io/X:1"]
)
def test_short_names_are_refused(name: str) -> None:
    with pytest.raises(BundleError, match="no full name"):
        Upstreams(accounts={}).place(name)


def test_the_commands(tmp_path: Path, upstream: Faulty) -> None:
    """Lock what a ClusterConfiguration needs, see that nothing moved, see what moved, and take it."""
    client = upstream.backend.client()
    images = [*catalogs.load().versions.release("v1.35.4").images, *catalogs.load().modules["welcome"].images]
    for image in images:
        name, _, tag = image.partition("/")[2].rpartition(":")
        put_image(client, tag, AMD64, [image.encode()], name)
    hosts = {image.partition("/")[0] for image in images} | {"quay.io"}
    registries = account_at(tmp_path, upstream, hosts)
    slipway("init", "--hosts", "10.0.0.11", cwd=tmp_path)
    command = ["bundle", "lock", "--modules", "welcome", "--image", IMAGE, *registries]
    said = slipway(*command, cwd=tmp_path).stdout
    assert (
        said
        == f"images.lock.yaml: {len(images) + 1} images for linux/amd64, 0 signatures and the like beside them\n"
    )
    assert [item.image for item in lock.read(tmp_path / "images.lock.yaml").images] == sorted(
        [*images, IMAGE]
    )
    assert slipway(*command, cwd=tmp_path).stdout == said
    put_index(client, "v1", seed=10)
    refused = slipway(*command, cwd=tmp_path, code=7).stderr
    assert "its tag was overwritten" in refused
    assert "--accept" in refused
    slipway(*command, "--accept", cwd=tmp_path)
    assert "NAME=URL" in slipway(*command, "--registry", "quay.io", cwd=tmp_path, code=2).stderr
    _asks_for_signatures(tmp_path, upstream, command, len(images) + 1)


def account_at(directory: Path, upstream: Faulty, hosts: set[str]) -> list[str]:
    """Docker's file with the registry's account; options by which images of these hosts come from there."""
    account = f"{upstream.backend.username}:{upstream.backend.password}"
    auth = {"auth": base64.b64encode(account.encode()).decode()}
    (directory / "config.json").write_text(json.dumps({"auths": {upstream.host: auth}}))
    return [part for host in sorted(hosts) for part in ("--registry", f"{host}={upstream.url}")]


def _asks_for_signatures(cwd: Path, upstream: Faulty, command: list[str], count: int) -> None:
    """Of images under a prefix, by a file beside the lock; what nobody vouches for is not locked."""
    before = (cwd / "images.lock.yaml").read_text()
    entry = "- {{prefix: {}, key: " + str(PLACE / "cosign-ecdsa.pub") + "}}\n"
    (cwd / "images.keys.yaml").write_text("format: 1\nkeys:\n" + entry.format("quay.io/group"))
    refused = slipway(*command, "-o", "json", cwd=cwd, code=7).stdout
    [finding] = json.loads(refused)["findings"]
    assert (finding["path"], finding["code"]) == (f"image/{IMAGE}", "unsigned")
    assert (cwd / "images.lock.yaml").read_text() == before
    for name in ("image", "cosign-ecdsa"):
        recording(name).play(upstream.backend.client())
    with (cwd / "images.keys.yaml").open("a") as file:
        file.write(entry.format("quay.io/grp"))
    done = slipway(*command, "--accept", cwd=cwd)
    [kept] = [item for item in lock.read(cwd / "images.lock.yaml").images if item.image == IMAGE]
    assert f"images.keys.yaml: 1 of {count} vouched for, by {kept.key}\n" in done.stdout
    assert "images.keys.yaml: no image is under quay.io/grp" in done.stderr
    assert "no such file" in slipway(*command, "--keys", "none.yaml", cwd=cwd, code=2).stderr


def slipway(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("slipway")
    environment = os.environ | {"DOCKER_CONFIG": str(cwd)}
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done
