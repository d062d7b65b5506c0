"""/healthz, /readyz and /metrics: GET only, nothing that could change anything, for whoever can reach the port.

One thread serves all connections, so many at most, each for a few seconds and a few KiB. When all places are taken, the
connection that has been there longest gives way: who sends nothing keeps no probe out.
"""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Final, Self

log = logging.getLogger(__name__)

#: Status, media type, body.
Page = tuple[int, str, bytes]

PLAIN = "text/plain; charset=utf-8"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"

#: Connections at once: a kubelet and some Prometheis have one each.
MOST: Final = 32
#: Bytes of a request with all its headers: a browser sends one, a kubelet a quarter of that.
LONGEST: Final = 8192
#: Seconds from its first to its last byte: a page is a few milliseconds of work.
SECONDS: Final = 5.0
#: Connections taken in before those that are there have their turn: fewer than there are places, so that each has one.
_AT_ONCE: Final = MOST // 2
#: Seconds for which a page that costs something is as good as a new one.
FRESH: Final = 1.0
#: Seconds between two looks whether somebody's time is up.
_LOOK: Final = 0.5


@dataclass(slots=True)
class _Visitor:
    """One connection: what it has asked so far, then what it has not yet been told."""

    began: float
    asked: bytearray = field(default_factory=bytearray)
    answer: memoryview | None = None


class HTTPPages:
    """A small HTTP server in a thread; port 0 takes a free one, told by `port`."""

    def __init__(self, address: str, port: int, pages: Mapping[str, Callable[[], Page]]) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._pages = pages
        self._listener = socket.create_server((address, port), family=family, backlog=128)
        self._listener.setblocking(False)
        self._end, self._ended = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._visitors: dict[socket.socket, _Visitor] = {}
        self._thread = threading.Thread(target=self._serve, name="slipway-web", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.close()
        self._thread.join()

    def _serve(self) -> None:
        with self._selector, self._listener, self._ended:
            self._selector.register(self._listener, selectors.EVENT_READ)
            self._selector.register(self._ended, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in self._selector.select(_LOOK)]
                if self._ended in ready:
                    break
                for one in [one for one in self._visitors if one in ready]:
                    self._turn(one, self._visitors[one])
                if self._listener in ready:
                    self._welcome()
                late = time.monotonic() - SECONDS
                for one in [one for one, visitor in self._visitors.items() if visitor.began < late]:
                    self._dismiss(one)
            for one in list(self._visitors):
                self._dismiss(one)

    def _welcome(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                one, _address = self._listener.accept()
            except OSError:  # that was all; or it is gone already, or this process has no descriptor left
                return
            self._take_in(one)

    def _take_in(self, one: socket.socket) -> None:
        if len(self._visitors) >= MOST:
            self._dismiss(next(iter(self._visitors)))
        one.setblocking(False)
        self._visitors[one] = _Visitor(time.monotonic())
        self._selector.register(one, selectors.EVENT_READ)

    def _turn(self, one: socket.socket, visitor: _Visitor) -> None:
        try:
            if visitor.answer is None:
                self._hear(one, visitor)
            else:
                visitor.answer = visitor.answer[one.send(visitor.answer) :]
        except BlockingIOError:
            return
        except OSError:
            self._dismiss(one)
            return
        if visitor.answer is not None and not visitor.answer:
            self._dismiss(one)

    def _hear(self, one: socket.socket, visitor: _Visitor) -> None:
        news = one.recv(LONGEST + 1 - len(visitor.asked))
        visitor.asked += news
        if b"\r\n\r\n" in visitor.asked or b"\n\n" in visitor.asked:
            visitor.answer = memoryview(_answer(self._page(bytes(visitor.asked))))
        elif len(visitor.asked) > LONGEST:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            visitor.answer = memoryview(_answer((status, PLAIN, b"too long")))
        elif not news:
            raise ConnectionAbortedError
        if visitor.answer is not None:
            self._selector.modify(one, selectors.EVENT_WRITE)

    def _page(self, asked: bytes) -> Page:
        method, _, rest = asked.split(b"\n", 1)[0].decode("latin-1").strip().partition(" ")
        if method != "GET":
            return HTTPStatus.METHOD_NOT_ALLOWED, PLAIN, b"only GET"
        page = self._pages.get(rest.partition(" ")[0].partition("?")[0])
        if page is None:
            return HTTPStatus.NOT_FOUND, PLAIN, b"not found"
        try:
            return page()
        except Exception:  # the thread serves all others too
            log.exception("a page could not be made")
            return HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN, b"a fault of the operator; its log says which"

    def _dismiss(self, one: socket.socket) -> None:
        del self._visitors[one]
        self._selector.unregister(one)
        one.close()


def kept_page(page: Callable[[], Page]) -> Callable[[], Page]:
    """The same page, made once a second at most, whoever asks how often. For one thread."""
    made: list[tuple[float, Page]] = []

    def kept() -> Page:
        if not made or time.monotonic() - made[0][0] > FRESH:
            made[:] = [(time.monotonic(), page())]
        return made[0][1]

    return kept


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


def _answer(page: Page) -> bytes:
    status, media, body = page
    head = (
        f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\nServer: slipway\r\nContent-Type: {media}\r\n"
    )
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body
