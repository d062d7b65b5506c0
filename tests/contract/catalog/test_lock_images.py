"""Digests of a module's images: read at a registry by `slipway catalog lock --images`, else unread and shown so."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from slipway import catalog
from slipway.bundle.ground.workshop import Workshop
from slipway.bundle.locks.downloading import Ways
from slipway.bundle.locks.modulelocks import ReadImages
from slipway.bundle.registry.refusals import RegistryError
from slipway.bundle.registry.web import Web
from slipway.catalog.folder.lock import LockFile
from slipway.catalog.folder.skeleton import write_skeleton
from slipway.cluster.lifecycle.helm import Helm
from slipway.engine.enquiry.images import built_charts, checked_modules
from slipway.engine.enquiry.linted import linted_modules
from slipway.engine.errands.locking import ModuleLocker, write_lock
from slipway.errors import BundleError, ConfigurationError
from tests.contract.bundle.test_lock import account_at, slipway
from tests.faulty import Fault, Faulty, faulty
from tests.registries import running_registry
from tests.upstreams import AMD64, DAY, IMAGE, put_image, put_index, upstreams

ARM64 = "linux/arm64"
BUSYBOX = "docker.io/library/busybox:1.37"


@pytest.fixture(scope="module")
def helm() -> Helm:
    return built_charts(catalog.load(), Workshop(lambda _text: None))[1]


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Faulty]:
    """A registry with an image for two platforms, which stands for quay.io."""
    with running_registry(tmp_path / "upstream", tmp_path / "upstream-data") as registry:
        put_index(registry.client(), "v1")
        with faulty(registry) as proxy:
            yield proxy


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A directory with one module that has a chart of its own, and an image that its program starts."""
    root = tmp_path / "modules"
    root.mkdir()
    write_skeleton(root, "page")
    declared(root, IMAGE)
    return root


def declared(modules: Path, *images: str) -> None:
    file = modules / "page" / "module.yaml"
    file.write_text(yaml.safe_dump(yaml.safe_load(file.read_text()) | {"runtimeImages": list(images)}))


def locker_of(modules: Path, helm: Helm, upstream: Faulty) -> ModuleLocker:
    others = replace(upstreams(upstream), urls=dict.fromkeys(("docker.io", "quay.io"), upstream.url))
    workshop = Workshop(lambda _text: None)
    return ModuleLocker(catalog.load([modules]), helm, Ways(Web(accounts={}), others), workshop, DAY, print)


def locked(
    modules: Path, helm: Helm, upstream: Faulty, *, accept: bool = False, images: bool = True
) -> tuple[LockFile, ReadImages | None]:
    locker = locker_of(modules, helm, upstream)
    module = locker.catalog.modules["page"]
    read = locker.images(module, accept=accept) if images else None
    made = locker.locked(module, accept=accept, images=read)
    write_lock(module, made)
    return made, read


def test_digests_are_read_for_each_platform(modules: Path, helm: Helm, upstream: Faulty) -> None:
    put_image(upstream.backend.client(), "1.37", AMD64, [b"busybox"], "library/busybox")
    module = catalog.load([modules]).modules["page"]
    assert module.unread == (BUSYBOX, IMAGE)
    with pytest.raises(ConfigurationError, match="nothing to lock") as refusal:
        locked(modules, helm, upstream, images=False)
    assert refusal.value.hint == "--images locks the digests of its images"
    locked(modules, helm, upstream)
    written = yaml.safe_load((modules / "page" / "lock.yaml").read_text())
    busybox, tool = written["digests"]
    client = upstream.backend.client()
    index, tagged = client.get_manifest("group/tool", "v1")
    children = {one["platform"]["architecture"]: one["digest"] for one in json.loads(index)["manifests"]}
    assert tool == {
        "image": IMAGE,
        "tagged": tagged,
        "source": f"{upstream.url}/group/tool",
        "read": DAY,
        "platforms": {AMD64: children["amd64"], ARM64: children["arm64"]},
    }
    alone = client.head_manifest("library/busybox", "1.37")
    assert (busybox["tagged"], busybox["platforms"]) == (alone, {AMD64: alone})
    loaded = catalog.load([modules])
    assert loaded.modules["page"].unread == ()
    assert loaded.modules["page"].digest != module.digest
    assert linted_modules(loaded, ()) == {"page": []}
    (checked,) = checked_modules(loaded, lambda _module, _release: None, helm)
    assert [fault.code for fault in checked.faults] == ["no-chart"]


def test_a_tag_that_moved_is_refused_until_somebody_has_looked(
    modules: Path, helm: Helm, upstream: Faulty
) -> None:
    put_image(upstream.backend.client(), "1.37", AMD64, [b"busybox"], "library/busybox")
    former, _ = locked(modules, helm, upstream)
    file = modules / "page" / "lock.yaml"
    before = file.read_bytes()
    put_index(upstream.backend.client(), "v1", seed=10)
    with pytest.raises(BundleError, match="other contents than before") as refusal:
        locked(modules, helm, upstream)
    (finding,) = refusal.value.findings
    assert finding.path == f"image/{IMAGE}"
    assert finding.expected == f"{former.digests[1].tagged}, read on {DAY}"
    assert file.read_bytes() == before
    made, _ = locked(modules, helm, upstream, accept=True)
    assert made.digests[1].tagged != former.digests[1].tagged
    assert made.digests[0] == former.digests[0]


def test_what_no_registry_says_stays_unread_and_what_was_read_stays(
    modules: Path, helm: Helm, upstream: Faulty
) -> None:
    client = upstream.backend.client()
    put_image(client, "1.37", AMD64, [b"busybox"], "library/busybox")
    upstream.faults.append(Fault("GET", "/library/busybox/manifests", 403, times=100))
    made, read = locked(modules, helm, upstream)
    assert read
    assert list(read.unread) == [BUSYBOX]
    assert "forbids this to the account" in read.unread[BUSYBOX]
    assert [one.image for one in made.digests] == [IMAGE]
    assert catalog.load([modules]).modules["page"].unread == (BUSYBOX,)

    upstream.faults[:] = [Fault("GET", "/group/tool/manifests", 503, times=100)]
    again, read = locked(modules, helm, upstream)
    assert read
    assert list(read.unread) == [IMAGE]
    assert [one.image for one in again.digests] == [BUSYBOX, IMAGE]
    assert again.digests[1] == made.digests[0]

    declared(modules)
    upstream.faults.clear()
    assert linted_modules(catalog.load([modules]), ())["page"][0].path == "lock.yaml: digests[1]"
    made, _ = locked(modules, helm, upstream)
    assert [one.image for one in made.digests] == [BUSYBOX]


@pytest.mark.parametrize("case", ["gone", "platform"])
def test_an_image_that_is_not_there_is_a_mistake_of_the_module(
    modules: Path, helm: Helm, upstream: Faulty, case: str
) -> None:
    client = upstream.backend.client()
    put_image(client, "1.37", "linux/s390x" if case == "platform" else AMD64, [b"busybox"], "library/busybox")
    declared(modules, "quay.io/group/tool:v9" if case == "gone" else IMAGE)
    kind, told = (
        (RegistryError, "does not have it") if case == "gone" else (BundleError, "no platform of hosts")
    )
    with pytest.raises(kind, match=told):
        locked(modules, helm, upstream)
    assert not (modules / "page" / "lock.yaml").exists()


def test_the_commands(tmp_path: Path, modules: Path, helm: Helm, upstream: Faulty) -> None:
    del helm
    put_image(upstream.backend.client(), "1.37", AMD64, [b"busybox"], "library/busybox")
    registries = account_at(tmp_path, upstream, {"docker.io", "quay.io"})
    command = ["catalog", "lock", "page", "--modules-dir", str(modules), "--images", *registries]
    upstream.faults.append(Fault("GET", "/group/tool/manifests", 401, times=100))
    done = slipway(*command, cwd=tmp_path)
    assert (
        done.stdout == f"{modules / 'page' / 'lock.yaml'}: 0 charts, 0 images, 0 definitions, 1 images read\n"
    )
    assert f"{IMAGE} stays unread: the registry refuses the account" in done.stderr
    slipway("init", "--hosts", "10.0.0.11", cwd=tmp_path)
    file = tmp_path / "cluster.yaml"
    text = yaml.safe_load(file.read_text())
    text["spec"]["moduleSources"] = {"ours": {"directory": "modules"}}
    file.write_text(yaml.safe_dump(text))
    show = ["catalog", "show", "page", "-f", "cluster.yaml"]
    shown = slipway(*show, cwd=tmp_path).stdout
    assert f"1 built from source; 1 unread, of which a bundle reads the digests: {IMAGE}" in shown
    facts = json.loads(slipway(*show, "-o", "json", cwd=tmp_path).stdout)
    assert facts["unread"] == [IMAGE]
    assert facts["digests"].keys() == {BUSYBOX}
    upstream.faults.clear()
    told = json.loads(slipway(*command, "-o", "json", cwd=tmp_path).stdout)
    assert told["unread"] == {"page": {}}
    assert [one["image"] for one in told["modules"]["page"]["digests"]] == [BUSYBOX, IMAGE]
    assert "1 read at their registries; 1 built from source\n" in slipway(*show, cwd=tmp_path).stdout
