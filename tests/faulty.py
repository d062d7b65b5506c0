"""A registry that misbehaves on demand: a proxy before a real one, which breaks the requests that a test names.

It stands in for bad networks, overloaded registries and full disks of other people; the registry behind it is real.
"""

import http.client
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from slipway.bundle.registry.client import RegistryClient
from tests.registries import Registry
from tests.serving import serving

CHUNK = 64 << 10


@dataclass
class Fault:
    """What happens to requests of a method whose path matches, `times` times."""

    method: str
    path: str
    status: int = 0
    """Answer with this at once; 0: let it through, or cut it."""
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""
    cut_after: int | None = None
    """Let so many bytes of a body through, of the request, or of a GET's answer, then close the connection."""
    times: int = 1


@dataclass
class Faulty:
    """The proxy: its address, what it is to do wrong, and what it has seen."""

    url: str
    backend: Registry
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path and bytes of the body that were let through, of each request."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def host(self) -> str:
        """Its address and port, under which accounts are kept."""
        return self.url.removeprefix("http://")

    def client(self, pauses: tuple[float, ...] = (0.0, 0.01, 0.02, 0.05)) -> RegistryClient:
        """Of the push account, which does not wait long."""
        return RegistryClient(self.url, None, self.backend.username, self.backend.password, pauses=pauses)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of a request, once less from now on."""
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def sent(self, method: str, path: str = "") -> int:
        """Bytes of bodies that were let through."""
        return sum(size for verb, where, size in self.seen if verb == method and re.search(path, where))

    def count(self, method: str, path: str = "") -> int:
        """Requests that came."""
        return sum(1 for verb, where, _ in self.seen if verb == method and re.search(path, where))


@contextmanager
def faulty(
    backend: Registry, *faults: Fault, handler: "type[ProxyHandler] | None" = None
) -> Iterator[Faulty]:
    """Run one before a registry; `handler`: one that can do more."""
    context = ssl.create_default_context(cafile=str(backend.ca))
    port = int(backend.url.rpartition(":")[2])

    class Handler(handler or ProxyHandler):  # type: ignore[misc]
        proxy: Faulty

        def connect(self) -> http.client.HTTPSConnection:
            return _Connection(port, context)

    with serving(Handler) as url:
        Handler.proxy = Faulty(url, backend, list(faults))
        yield Handler.proxy


class _Connection(http.client.HTTPSConnection):
    """To the registry on loopback, by the name that its certificate has."""

    def __init__(self, port: int, context: ssl.SSLContext) -> None:
        super().__init__("registry.slipway.test", port, context=context)
        self._tls = context

    def connect(self) -> None:
        import socket

        plain = socket.create_connection(("127.0.0.1", self.port))
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


class ProxyHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Faulty
    connect: Callable[[], http.client.HTTPSConnection]

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def serve(self) -> None:
        fault = self.proxy.take(self.command, self.path)
        if fault and fault.status:
            self.proxy.seen.append((self.command, self.path, 0))
            self._answer(fault)
            return
        upstream = self.connect()
        try:
            self._forward(upstream, fault)
        finally:
            upstream.close()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815 - http.server's names

    def _answer(self, fault: Fault) -> None:
        """At once, and as such things do, without a look at the body."""
        body = fault.text.encode()
        self.close_connection = True
        self.send_response(fault.status)
        for name, value in fault.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()
        self._drain()

    def _drain(self) -> None:
        left = int(self.headers.get("Content-Length") or 0)
        while left and (data := self.rfile.read(min(CHUNK, left))):
            left -= len(data)

    def _forward(self, upstream: http.client.HTTPSConnection, fault: Fault | None) -> None:
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            upstream.putheader(name, value)
        upstream.endheaders()
        length = int(self.headers.get("Content-Length") or 0)
        cut = fault.cut_after if fault and length else None
        allowed = length if cut is None else min(cut, length)
        passed = 0
        while passed < allowed and (data := self.rfile.read(min(CHUNK, allowed - passed))):
            upstream.send(data)
            passed += len(data)
        self.proxy.seen.append((self.command, self.path, passed))
        if cut is not None:
            self._hang_up()
            return
        answer = upstream.getresponse()
        self._pass_on(answer, fault.cut_after if fault else None)

    def _pass_on(self, answer: http.client.HTTPResponse, cut: int | None) -> None:
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() != "connection":
                for url in (self.proxy.backend.url, f"https://{self.proxy.host}"):
                    value = value.replace(url, self.proxy.url)  # noqa: PLW2901 - what it calls itself
                self.send_header(name, value)
        self.end_headers()
        passed = 0
        while data := answer.read(CHUNK if cut is None else min(CHUNK, cut - passed)):
            self.wfile.write(data)
            passed += len(data)
        if cut is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        self.wfile.flush()
        self.close_connection = True
        self.connection.shutdown(2)
