"""Images from registries: locked by digest, fetched in parallel, resumed, kept as they were signed.

The registry that stands for one of the Internet is a real one on loopback; how Docker Hub or others behave in ways of
their own (redirects, overwritten tags) is made by the proxy before it, or by a second server.
"""

import base64
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from slipway import catalog as catalogs
from slipway.bundle import layout, lock, manifest
from slipway.bundle.connection import CONNECTIONS
from slipway.bundle.layout import OCI_INDEX, OCI_MANIFEST
from slipway.bundle.lock import ALL, Lock, Locked
from slipway.bundle.official import Official
from slipway.bundle.pulling import Pulled, pull
from slipway.bundle.push import push
from slipway.bundle.registry import RegistryClient, RegistryError
from slipway.bundle.tally import Tally, every
from slipway.bundle.upstream import Upstreams, accounts
from slipway.bundle.verify import verify
from slipway.bundle.writer import Writer
from slipway.errors import BundleError
from slipway.model.bundle import ImageOrigin
from tests.bundles import small_bundle
from tests.contract.bundle.conftest import Disk
from tests.faulty import Fault, Faulty, faulty
from tests.registries import running_registry
from tests.tiny import tiny_build

IMAGE, DAY, AMD64 = "quay.io/group/tool:v1", "2026-11-26", "linux/amd64"
LAYER = 3 << 20


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def put_image(
    client: RegistryClient, tag: str, platform: str, layers: list[bytes], repository: str = "group/tool"
) -> dict[str, object]:
    """An image of one platform; its descriptor."""
    system, architecture = platform.split("/")
    config = json.dumps({"os": system, "architecture": architecture}).encode()
    blobs = [(config, "application/vnd.oci.image.config.v1+json")]
    blobs += [(data, "application/vnd.oci.image.layer.v1.tar") for data in layers]
    described = [{"mediaType": kind, "digest": digest_of(data), "size": len(data)} for data, kind in blobs]
    for data, _ in blobs:
        client.put_blob(repository, digest_of(data), data)
    text = json.dumps(
        {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": described[0], "layers": described[1:]}
    ).encode()
    client.put_manifest(repository, tag or digest_of(text), text, OCI_MANIFEST)
    place = {"os": system, "architecture": architecture}
    return {"mediaType": OCI_MANIFEST, "digest": digest_of(text), "size": len(text), "platform": place}


def put_index(client: RegistryClient, tag: str, seed: int = 0) -> str:
    """An image for two platforms, signed; digest of its index."""
    layers = [bytes([seed + number]) * LAYER for number in range(4)]
    manifests = [put_image(client, "", AMD64, layers[:3]), put_image(client, "", "linux/arm64", layers[2:])]
    text = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": manifests}).encode()
    client.put_manifest("group/tool", tag, text, OCI_INDEX)
    digest = digest_of(text)
    put_image(client, f"{digest.replace(':', '-')}.sig", "linux/none", [f"signature of {digest}".encode()])
    return digest


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[Faulty]:
    """A registry of the Internet with one image, before which a proxy sees every request."""
    with running_registry(tmp_path / "upstream", tmp_path / "upstream-data") as registry:
        put_index(registry.client(), "v1")
        with faulty(registry) as proxy:
            yield proxy


def upstreams(proxy: Faulty, **options: object) -> Upstreams:
    account = {"quay.io": (proxy.backend.username, proxy.backend.password)}
    return Upstreams({"quay.io": proxy.url}, accounts=account, pauses=(0.0, 0.01, 0.02), **options)  # type: ignore[arg-type]


def resolved(proxy: Faulty, platform: str = AMD64) -> list[Locked]:
    return lock.resolve(upstreams(proxy), IMAGE, platform, DAY)


def pulled(proxy: Faulty, out: Path, locked: list[Locked]) -> list[Pulled]:
    """Into a bundle that is complete."""
    images = pull(locked, upstreams(proxy), Writer(out), lambda _tally: None)
    artifacts = [image.artifact for image in images]
    manifest.write(manifest.make(name="b", catalog="c", slipway="0", artifacts=artifacts), out)
    return images


def test_one_platform_is_locked_and_fetched_alone(tmp_path: Path, upstream: Faulty) -> None:
    [entry] = resolved(upstream)
    assert entry.digest != entry.tagged
    [image] = pulled(upstream, tmp_path / "bundle", [entry])
    assert verify(tmp_path / "bundle") == []
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
    assert verify(tmp_path / "bundle") == []
    with running_registry(tmp_path / "site", tmp_path / "site-data") as site:
        receipt = push(tmp_path / "bundle", site.client())
        assert receipt.images_copied == 2
        client, name = site.client(), IMAGE.rpartition(":")[0]
        assert client.head_manifest(name, "v1") == index.digest
        assert client.head_manifest(name, signature.image.rpartition(":")[2]) == signature.digest
        node = layout.node_of(client.get_manifest(name, "v1")[0])
        assert all(client.head_manifest(name, child) == child for child in node.children)


def test_two_fetches_make_the_same_bundle(tmp_path: Path, upstream: Faulty) -> None:
    for name in ("one", "two"):
        pulled(upstream, tmp_path / name, resolved(upstream, ALL))
    texts = [(tmp_path / name / manifest.FILE).read_bytes() for name in ("one", "two")]
    assert texts[0] == texts[1]


def test_broken_downloads_go_on(tmp_path: Path, upstream: Faulty) -> None:
    upstream.faults += [Fault("GET", "/blobs/", cut_after=LAYER // 2, times=3), Fault("GET", "/blobs/", 503)]
    pulled(upstream, tmp_path / "bundle", resolved(upstream))
    assert verify(tmp_path / "bundle") == []


PULL = """
import sys, json
from pathlib import Path
from slipway.bundle.lock import Locked
from slipway.bundle.pulling import pull
from slipway.bundle.upstream import Upstreams
from slipway.bundle.writer import Writer
url, user, password, out, entry = sys.argv[1:]
upstreams = Upstreams({"quay.io": url}, accounts={"quay.io": (user, password)})
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
    assert verify(tmp_path / "bundle") == []


def layout_sizes(directory: Path, entry: Locked) -> dict[str, int]:
    nodes = layout.nodes(entry.digest, layout.reader(directory))
    return {digest: size for node in nodes for digest, size in node.sizes.items()}


def test_a_tag_that_was_overwritten_is_found_and_the_locked_digest_is_still_what_comes(
    tmp_path: Path, upstream: Faulty
) -> None:
    [entry] = resolved(upstream)
    put_index(upstream.backend.client(), "v1", seed=10)
    [image] = pulled(upstream, tmp_path / "bundle", [entry])
    assert image.artifact.digest == entry.digest
    former, found = Lock((entry,)), resolved(upstream)
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


def test_what_nobody_has_read_is_refused(upstream: Faulty) -> None:
    entries = tuple(resolved(upstream))
    own = "ghcr.io/slipway-dev/slipway:0.1.0"
    official = Official(ImageOrigin.OFFICIAL, Lock(entries))
    assert official.locked([IMAGE, own]) == list(entries)
    with pytest.raises(BundleError, match="on trust alone") as caught:
        official.locked([IMAGE, "quay.io/other/tool:v2", "quay.io/third/tool:v3"])
    assert [finding.path for finding in caught.value.findings] == [
        "image/quay.io/other/tool:v2",
        "image/quay.io/third/tool:v3",
    ]
    assert Official(ImageOrigin.AUTO, Lock(entries)).locked([IMAGE, "quay.io/other/tool:v2"]) == list(entries)
    assert Official(ImageOrigin.BUILD, Lock(entries)).locked([IMAGE]) == []
    with pytest.raises(BundleError, match="on trust alone"):
        Official(further=frozenset({"quay.io/my/own:1"})).locked(["quay.io/my/own:1"])


def test_a_lock_is_a_file_that_people_can_read(tmp_path: Path, upstream: Faulty) -> None:
    found = Lock().merged(resolved(upstream, ALL))
    lock.write(found, tmp_path / "lock.yaml")
    assert lock.read(tmp_path / "lock.yaml") == found
    assert lock.read(tmp_path / "none.yaml") == Lock()
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


def test_a_mirror_may_have_them_in_a_project(tmp_path: Path, upstream: Faulty) -> None:
    client = upstream.backend.client()
    text = client.get_manifest("group/tool", "v1")[0]
    node = layout.node_of(client.get_manifest("group/tool", layout.node_of(text).children[0])[0])
    for digest in node.blobs:
        assert client.mount_blob("proxy/quay/group/tool", digest, "group/tool")
    client.put_manifest("proxy/quay/group/tool", "v1", node.text, node.media_type)
    account = {"quay.io": (upstream.backend.username, upstream.backend.password)}
    mirror = Upstreams({"quay.io": f"{upstream.url}/proxy/quay/"}, accounts=account)
    [entry] = lock.resolve(mirror, IMAGE, AMD64, DAY)
    assert entry.digest == entry.tagged == node.digest
    pull([entry], mirror, Writer(tmp_path / "bundle"), lambda _tally: None)
    assert (tmp_path / "bundle" / layout.blob_path(node.digest)).read_bytes() == node.text


def test_accounts_are_dockers(tmp_path: Path, upstream: Faulty) -> None:
    backend = upstream.backend
    text = base64.b64encode(f"{backend.username}:{backend.password}".encode()).decode()
    (tmp_path / "config.json").write_text(json.dumps({"auths": {"quay.io": {"auth": text}, "empty.io": {}}}))
    found = accounts(tmp_path / "config.json")
    assert found == {"quay.io": (backend.username, backend.password)}
    urls = {"quay.io": upstream.url}
    assert lock.resolve(Upstreams(urls, accounts=found), IMAGE, AMD64, DAY)
    with pytest.raises(RegistryError) as caught:
        lock.resolve(Upstreams(urls, accounts={}), IMAGE, AMD64, DAY)
    assert caught.value.code == "unauthorized"
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(BundleError, match="Docker's accounts"):
        accounts(tmp_path / "config.json")
    assert accounts(tmp_path / "nothing.json") == {}


@contextmanager
def tunnel() -> Iterator[tuple[str, list[str]]]:
    """A proxy as companies have it: its URL, and where it was asked to lead to."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            asked.append(self.path)
            host, _, port = self.path.rpartition(":")
            with socket.create_connection((host, int(port))) as far:
                self.send_response(200)
                self.end_headers()
                self.connection.settimeout(None)
                ends = {self.connection: far, far: self.connection}
                while True:
                    for end in select.select(list(ends), [], [])[0]:
                        data = end.recv(1 << 16)
                        if not data:
                            return
                        ends[end].sendall(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_proxy_leads_out_and_never_to_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        running_registry(tmp_path / "far", tmp_path / "far-data", name="localhost") as registry,
        tunnel() as (url, asked),
    ):
        monkeypatch.setenv("HTTPS_PROXY", url)
        put_index(RegistryClient(registry.url, registry.ca, registry.username, registry.password), "v1")
        assert asked == []
        account = {"quay.io": (registry.username, registry.password)}
        far = Upstreams({"quay.io": registry.url}, registry.ca, account)
        [entry] = lock.resolve(far, IMAGE, AMD64, DAY)
        pull([entry], far, Writer(tmp_path / "bundle"), lambda _tally: None)
        assert set(asked) == {registry.url.removeprefix("https://")}
        monkeypatch.setenv("NO_PROXY", "localhost")
        asked.clear()
        lock.resolve(Upstreams({"quay.io": registry.url}, registry.ca, account), IMAGE, AMD64, DAY)
        assert asked == []


class _Elsewhere(BaseHTTPRequestHandler):
    """Where a registry keeps its blobs: it answers with one, and remembers who asked how."""

    content = b""
    headers_seen: list[dict[str, str]]

    def do_GET(self) -> None:
        self.headers_seen.append(dict(self.headers))
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def elsewhere() -> Iterator[tuple[str, type[_Elsewhere]]]:
    handler = type("Handler", (_Elsewhere,), {"headers_seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_download_that_is_elsewhere_is_followed_without_the_account(
    tmp_path: Path, upstream: Faulty, elsewhere: tuple[str, type[_Elsewhere]]
) -> None:
    url, handler = elsewhere
    handler.content = bytes([1]) * LAYER
    digest = digest_of(handler.content)
    redirect = Fault("GET", f"/blobs/{digest}", 307, {"Location": f"{url}/a/signed/url"}, times=100)
    upstream.faults.append(redirect)
    [entry] = resolved(upstream)
    pulled(upstream, tmp_path / "bundle", [entry])
    assert verify(tmp_path / "bundle") == []
    assert len(handler.headers_seen) == 1
    assert "Authorization" not in handler.headers_seen[0]
    client = upstreams(upstream).place(IMAGE).client
    for _ in range(2 * CONNECTIONS):  # the first answer of each keeps no connection
        assert client.read_blob("group/tool", digest) == handler.content


def test_a_site_registry_sends_nobody_elsewhere(
    upstream: Faulty, tmp_path: Path, elsewhere: tuple[str, type[_Elsewhere]]
) -> None:
    url, handler = elsewhere
    upstream.faults.append(Fault("GET", "/blobs/", 307, {"Location": url}))
    with pytest.raises(RegistryError) as caught:
        upstream.client().get_blob("group/tool", digest_of(b"x"), tmp_path / "target")
    assert caught.value.code == "refused"
    assert handler.headers_seen == []


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
        accounts={"registry.test": (registry_of_pause.backend.username, registry_of_pause.backend.password)},
    )
    entries = lock.resolve(ups, "registry.test/pause:1", AMD64, DAY)
    contents = {}
    for origin in ImageOrigin:
        official = Official(origin, Lock(tuple(entries)), upstreams=ups)
        built = tiny_build(tmp_path, str(origin), official=official)
        [image] = [artifact for artifact in built.artifacts if artifact.kind == "image"]
        contents[origin] = (image.digest == entries[0].digest, image.contents)
        assert verify(tmp_path / str(origin)) == []
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
        node = layout.node_of(text)
        for digest in node.blobs:
            client.mount_blob("pause", digest, "registry.test/second")
        client.put_manifest("pause", "1", text, node.media_type)
        with faulty(registry) as proxy:
            yield proxy


def test_the_commands(tmp_path: Path, upstream: Faulty) -> None:
    """Lock what a ClusterConfiguration needs, see that nothing moved, see what moved, and take it."""
    client = upstream.backend.client()
    images = [*catalogs.load().versions.release("v1.35.4").images, *catalogs.load().modules["welcome"].images]
    for image in images:
        name, _, tag = image.partition("/")[2].rpartition(":")
        put_image(client, tag, AMD64, [image.encode()], name)
    account = f"{upstream.backend.username}:{upstream.backend.password}"
    auth = {"auth": base64.b64encode(account.encode()).decode()}
    hosts = {image.partition("/")[0] for image in images} | {"quay.io"}
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": dict.fromkeys({*hosts, "https://index.docker.io/v1/"}, auth)})
    )
    slipway("init", "--hosts", "10.0.0.11", cwd=tmp_path)
    registries = [part for host in sorted(hosts) for part in ("--registry", f"{host}={upstream.url}")]
    command = ["bundle", "lock", "--modules", "welcome", "--image", IMAGE, *registries]
    said = slipway(*command, cwd=tmp_path).stdout
    assert said == f"images.lock.yaml: {len(images) + 1} images, 0 signatures and the like beside them\n"
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


def slipway(*arguments: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("slipway")
    environment = os.environ | {"DOCKER_CONFIG": str(cwd)}
    done = subprocess.run(
        [program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done
