"""/healthz, /readyz and /metrics: GET only, nothing that could change anything."""

import threading
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

#: Status, media type, body.
Page = tuple[int, str, bytes]

PLAIN = "text/plain; charset=utf-8"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class HTTPPages:
    """A small HTTP server in a thread; port 0 takes a free one, told by `port`."""

    def __init__(self, address: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> None:
        self._server = ThreadingHTTPServer((address, port), _handler(pages))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="slipway-web", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def probe_page(
    healthy: Callable[[], str], *, notes: Callable[[], Sequence[str]] = lambda: ()
) -> Callable[[], Page]:
    """A page for the kubelet: `healthy` gives an empty text, or what a restart may mend; `notes` are for people."""

    def page() -> Page:
        problem = healthy()
        if problem:
            return 503, PLAIN, problem.encode()
        return 200, PLAIN, "\n".join(["ok", *notes()]).encode()

    return page


def _handler(pages: Mapping[str, Callable[[], Page]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version = "slipway"
        sys_version = ""
        timeout = 10

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            status, media, body = page() if page else (404, PLAIN, b"not found")
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Probes come every few seconds; they are no news."""

    return Handler
