"""A registry or other server may answer anything: it is refused in a sentence, and fills neither memory nor disk."""

import contextlib
import gzip
import importlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import ansible.module_utils
import ansible.modules
import pytest

from slipway.bundle.form.layout import OCI_INDEX, OCI_MANIFEST
from slipway.bundle.registry import answers
from slipway.bundle.registry.client import RegistryClient, RegistryError
from slipway.bundle.registry.referrers import MOST, referrer_tree
from slipway.bundle.registry.web import Web
from slipway.digests import digest_of
from slipway.errors import BundleError
from slipway.settings import data_dir
from slipway.smallfiles import LIMIT

ansible.module_utils.__path__.append(str(data_dir() / "plugins/module_utils"))
ansible.modules.__path__.append(str(data_dir() / "plugins/modules"))
on_hosts: Any = importlib.import_module("ansible.module_utils.slipway_registry")
slipway_artifact: Any = importlib.import_module("ansible.modules.slipway_artifact")
Act = Callable[["Hostile"], None]
ONE, OTHER = digest_of(b"1"), digest_of(b"2")
#: What it says besides a long answer: its length, which is a lie.
ENDLESS = str(1 << 40)
BOMB = gzip.compress(bytes(LIMIT + 1), 1)


class Hostile(BaseHTTPRequestHandler):
    """Does what a test says."""

    protocol_version = "HTTP/1.1"
    act: ClassVar[Act]
    sent: ClassVar[int] = 0

    def do_GET(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):  # the client has enough
            type(self).act(self)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""

    def say(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        told = {"Connection": "close", "Content_Length": str(len(body)), **headers}
        for name, value in told.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def flood(self, status: int = 200, **headers: str) -> None:
        self.say(status, Content_Length=ENDLESS, **headers)
        type(self).sent = 0
        while type(self).sent < 8 * LIMIT:
            type(self).sent += self.wfile.write(bytes(1 << 20))


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def client(url: str, *, outside: bool = False) -> RegistryClient:
    return RegistryClient(url, pauses=(), outside=outside)


def challenged(answer: bytes) -> Act:
    """It wants a token, and this is what its service gives."""

    def act(one: Hostile) -> None:
        here = f"http://127.0.0.1:{one.server.server_address[1]}"
        if one.path.startswith("/token"):
            one.say(200, answer)
        elif "Authorization" in one.headers:
            one.say(200, b"{}")
        else:
            one.say(401, WWW_Authenticate=f'Bearer realm="{here}/token",service="x"')

    return act


def answered(body: bytes = b"", status: int = 200, **headers: str) -> Act:
    return lambda one: one.say(status, body, **headers)


ODD: dict[str, tuple[Act, Callable[[RegistryClient], Any]]] = {
    "a list of tags that is a list": (answered(b"[1]"), lambda one: one.tags("r")),
    "no JSON": (answered(b"{"), lambda one: one.tags("r")),
    "levels without end": (answered(b"[" * 100_000), lambda one: one.tags("r")),
    "no UTF-8": (answered(b'{"tags": ["\xff"]}'), lambda one: one.tags("r")),
    "tags that are a number": (answered(b'{"tags": 5}'), lambda one: one.tags("r")),
    "tags that are none": (answered(b'{"tags": [[]]}'), lambda one: one.tags("r")),
    "referrers that are none": (
        answered(b'{"manifests": [1]}', Content_Type=OCI_INDEX),
        lambda one: one.referrers("r", ONE),
    ),
    "a pause of no number": (answered(status=503, Retry_After="\xb2"), lambda one: one.ping()),
    "on to nowhere": (answered(status=302, Location="http://["), lambda one: one.ping()),
    "an upload to nowhere": (
        answered(status=202, Location="http://["),
        lambda one: one.put_blob("r", ONE, b""),
    ),
    "a token that is a list": (challenged(b"[1]"), lambda one: one.ping()),
    "a token with another header": (challenged(b'{"token": "a\\nX: y"}'), lambda one: one.ping()),
    "a token of no letters": (challenged('{"token": "中"}'.encode()), lambda one: one.ping()),
    "a piece of less than nothing": (
        lambda one: (
            one.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc") and None
        ),
        lambda one: one.get_manifest("r", "t"),
    ),
    "a bomb": (answered(BOMB, Content_Encoding="gzip"), lambda one: one.get_manifest("r", "t")),
}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_answer_is_refused_in_a_sentence(url: str, name: str) -> None:
    Hostile.act, ask = ODD[name]
    with pytest.raises(RegistryError):
        ask(client(url, outside=True))


def test_a_length_of_no_number_is_no_length(url: str) -> None:
    Hostile.act = answered(Content_Length="\xb2")
    assert Web(accounts={}, pauses=()).size(f"{url}/file") == 0


def test_pages_without_end_are_given_up(url: str) -> None:
    def page(one: Hostile) -> None:
        more = f'</v2/r/more?after={len(one.path)}>; rel="next"'
        one.say(200, b'{"tags": [], "manifests": []}', Content_Type=OCI_INDEX, Link=more)

    Hostile.act = page
    with pytest.raises(RegistryError, match="does not end"):
        client(url).tags("r")
    with pytest.raises(RegistryError, match="does not end"):
        client(url).referrers("r", ONE)


def referring(one: Hostile, digests: list[str]) -> None:
    found = [{"mediaType": OCI_MANIFEST, "digest": digest} for digest in digests]
    one.say(200, json.dumps({"manifests": found}).encode(), Content_Type=OCI_INDEX)


def test_referrers_in_a_circle_are_met_once(url: str) -> None:
    Hostile.act = lambda one: referring(one, [ONE, OTHER])
    assert list(referrer_tree(client(url), "r", ONE)) == [(ONE, OTHER)]


@pytest.mark.parametrize("many", [1, MOST + 1], ids=["ever deeper", "ever more"])
def test_referrers_without_end_are_given_up(url: str, many: int) -> None:
    Hostile.act = lambda one: referring(
        one, [digest_of(f"{one.path}{number}".encode()) for number in range(many)]
    )
    with pytest.raises(BundleError, match="do not end"):
        list(referrer_tree(client(url), "r", ONE))


@pytest.mark.parametrize("status", [200, 401, 500])
def test_an_answer_without_an_end_fills_no_memory(url: str, status: int) -> None:
    Hostile.act = lambda one: one.flood(status)
    for ask in (
        lambda one: one.get_manifest("r", "t"),
        lambda one: one.read_blob("r", ONE),
        lambda one: one.tags("r"),
    ):
        with pytest.raises(RegistryError):
            ask(client(url))
        assert Hostile.sent < 2 * LIMIT
    if status == 200:
        client(url).ping()
        assert Hostile.sent < LIMIT


def test_a_file_without_an_end_fills_no_disk(url: str, tmp_path: Path) -> None:
    Hostile.act = lambda one: one.flood()
    with pytest.raises(RegistryError, match="other contents"):
        client(url).get_blob("r", ONE, tmp_path / "file", size=10)
    assert Hostile.sent < LIMIT
    assert list(tmp_path.iterdir()) == []


def test_a_file_without_an_end_fills_no_hosts_disk(url: str, tmp_path: Path) -> None:
    Hostile.act = lambda one: one.flood()
    with pytest.raises(on_hosts.Lacking, match="damaged"):
        on_hosts.Registry(url).download("r", ONE, str(tmp_path / "file"), 10)
    assert Hostile.sent < LIMIT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answer", [b"[1]", b"{}", b"[" * 100_000, b"\xff"])
def test_no_odd_token_is_a_hosts(url: str, tmp_path: Path, answer: bytes) -> None:
    Hostile.act = challenged(answer)
    with pytest.raises(on_hosts.HostError, match="no pull token"):
        on_hosts.Registry(url).download("r", ONE, str(tmp_path / "file"), 10)


@pytest.mark.parametrize("name", ["../packages.slipway-newer/x", "../x", "/etc/x", ".."])
def test_no_member_of_an_archive_leaves_its_directory(tmp_path: Path, name: str) -> None:
    """One whose name begins like the directory's did."""
    root = tmp_path / "packages.slipway-new"
    slipway_artifact.refuse_escape(str(root), "dists/x")
    with pytest.raises(on_hosts.HostError, match="leaves"):
        slipway_artifact.refuse_escape(str(root), name)


def test_an_answer_by_drops_is_given_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SECONDS", 0.5)

    def drop(one: Hostile) -> None:
        one.say(200, Content_Length=ENDLESS)
        while True:
            one.wfile.write(b" ")
            threading.Event().wait(0.05)

    Hostile.act = drop
    with pytest.raises(RegistryError, match="does not end"):
        client(url).tags("r")
