"""What stands for images that nobody builds here: of programs that these tests switch off, or never start.

A bundle has all images of its modules. Of some there is no recipe, as of pages for browsers and of trainings on GPUs:
their names are locked to a registry on loopback that has the same empty image for all. No pod comes up with it.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from slipway import catalog as catalogs
from slipway.api import read
from slipway.bundle.form.layout import OCI_MANIFEST
from slipway.bundle.locks import images as locks
from slipway.bundle.locks.images import ImageLock
from slipway.bundle.registry.upstream import Upstreams
from slipway.catalog.profiles import images_of, modules_of
from slipway.model.bundle import Profile
from tests.serving import serving
from tests.upstreams import AMD64, DAY, digest_of

CONFIG = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": digest_of(CONFIG),
            "size": len(CONFIG),
        },
        "layers": [],
    }
).encode()


class Standing(BaseHTTPRequestHandler):
    """A registry in which every tag is the same image, at which nothing hangs."""

    def do_GET(self) -> None:
        where, _, what = self.path.rpartition("/")
        if where.endswith("/manifests") and not what.startswith("sha256-"):
            self._say(MANIFEST, OCI_MANIFEST)
        elif where.endswith("/blobs"):
            self._say(CONFIG, "application/octet-stream")
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    do_HEAD = do_GET  # noqa: N815 - its name there

    def _say(self, data: bytes, kind: str) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Docker-Content-Digest", digest_of(data))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


def without_recipe(file: Path) -> list[str]:
    """Images of the modules that this ClusterConfiguration enables which cannot be built."""
    catalog, configuration = catalogs.load(), read.load(file)
    known = {image.full_reference for image in catalog.versions.images}
    minimal = [Profile.MINIMAL]
    modules = modules_of(minimal, catalog, configuration)
    return sorted(images_of(modules, minimal, catalog, configuration) - known)


@contextmanager
def stand_ins(references: Iterable[str], lock: Path) -> Iterator[list[str]]:
    """Options of `bundle build` by which these come from there."""
    with serving(Standing) as url:
        hosts = sorted({reference.partition("/")[0] for reference in references})
        found = locks.resolve_all(Upstreams(dict.fromkeys(hosts, url)), references, AMD64, DAY)
        locks.write(ImageLock(tuple(found)), lock)
        ways = [option for host in hosts for option in ("--registry", f"{host}={url}")]
        yield ["--lock", str(lock), *ways]
