"""Servers of files on loopback, as those of projects are: ranges, ETags, accounts; wrong on demand, and counted."""

import base64
import gzip
import hashlib
import io
import re
import socket
import ssl
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

from tests.faulty import Fault
from tests.serving import serving

CHUNK = 16 << 10
#: Seconds after which those who should come together will not.
TOGETHER_SECONDS = 20


@dataclass
class Stall(Fault):
    """After `cut_after` bytes nothing more comes, and nothing is closed."""


@dataclass
class Request:
    """What came, and how many bytes of a body went back."""

    method: str
    path: str
    headers: dict[str, str]
    sent: int = 0


@dataclass
class FileServer:
    """Its address, its files by path, and what it is to do wrong."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)
    ranges: bool = True
    """Whether it knows parts of files."""
    account: tuple[str, str] | None = None
    """Who may ask; None: everybody."""
    headers: dict[str, str] = field(default_factory=dict)
    """Of every answer besides."""
    together: threading.Barrier | None = None
    """Files are sent when so many are asked for at a time, and not before."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def put(self, path: str, data: bytes) -> tuple[str, str]:
        """Serve it; its URL and sha256."""
        self.files[path] = data
        return f"{self.url}{path}", hashlib.sha256(data).hexdigest()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault of a request, once less from now on."""
        with self.lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.search(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def sent(self, path: str = "") -> int:
        """Bytes of files that went out."""
        return sum(request.sent for request in self.seen if re.search(path, request.path))

    def asked(self, path: str = "", method: str = "GET") -> list[Request]:
        """Requests that came."""
        return [item for item in self.seen if item.method == method and re.search(path, item.path)]


@contextmanager
def file_server(tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Run one; with `tls` as https://localhost."""

    class Handler(_Handler):
        place: FileServer

    with serving(Handler, tls) as url:
        Handler.place = FileServer(url)
        yield Handler.place


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    place: FileServer

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if self.place.together and self.command == "GET":
            self.place.together.wait(TOGETHER_SECONDS)
        fault = self.place.take(self.command, self.path)
        data = self.place.files.get(self.path)
        if fault and fault.status:
            self._answer(fault.status, fault.text.encode(), fault.headers)
        elif self.place.account and self.headers.get("Authorization") != _basic(*self.place.account):
            self._answer(401, b"who are you?", {"WWW-Authenticate": "Basic realm=files"})
        elif data is None:
            self._answer(404, b"no such file", {})
        else:
            self._file(data, fault.cut_after if fault else None, stall=isinstance(fault, Stall))

    def _file(self, data: bytes, cut: int | None, *, stall: bool) -> None:
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        headers = {"ETag": tag, **self.place.headers}
        start = self._start(tag)
        if start is not None and start >= len(data):
            self._answer(416, b"", headers | {"Content-Range": f"bytes */{len(data)}"})
        elif start is not None:
            there = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"}
            self._answer(206, data[start:], headers | there, cut, stall=stall)
        else:
            self._answer(200, data, headers, cut, stall=stall)

    def _start(self, tag: str) -> int | None:
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not found or not self.place.ranges or self.headers.get("If-Range", tag) != tag:
            return None
        return int(found[1])

    def _answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str],
        cut: int | None = None,
        *,
        stall: bool = False,
    ) -> None:
        request = Request(self.command, self.path, dict(self.headers))
        with self.place.lock:  # before the other side knows the answer, and may look
            self.place.seen.append(request)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            body = body if cut is None else body[:cut]
            for at in range(0, len(body), CHUNK):
                self.wfile.write(body[at : at + CHUNK])
                request.sent += len(body[at : at + CHUNK])
        if cut is not None:
            self._stop(stall=stall)

    def _stop(self, *, stall: bool) -> None:
        """Close, or wait until the other side does."""
        self.wfile.flush()
        self.close_connection = True
        if stall:
            self.rfile.read(1)
        self.connection.shutdown(socket.SHUT_RDWR)


def packed(files: dict[str, bytes]) -> bytes:
    """A .tar.gz of these."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(data.getvalue(), mtime=0)


def chart(name: str = "page", version: str = "1.2.3") -> bytes:
    """A chart as Helm packs it."""
    text = f"apiVersion: v2\nname: {name}\nversion: {version}\n"
    return packed({f"{name}/Chart.yaml": text.encode(), f"{name}/values.yaml": b"a: 1\n"})


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
