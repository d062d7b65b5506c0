"""What gives a real registry the one thing that it lacks: lists of referrers (OCI distribution), a page for each."""

import http.client
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from tests.faulty import Faulty, ProxyHandler, faulty
from tests.registries import Registry


class ListingHandler(ProxyHandler):
    """Remembers what is pushed about which manifest, and tells so by OCI-Subject."""

    lists: ClassVar[dict[str, list[dict[str, Any]]]]

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        """A page of a list; all else is the registry's."""
        found = re.fullmatch(r"(/v2/.+/referrers/(sha256:[0-9a-f]{64}))(?:\?page=(\d+))?", self.path)
        if not found:
            self.serve()
            return
        self.proxy.seen.append((self.command, self.path, 0))
        listed, page = self.lists.get(found[2], []), int(found[3] or 0)
        data = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": listed[page : page + 1],
        }
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", str(data["mediaType"]))
        self.send_header("Content-Length", str(len(body)))
        if page + 1 < len(listed):
            self.send_header("Link", f'<{found[1]}?page={page + 1}>; rel="next"')
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self, answer: http.client.HTTPResponse, cut: int | None) -> None:
        place = re.fullmatch(r"/v2/(.+)/manifests/(.+)", self.path)
        if place and self.command == "PUT" and answer.status == http.HTTPStatus.CREATED:
            text, digest = self.proxy.backend.client().get_manifest(place[1], place[2])
            data = json.loads(text)
            if "subject" in data:
                item = {"mediaType": data["mediaType"], "digest": digest, "size": len(text)}
                item["artifactType"] = data.get("artifactType") or data["config"]["mediaType"]
                self.lists.setdefault(data["subject"]["digest"], []).append(item)
                answer.headers.add_header("OCI-Subject", data["subject"]["digest"])
        super()._pass_on(answer, cut)


@contextmanager
def listing(backend: Registry) -> Iterator[Faulty]:
    """Run one before a registry."""
    handler = type("Handler", (ListingHandler,), {"lists": {}})
    with faulty(backend, handler=handler) as proxy:
        yield proxy
