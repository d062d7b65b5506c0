"""The reflector before servers that end watches at once, or send something else than events.

A web server stands in for what stands between the operator and the API; a real API server sends none of this.
"""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
import yaml

from slipway.cluster.rest import transport
from slipway.cluster.rest.client import Client, connect
from slipway.cluster.rest.watch import Event, Hearing, Pause, Reflector
from slipway.errors import TransientError
from slipway.settings import API_VERSION
from tests.serving import serving

KIND = (API_VERSION, "ClusterConfiguration")
LIST = json.dumps({"kind": "NodeList", "metadata": {"resourceVersion": "5"}, "items": []})
BOOKMARK = json.dumps({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "6"}}}) + "\n"
PAGE = "<html>upstream error</html>\n"

#: What a watch answers, by what is wrong with it.
WATCHES = {
    "ends at once": "",
    "ends after a bookmark": BOOKMARK,
    "410 after a bookmark": BOOKMARK + '{"type": "ERROR", "object": {"code": 410}}\n',
    "ERROR without a code": '{"type": "ERROR", "object": {"status": "Failure"}}\n',
    "ERROR with a code of 0": '{"type": "ERROR", "object": {"code": 0}}\n',
    "ERROR with a code in text": '{"type": "ERROR", "object": {"code": "410"}}\n',
    "ERROR without an object": '{"type": "ERROR"}\n',
    "no JSON": PAGE,
    "no object": "5\n",
    "no type": '{"object": {}}\n',
    "no version": '{"type": "ADDED", "object": {"metadata": {}}}\n',
}


@contextmanager
def server(tmp_path: Path, watch: str, listing: str = LIST, more: int = 0) -> Iterator[Client]:
    """A client of a server that answers lists and watches in this manner, and keeps `more` bytes to itself."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_GET(self) -> None:
            body = (watch if "watch=true" in self.path else listing).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body) + more))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Nobody reads it."""

    with serving(Handler) as url, connect(kubeconfig(tmp_path, url)) as client:
        yield client


def kubeconfig(tmp_path: Path, url: str) -> Path:
    file = tmp_path / "kubeconfig"
    context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [context],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    file.write_text(yaml.safe_dump(document))
    return file


class Waits:
    """The reflector's pauses, which end it after ten."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.stop = threading.Event()

    def take(self, seconds: float) -> None:
        self.seconds.append(seconds)
        if len(self.seconds) == 10:
            self.stop.set()


def paused(client: Client, on_event: list[Event]) -> tuple[Waits, Hearing]:
    waits, hearing = Waits(), Hearing("ClusterConfiguration")
    reflector = Reflector(lambda: client, KIND, "slipway-system", on_event.append)
    reflector.run(waits.stop, hearing=hearing, pause=Pause(waits.take))
    return waits, hearing


@pytest.mark.parametrize("watch", WATCHES.values(), ids=WATCHES)
def test_two_tries_are_apart_by_a_pause_that_grows(tmp_path: Path, watch: str) -> None:
    told: list[Event] = []
    with server(tmp_path, watch) as client:
        waits, hearing = paused(client, told)
    assert [event.kind for event in told] == ["Synchronization"] * 10  # each time it lists again
    assert all(0.1 * 2**n <= seconds <= 0.2 * 2**n for n, seconds in enumerate(waits.seconds[:6]))
    assert all(5 <= seconds <= 10 for seconds in waits.seconds[6:])
    assert hearing.breaks == 10
    assert hearing.failure


def test_a_list_that_is_none_is_tried_again(tmp_path: Path) -> None:
    told: list[Event] = []
    with server(tmp_path, "", listing=PAGE) as client:
        _, hearing = paused(client, told)
    assert told == []
    assert "upstream error" in hearing.failure


def test_a_fault_of_the_callback_ends_no_watch(tmp_path: Path) -> None:
    waits, hearing = Waits(), Hearing("ClusterConfiguration")
    with server(tmp_path, BOOKMARK) as client:
        reflector = Reflector(lambda: client, KIND, "", lambda event: {}[event.kind])  # type: ignore[func-returns-value]
        reflector.run(waits.stop, hearing=hearing, pause=Pause(waits.take))
    assert hearing.failure == "KeyError(<ChangeKind.SYNCHRONIZATION: 'Synchronization'>)"


def test_a_watch_says_what_arrived_instead_of_an_event(tmp_path: Path) -> None:
    with server(tmp_path, PAGE) as client, pytest.raises(TransientError) as raised:
        list(client.watch(*KIND, since="5"))
    assert raised.value.why == PAGE.strip()


def test_a_watch_on_which_nothing_is_heard_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody keeps the connection open; an API server would send its bookmarks."""
    monkeypatch.setattr("slipway.cluster.rest.client.SILENCE", 0.3)
    silent = pytest.raises(TransientError, match="does not answer")
    with server(tmp_path, BOOKMARK, more=1000) as client, silent:
        list(client.watch(*KIND, since="5"))


def test_the_kernel_asks_a_silent_peer_whether_it_lives(tmp_path: Path) -> None:
    with server(tmp_path, BOOKMARK) as client, client.open_watch(*KIND, since="5") as answer:
        sock = answer._response._connection.sock
        idle, interval, count = transport.KEEPALIVE
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == idle
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == interval
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == count
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 25000
