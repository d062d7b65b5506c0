"""Images from registries into a bundle: in parallel, resumed, kept as they were signed."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from slipway.bundle.form import layout, manifest
from slipway.bundle.form.writer import Writer
from slipway.bundle.ground.tally import Tally, every
from slipway.bundle.locks import images as lock
from slipway.bundle.locks.images import ImageLock, Locked
from slipway.bundle.make.official import Official
from slipway.bundle.make.pulling import pull
from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.site.push import push
from slipway.bundle.verify.checks import damaged_files
from slipway.errors import BundleError
from slipway.model.bundle import ImageOrigin
from slipway.model.platforms import ALL
from tests.bundles import small_bundle
from tests.contract.bundle.conftest import Disk
from tests.faulty import Fault, Faulty, faulty
from tests.registries import running_registry
from tests.tiny import tiny_build
from tests.upstreams import AMD64, DAY, IMAGE, LAYER, pulled, put_index, resolved, upstreams


def test_one_platform_is_locked_and_fetched_alone(tmp_path: Path, upstream: Faulty) -> None:
    [entry] = resolved(upstream)
    assert entry.digest != entry.tagged
    [image] = pulled(upstream, tmp_path / "bundle", [entry])
    assert damaged_files(tmp_path / "bundle") == []
    assert image.artifact.reference == IMAGE
    assert sum(image.blobs.values()) > 3 * LAYER
    assert upstream.count("GET", "/blobs/") == 4
    pulled(upstream, tmp_path / "bundle", [entry])
    assert upstream.count("GET", "/blobs/") == 4


def test_a_whole_index_keeps_its_digest_and_its_signature_in_the_site(
    tmp_path: Path, upstream: Faulty
) -> None:
    entries = resolved(upstream, ALL)
    assert [entry.image.rpartition(":")[2][-4:] for entry in entries] == ["v1", ".sig"] or len(entries) == 2
    index, signature = entries
    assert index.digest == index.tagged
    pulled(upstream, tmp_path / "bundle", entries)
    assert damaged_files(tmp_path / "bundle") == []
    with running_registry(tmp_path / "site", tmp_path / "site-data") as site:
        receipt = push(tmp_path / "bundle", site.client())
        assert receipt.images_copied == 2
        client, name = site.client(), IMAGE.rpartition(":")[0]
        assert client.head_manifest(name, "v1") == index.digest
        assert client.head_manifest(name, signature.image.rpartition(":")[2]) == signature.digest
        node = layout.stored_manifest(client.get_manifest(name, "v1")[0])
        assert all(client.head_manifest(name, child) == child for child in node.children)


def test_two_fetches_make_the_same_bundle(tmp_path: Path, upstream: Faulty) -> None:
    for name in ("one", "two"):
        pulled(upstream, tmp_path / name, resolved(upstream, ALL))
    texts = [(tmp_path / name / manifest.FILE).read_bytes() for name in ("one", "two")]
    assert texts[0] == texts[1]


def test_broken_downloads_go_on(tmp_path: Path, upstream: Faulty) -> None:
    upstream.faults += [Fault("GET", "/blobs/", cut_after=LAYER // 2, times=3), Fault("GET", "/blobs/", 503)]
    pulled(upstream, tmp_path / "bundle", resolved(upstream))
    assert damaged_files(tmp_path / "bundle") == []


PULL = """
import sys, json
from pathlib import Path
from slipway.bundle.locks.images import Locked
from slipway.bundle.make.pulling import pull
from slipway.bundle.registry.upstream import Upstreams
from slipway.bundle.form.writer import Writer
url, user, password, out, entry = sys.argv[1:]
upstreams = Upstreams({"quay.io": url}, accounts={url.removeprefix("http://"): (user, password)})
print("go", flush=True)
pull([Locked(**json.loads(entry))], upstreams, Writer(Path(out)), lambda tally: print(tally.done, flush=True))
"""


def test_killed_it_goes_on_in_the_middle_of_a_blob(tmp_path: Path, upstream: Faulty) -> None:
    [entry] = resolved(upstream)
    text = json.dumps({name: getattr(entry, name) for name in Locked.__dataclass_fields__})
    account = upstream.backend
    arguments = [upstream.url, account.username, account.password, str(tmp_path / "bundle"), text]
    process = subprocess.Popen([sys.executable, "-c", PULL, *arguments], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while int(process.stdout.readline().replace("go", "0") or LAYER) < LAYER // 3:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    there = sum(path.stat().st_size for path in (tmp_path / "bundle").rglob("*") if path.is_file())
    assert there > 0
    fetched: list[int] = []
    pull([entry], upstreams(upstream), Writer(tmp_path / "bundle"), lambda tally: fetched.append(tally.done))
    total = sum(layout_sizes(tmp_path / "bundle", entry).values())
    assert fetched[-1] <= total - there
    pulled(upstream, tmp_path / "bundle", [entry])
    assert damaged_files(tmp_path / "bundle") == []


def layout_sizes(directory: Path, entry: Locked) -> dict[str, int]:
    nodes = layout.manifests_below(entry.digest, layout.manifest_reader(directory))
    return {digest: size for node in nodes for digest, size in node.sizes.items()}


def test_a_tag_that_was_overwritten_is_found_and_the_locked_digest_is_still_what_comes(
    tmp_path: Path, upstream: Faulty
) -> None:
    [entry] = resolved(upstream)
    put_index(upstream.backend.client(), "v1", seed=10)
    [image] = pulled(upstream, tmp_path / "bundle", [entry])
    assert image.artifact.digest == entry.digest
    former, found = ImageLock((entry,)), resolved(upstream)
    with pytest.raises(BundleError, match="tags mean other contents than before") as caught:
        lock.check_moved(former, found, accept=False)
    assert entry.tagged in caught.value.findings[0].expected
    lock.check_moved(former, found, accept=True)
    assert former.merged(found).find(IMAGE, AMD64) == found[0] != entry


def test_a_digest_that_the_source_serves_otherwise_is_refused(tmp_path: Path, upstream: Faulty) -> None:
    [entry] = resolved(upstream)
    upstream.faults.append(Fault("GET", "/manifests/sha256", 200, text='{"config": {}, "layers": []}'))
    with pytest.raises(RegistryError) as caught:
        pulled(upstream, tmp_path / "bundle", [entry])
    assert caught.value.code == "digest"


def test_a_disk_that_is_too_small_is_said_before_anything_is_fetched(
    tmp_path: Path, upstream: Faulty, disk: Disk
) -> None:
    [entry] = resolved(upstream)
    with disk(tmp_path / "disk", LAYER) as small, pytest.raises(BundleError, match="bytes are needed"):
        pulled(upstream, small / "bundle", [entry])
    assert upstream.count("GET", "/blobs/") == 0


def test_progress_is_told_as_people_read_it() -> None:
    seen: list[str] = []
    tally = Tally(10 << 20, lambda tally: seen.append(str(tally)))
    time.sleep(0.01)
    tally.add(4 << 20)
    tally.add(6 << 20)
    assert seen[0].startswith("4 of 10 MiB, ")
    assert seen[0].endswith(" s left")
    assert seen[1].startswith("10 of 10 MiB, ")
    lines: list[str] = []
    for seconds in (0.0, 60.0):
        Tally(2 << 20, every(seconds, lines.append)).add(1 << 20)
    assert len(lines) == 1
    assert "left" not in seen[1]


@pytest.mark.usefixtures("cache")
def test_a_build_takes_what_is_locked_from_its_registry(tmp_path: Path, registry_of_pause: Faulty) -> None:
    """The rest is built from source; told to build, it builds all."""
    ups = Upstreams(
        {"registry.test": registry_of_pause.url},
        accounts={
            registry_of_pause.host: (registry_of_pause.backend.username, registry_of_pause.backend.password)
        },
    )
    entries = lock.resolve(ups, "registry.test/pause:1", AMD64, DAY)
    contents = {}
    for origin in ImageOrigin:
        official = Official(origin, ImageLock(tuple(entries)), upstreams=ups)
        built = tiny_build(tmp_path, str(origin), official=official)
        [image] = [artifact for artifact in built.artifacts if artifact.kind == "image"]
        contents[origin] = (image.digest == entries[0].digest, image.contents)
        assert damaged_files(tmp_path / str(origin)) == []
    assert contents == {
        ImageOrigin.OFFICIAL: (True, ""),
        ImageOrigin.AUTO: (True, ""),
        ImageOrigin.BUILD: (False, "ours"),
    }


@pytest.fixture
def registry_of_pause(tmp_path: Path) -> Iterator[Faulty]:
    with running_registry(tmp_path / "pauses", tmp_path / "pauses-data") as registry:
        client: RegistryClient = registry.client()
        small_bundle(tmp_path / "source")
        push(tmp_path / "source", client)
        text, _ = client.get_manifest("registry.test/second", "v2")
        node = layout.stored_manifest(text)
        for digest in node.blobs:
            client.mount_blob("pause", digest, "registry.test/second")
        client.put_manifest("pause", "1", text, node.media_type)
        with faulty(registry) as proxy:
            yield proxy
