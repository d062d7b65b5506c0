"""What stands for registries of the Internet: images put into a real one on loopback, and ways to it."""

import hashlib
import json
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from slipway.bundle.form import manifest
from slipway.bundle.form.layout import OCI_INDEX, OCI_MANIFEST
from slipway.bundle.form.writer import Writer
from slipway.bundle.locks import images as lock
from slipway.bundle.locks.images import Locked
from slipway.bundle.make.pulling import Pulled, pull
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.registry.upstream import Upstreams
from tests.faulty import Faulty
from tests.serving import serving

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


def put_referrer(
    client: RegistryClient, subject: str, kind: str, text: bytes = b"", repository: str = "group/tool"
) -> str:
    """Something that is about a manifest, as `oras attach` makes it; its digest."""
    described = []
    for data, media_type in ((b"{}", "application/vnd.oci.empty.v1+json"), (text or kind.encode(), kind)):
        client.put_blob(repository, digest_of(data), data)
        described.append({"mediaType": media_type, "digest": digest_of(data), "size": len(data)})
    about = {"mediaType": OCI_INDEX, "digest": subject, "size": 1}
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": described[0],
        "layers": described[1:],
        "subject": about,
        "annotations": {"made-by": "a test"},
    }
    data = json.dumps(manifest).encode()
    client.put_manifest(repository, digest_of(data), data, OCI_MANIFEST)
    return digest_of(data)


def upstreams(proxy: Faulty, **options: object) -> Upstreams:
    account = {proxy.host: (proxy.backend.username, proxy.backend.password)}
    return Upstreams({"quay.io": proxy.url}, accounts=account, pauses=(0.0, 0.01, 0.02), **options)  # type: ignore[arg-type]


def resolved(proxy: Faulty, platform: str = AMD64) -> list[Locked]:
    return lock.resolve(upstreams(proxy), IMAGE, platform, DAY)


def pulled(proxy: Faulty, out: Path, locked: list[Locked]) -> list[Pulled]:
    """Into a bundle that is complete."""
    images = pull(locked, upstreams(proxy), Writer(out), lambda _tally: None)
    artifacts = [image.artifact for image in images]
    manifest.write(manifest.manifest_of(name="b", catalog="c", slipway="0", artifacts=artifacts), out)
    return images


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

    with serving(Handler) as url:
        yield url, asked


class Elsewhere(BaseHTTPRequestHandler):
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
